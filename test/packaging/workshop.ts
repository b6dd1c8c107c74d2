/**
 * The package as its users get it: packed by `npm pack` from a copy of this tree, installed into an empty folder, beside it the bundlers. Each
 * is made once and kept under the system's folder for temporary files, by what it was made from: test files share it, and so do later runs.
 */
import assert from 'node:assert/strict'
import { type ExecFileOptions, execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'

export const root = join(import.meta.dirname, '..', '..', '..')
export const readme = readFileSync(join(root, 'README.md'), 'utf8')
const keptIn = join(tmpdir(), 'folkmoot-packaging')

/** What the tarball is made from. */
const SOURCES = ['package.json', 'tsconfig.json', 'README.md', 'LICENSE', 'src', 'workers', 'bench']
const MAKING = 180_000
/** What an older tree left behind goes after so long. */
const STALE = 3_600_000

const execute = promisify(execFile)

/** Runs a program to its end; rejects with all it said when it fails. */
export async function run(file: string, args: string[], options: ExecFileOptions = {}): Promise<string> {
  // Neither the runner of our tests nor the npm that called it is the business of what is started here.
  const env = Object.fromEntries(
    Object.entries({ ...process.env, ...options.env }).filter(([name]) => !/^(npm_|NODE_TEST)/.test(name)),
  )
  const settings = { timeout: MAKING, maxBuffer: 2 ** 26, ...options, env, encoding: 'utf8' } as const
  const { stdout, stderr } = await execute(file, args, settings).catch((error) => {
    throw new Error(`${file} ${args.join(' ')}\n${error.stdout}\n${error.stderr}\n${error.message}`)
  })
  return `${stdout}${stderr}`
}

/** Why tests that need the registry cannot run here; in CI they run, and fail, all the same. */
export async function withoutRegistry(): Promise<string | false> {
  if (process.env.CI !== undefined) return false
  const answer = await run('npm', ['ping'], { timeout: 10_000 }).catch((error: Error) => error)
  if (!(answer instanceof Error)) return false
  const reason = 'the registry of npm cannot be reached'
  console.log(`\n*** SKIPPED: ${reason}, so nothing can be installed. ***\n`)
  return reason
}

/** The folder named `kind` and what it is made from, made now unless it is there. Others wait for who makes it. */
export async function kept(
  kind: string,
  from: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(keptIn, `${kind}-${from}`)
  const lock = `${folder}.lock`
  mkdirSync(keptIn, { recursive: true })
  const endsAt = performance.now() + MAKING
  while (!existsSync(folder)) {
    if (take(lock)) {
      try {
        if (!existsSync(folder)) await makeWhole(folder, make)
      } finally {
        rmdirSync(lock)
      }
    }
    assert.ok(performance.now() < endsAt, `${folder} was not made in time`)
    if (!existsSync(folder)) await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return folder
}

/** Makes a folder under another name first, so that it is there as a whole or not at all. */
async function makeWhole(folder: string, make: (folder: string) => Promise<void>): Promise<void> {
  const [kind] = folder.split('/').at(-1)?.split('-') ?? []
  for (const name of readdirSync(keptIn)) {
    const path = join(keptIn, name)
    const isStale = name.startsWith(`${kind}-`) && Date.now() - statSync(path).mtimeMs > STALE
    if (isStale) rmSync(path, { recursive: true, force: true })
  }
  const part = mkdtempSync(`${folder}.part-`)
  await make(part)
  renameSync(part, folder)
}

function take(lock: string): boolean {
  if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > MAKING) {
    rmSync(lock, { recursive: true, force: true })
  }
  try {
    mkdirSync(lock)
    return true
  } catch {
    return false
  }
}

function hashOf(...paths: string[]): string {
  const hash = createHash('sha256').update(process.version)
  const add = (path: string): void => {
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name))
    else hash.update(path).update(readFileSync(path))
  }
  for (const path of paths) add(join(root, path))
  return hash.digest('hex').slice(0, 12)
}

/** The tarball, packed as a maintainer packs it, scripts and all. */
export async function tarball(): Promise<string> {
  const folder = await kept('tarball', hashOf(...SOURCES), async (folder) => {
    const tree = join(folder, 'tree')
    for (const path of [...SOURCES, 'dist/src', 'dist/workers', 'dist/bench']) {
      cpSync(join(root, path), join(tree, path), { recursive: true })
    }
    // It is compiled: only what packing adds is done there.
    const manifest = readFileSync(join(root, 'package.json'), 'utf8')
    writeFileSync(join(tree, 'package.json'), manifest.replace(/"build": ".*"/, '"build": "true"'))
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
    const before = hashOfFolder(join(tree, 'dist', 'src'))
    await run('npm', ['pack', '--pack-destination', folder], { cwd: tree })
    assert.equal(
      hashOfFolder(join(tree, 'dist', 'src')),
      before,
      'packing leaves the compiled modules as they were',
    )
    assert.deepEqual(readdirSync(join(tree, 'dist')).sort(), ['bench', 'src', 'workers'])
    assert.equal(readFileSync(join(tree, 'README.md'), 'utf8'), readme, 'packing leaves the README as it was')
    rmSync(tree, { recursive: true })
  })
  const [file] = readdirSync(folder)
  return join(folder, file)
}

function hashOfFolder(folder: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    hash.update(name)
    if (name.endsWith('.js')) hash.update(readFileSync(join(folder, name)))
  }
  return hash.digest('hex')
}

/** A folder that was empty and into which the tarball was installed. */
export async function consumer(): Promise<string> {
  const packed = await tarball()
  return await kept('consumer', hashOf(...SOURCES), async (folder) => {
    writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "private": true }\n')
    await run('npm', ['install', packed, '--prefer-offline', '--no-audit', '--no-fund'], { cwd: folder })
  })
}

/** A folder with the bundlers, from their own lock file. */
export async function bundlers(): Promise<string> {
  const fixture = 'test/packaging/consumers'
  return await kept('bundlers', hashOf(fixture), async (folder) => {
    cpSync(join(root, fixture), folder, { recursive: true })
    await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: folder })
  })
}

/** A folder of a test's own inside another, with the files that it is given. */
export function folderIn(t: TestContext, parent: string, files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(parent, 'test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** A program of the README, by the word after ```js. */
export function recipe(word: string): string {
  const found = readme.match(new RegExp(`\`\`\`js ${word}\\n(.*?)\`\`\``, 's'))
  assert.ok(found, `the README has a program marked «js ${word}»`)
  return found[1]
}
