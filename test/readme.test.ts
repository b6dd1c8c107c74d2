/** The README's programs run as they stand there, and the one that newcomers copy is the one in the example. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Cluster } from 'folkmoot'
import { eventually } from './eventually.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const programs = [...readme.matchAll(/```js run\n(.*?)```/gs)].map(([, program]) => program)

/** Runs a program of the README; inside this package `folkmoot` is found by its own name, through its `exports`. */
function start(
  t: TestContext,
  program: string,
  args: string[] = [],
): { child: ChildProcess; output: () => string } {
  const folder = mkdtempSync(join(root, 'dist', 'readme-'))
  writeFileSync(join(folder, 'program.mjs'), program)
  const child = spawn(process.execPath, [join(folder, 'program.mjs'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  let output = ''
  child.stdout.on('data', (text) => {
    output += text
  })
  child.stderr.on('data', (text) => {
    output += text
  })
  return { child, output: () => output }
}

const until = (holds: () => boolean, output: () => string) =>
  eventually(output, holds, { within: 20_000, every: 50 })

/** The programs of the guides by a word that only each has, and what each prints. */
const GUIDES: [word: string, output: RegExp][] = [
  ['encryptionKeys', /\[ 'one', 'two' \]/],
  ["tags: { role: 'web' }", /role: 'web'[\s\S]*b\n/],
  ["userEvent('deploy'", /deploy 1\.2\.3 1/],
  ['admit:', /guest is refused: its tag team is none of red, blue\nfriend alive /],
  ["'member-reap', 'lagged'", /\[ 'watcher' \]/],
  ["action: 'tag'", /watched for 10 s/],
  ['nearest(', /ms, once both/],
  ['new MemoryNetwork', /\[ '10.0.0.1', '10.0.0.2' \]/],
  ['simulate(', /the two let go after \d+\.\d s, the three own all/],
  ['typed(cluster', /1\.2\.3 \[\]\n\[ \{ from: 'typist', value: 30 \} \] \{ role: 'db' \}/],
  ["query('uptime'", /s\n.*s\nanswered \[\]/],
]

test('the README has the first program, and one more for each guide that is listed here', () => {
  const of = (word: string) => programs.slice(1).filter((program) => program.includes(word)).length
  assert.deepEqual(
    GUIDES.map(([word]) => of(word)),
    GUIDES.map(() => 1),
  )
  assert.equal(programs.length, 1 + GUIDES.length)
})

test('the first program joins, says who came, and leaves on a signal', {
  skip: process.platform === 'win32',
}, async (t) => {
  const seed = await Cluster.create({ nodeName: 'seed', bind: '127.0.0.1:0', threads: 'one' })
  t.after(() => seed.shutdown())
  const { address, port } = seed.localMember()
  const { child, output } = start(t, programs[0], ['newcomer', `${address}:${port}`])
  await until(() => output().includes('member-join seed'), output)
  await until(() => seed.member('newcomer')?.status === 'alive', output)
  await until(() => /\[ 'newcomer', 'seed' \]/.test(output()), output)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  assert.equal(code, 0, output())
  await until(() => seed.member('newcomer')?.status === 'left', output)
})

for (const program of programs.slice(1)) {
  const [word, printed] = GUIDES.find(([one]) => program.includes(one)) ?? ['nothing known', /^/]
  test(`the program of the guide with ${word} runs to its end by itself`, async (t) => {
    const { child, output } = start(t, program)
    const [code] = await once(child, 'exit')
    assert.equal(code, 0, output())
    assert.match(output(), printed)
  })
}

test('the example holds the lines of the first program', () => {
  const example = readFileSync(join(root, 'bench', 'start.ts'), 'utf8')
  const bare = (text: string) => text.replaceAll(' as const', '').replace(/\s+/g, ' ')
  const [, loops] = programs[0].match(/(for \(const type[\s\S]*)if \(seeds\.length/) ?? []
  assert.ok(loops, 'the program has its loops')
  assert.ok(bare(example).includes(bare(loops).trim()), 'bench/start.ts has drifted from the README')
})

test('every option that the README names exists, and every option is named', async () => {
  const { settle } = await import('../src/options/options.ts')
  const [, table] = readme.match(/## Options([\s\S]*?)## /) ?? []
  const named = [...(table ?? '').matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  )
  const settings = Object.keys(settle({}, 'h')).map((name) =>
    name.replace(/^(bind|advertise)(Ip|Port)$/, '$1'),
  )
  const all = new Set([...settings, 'profile', 'logger'])
  // Each once: two rows would say two things sooner or later.
  assert.deepEqual(named.sort(), [...all].sort())
})

for (const args of [
  ['--for', '3'],
  ['--join', 'pool', '--for', '3'],
]) {
  test(`npm start -- ${args.join(' ')} ends by itself with exit code 0`, async (t) => {
    const pool = await Cluster.create({ nodeName: 'pool', bind: '127.0.0.1:0', threads: 'none' })
    t.after(() => pool.shutdown())
    const { address, port } = pool.localMember()
    const real = args.map((arg) => (arg === 'pool' ? `${address}:${port}` : arg))
    const child = spawn(process.execPath, [join(root, 'dist', 'bench', 'start.js'), ...real])
    t.after(() => child.kill('SIGKILL'))
    const [code] = await once(child, 'exit')
    assert.equal(code, 0)
    if (args.includes('pool')) assert.equal(pool.member('newcomer')?.status, 'left')
  })
}
