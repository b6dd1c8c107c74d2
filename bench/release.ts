/**
 * What `npm pack` ships, made in place of the compiled modules: `release.js in` before packing, `release.js out` after it; `release.js weigh` says
 * what it weighs, and `release.js beside` leaves its modules beside the compiled ones, for benchmarks. One small file per entry point and shared
 * pieces beside the threads' files, minified, with source maps that hold the sources; one declaration file per entry, which names
 * nothing but itself and Node; and a short README. Entry points are what package.json exports and runs, and every file that a thread is started from.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, relative } from 'node:path'
import { build, type Metafile, type Plugin, transform } from 'esbuild'
import { minify } from 'terser'
import { buildDeclarations, type Entries } from './release/declarations.ts'
import { packedReadme } from './release/readme.ts'
import { account } from './release/weight.ts'

const root = join(import.meta.dirname, '..', '..')
const dist = join(root, 'dist')
const RELEASE = join(dist, 'release')
const ASIDE = join(dist, 'unpacked')
const README = join(root, 'README.md')
const WHOLE_README = join(ASIDE, 'README.md')
/** What is swapped. Without its notes the compiler writes all modules anew should a swap be cut short. */
const SWAPPED = ['src', 'workers', '.tsbuildinfo']

/** A thread's file, as it must be named in `workers/` for us and for bundlers to find it. */
const THREAD_FILE = /new URL\('\.\/([\w-]+)\.js', import\.meta\.url\)/g

/** Compiled files that package.json and the sources of threads speak of, relative to `dist`, without extension. */
function entriesOf(manifest: { exports: Record<string, unknown>; bin: Record<string, string> }): Entries {
  const targets = [...JSON.stringify(manifest.exports).matchAll(/"\.\/dist\/([\w/-]+)\.js"/g)]
  const exported = targets.map(([, path]) => path)
  const threads = readdirSync(join(root, 'workers'))
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(join(root, 'workers', file), 'utf8').matchAll(THREAD_FILE)])
    .map(([, name]) => `workers/${name}`)
  const bins = Object.values(manifest.bin).map((path) => path.replace(/^\.\/dist\/|\.js$/g, ''))
  return {
    modules: exported,
    programs: [...new Set([...threads, ...bins])],
  }
}

/** Classes of errors are known by name, to hosts and to another copy of the package: minifying must leave those names. */
const keepErrorNames: Plugin = {
  name: 'keep the names of errors',
  setup({ onLoad }) {
    onLoad({ filter: /src\/errors\/\w+\.ts$/ }, async ({ path }) => {
      const options = { loader: 'ts', keepNames: true, sourcemap: 'inline', sourcefile: path } as const
      const { code } = await transform(readFileSync(path, 'utf8'), options)
      return { contents: code, loader: 'js' }
    })
  },
}

async function buildModules({ modules, programs }: Entries): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries([...modules, ...programs].map((path) => [path, `${path}.ts`])),
    outdir: RELEASE,
    // Beside the threads' files, which the pieces name relative to themselves.
    chunkNames: 'workers/[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    minify: true,
    // As the linter wants it written, it is 24 letters; so it becomes `1/0`.
    define: { 'Number.POSITIVE_INFINITY': 'Infinity' },
    charset: 'utf8',
    sourcemap: 'linked',
    plugins: [keepErrorNames],
    logLevel: 'warning',
    metafile: true,
  })
  return metafile
}

/** What a second tool finds to leave out: a hundredth and a half, and the package is near its bound. */
async function minifyAgain(): Promise<void> {
  for (const name of readdirSync(RELEASE, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.js')) continue
    const file = join(RELEASE, name)
    const { code, map } = await minify(readFileSync(file, 'utf8'), {
      module: true,
      ecma: 2020,
      compress: { passes: 3, keep_fargs: false },
      // Node shows the line in which an error arose: whoever's first join fails must not get a screenful of ours before the reason.
      format: { max_line_len: 1_000 },
      sourceMap: {
        includeSources: true,
        content: readFileSync(`${file}.map`, 'utf8'),
        url: `${basename(file)}.map`,
      },
    })
    writeFileSync(file, code ?? '')
    writeFileSync(`${file}.map`, String(map))
  }
}

function swap(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of SWAPPED) {
    if (existsSync(join(from, name))) renameSync(join(from, name), join(to, name))
  }
}

function entriesHere(): Entries {
  return entriesOf(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
}

/** What runs of it, beside what is there. */
async function makeModules(entries: Entries): Promise<Metafile> {
  rmSync(RELEASE, { recursive: true, force: true })
  const metafile = await buildModules(entries)
  await minifyAgain()
  return metafile
}

/** All of it. */
async function make(): Promise<Metafile> {
  const entries = entriesHere()
  const metafile = await makeModules(entries)
  buildDeclarations(RELEASE, entries)
  return metafile
}

async function weigh(): Promise<void> {
  const metafile = await make()
  const bytesOf = (file: string) => statSync(join(root, file)).size
  const texts = {
    'README.md': Buffer.byteLength(packedReadme(readFileSync(README, 'utf8'))),
    LICENSE: bytesOf('LICENSE'),
    'package.json': bytesOf('package.json'),
  }
  console.log(account(RELEASE, metafile, texts))
  rmSync(RELEASE, { recursive: true })
}

async function swapIn(): Promise<void> {
  // One that was cut short left the short README in place of the whole one.
  restoreReadme()
  rmSync(ASIDE, { recursive: true, force: true })
  await make()
  const whole = readFileSync(README, 'utf8')
  const short = packedReadme(whole)
  swap(dist, ASIDE)
  swap(RELEASE, dist)
  writeFileSync(WHOLE_README, whole)
  writeFileSync(README, short)
}

function restoreReadme(): void {
  if (existsSync(WHOLE_README)) renameSync(WHOLE_README, README)
}

function swapOut(): void {
  restoreReadme()
  for (const name of SWAPPED) rmSync(join(dist, name), { recursive: true, force: true })
  swap(ASIDE, dist)
  rmSync(RELEASE, { recursive: true, force: true })
  rmSync(ASIDE, { recursive: true, force: true })
}

if (process.argv[2] === 'in') await swapIn()
else if (process.argv[2] === 'out') swapOut()
else if (process.argv[2] === 'weigh') await weigh()
else if (process.argv[2] === 'beside') await makeModules(entriesHere())
else throw new Error(`${relative(process.cwd(), import.meta.filename)} in|out|weigh|beside`)
