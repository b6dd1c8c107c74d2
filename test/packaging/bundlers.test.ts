/**
 * Bundled as the README says, a program with two members of three threads each runs without any `node_modules` around it, and ends by
 * itself; under Vitest it needs nothing said.
 */
import assert from 'node:assert/strict'
import { cpSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { bundlers, consumer, folderIn, recipe, run, withoutRegistry } from './workshop.ts'

const skip = await withoutRegistry()

const MEET = `
async function meet(Cluster, options) {
  const create = (nodeName) => Cluster.create({ nodeName, bind: '127.0.0.1:0', ...options })
  const [one, two] = await Promise.all([create('one'), create('two')])
  await two.join([\`127.0.0.1:\${one.localMember().port}\`])
  const names = two.members().map(({ name }) => name)
  await Promise.all([one.shutdown(), two.shutdown()])
  return names
}`
const MAIN = `import { dirname, join } from 'node:path'
import { Cluster } from 'folkmoot'
${MEET}
async function handled() {
  const cluster = await Cluster.create({ nodeName: 'one', bind: '127.0.0.1:0', threads: 'one' })
  const heard = new Promise((resolve) => cluster.once('handler-failed', resolve))
  try {
    cluster.handle('query', 'who', { module: join(dirname(process.argv[1]), 'handler.mjs'), export: 'who' })
    const { answers } = await cluster.query('who', undefined, { timeout: 30_000 }).finished
    return answers.length === 1 ? Buffer.from(answers[0].payload).toString() : (await heard).error
  } catch (error) {
    return error.code
  } finally {
    await cluster.shutdown()
  }
}
if (process.argv[2] === 'handle') console.log(await handled())
else console.log(\`\${(await meet(Cluster, { threads: process.argv[2] })).length} members\`)
`

/** A folder that sees the packed package and the bundlers. */
async function workplace(t: TestContext, files: Record<string, string>): Promise<string> {
  const [package_, tools] = [await consumer(), await bundlers()]
  const folder = folderIn(t, tools, files)
  symlinkSync(join(package_, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** Moves what was built to where nothing else is. */
function alone(t: TestContext, built: string, main: string): string {
  const folder = folderIn(t, tmpdir(), {
    'package.json': main.endsWith('.cjs') ? '{}' : '{ "type": "module" }',
    'handler.mjs':
      "import { isMainThread } from 'node:worker_threads'\nexport const who = () => 'main: ' + isMainThread\n",
  })
  cpSync(built, folder, { recursive: true })
  return folder
}

async function start(folder: string, main: string, ...args: string[]): Promise<string> {
  return await run(process.execPath, [join(folder, main), ...args], { timeout: 30_000 })
}

for (const [bundler, main] of [
  ['esbuild', 'main.js'],
  ['rolldown', 'main.js'],
  ['webpack', 'main.mjs'],
]) {
  test(`${bundler}, as the README says`, { skip }, async (t) => {
    const folder = await workplace(t, { 'main.js': MAIN, 'build.mjs': recipe(bundler) })
    await run(process.execPath, ['build.mjs'], { cwd: folder })
    const built = join(folder, bundler === 'webpack' ? 'dist' : 'out')
    const home = alone(t, built, main)
    for (const threads of ['per-actor', 'one']) {
      assert.equal(await start(home, main, threads), '2 members\n')
    }
    // What webpack builds knows the path where the package lay, and here it still does.
    const without = bundler === 'webpack' ? 'main: false\n' : 'ERR_HANDLERS_UNAVAILABLE\n'
    assert.equal(await start(home, main, 'handle'), without)
    // As after `npm install piscina` there.
    symlinkSync(join(await consumer(), 'node_modules'), join(home, 'node_modules'))
    assert.equal(await start(home, main, 'handle'), 'main: false\n')
  })
}

test('a bundle in CommonJS is told where the files of its threads lie', { skip }, async (t) => {
  const main = `const { Cluster } = require('folkmoot')
const { join } = require('node:path')
${MEET}
const names = ['detector', 'gossip', 'dispatch']
const workers = Object.fromEntries(names.map((name) => [name, join(__dirname, 'threads', \`\${name}.cjs\`)]))
meet(Cluster, { workers }).then((names) => console.log(\`\${names.length} members\`))
`
  const build = recipe('esbuild')
    .replace('out }))', "out: 'threads/' + out }))")
    .replace("format: 'esm'", "format: 'cjs', outExtension: { '.js': '.cjs' }, logLevel: 'error'")
  const folder = await workplace(t, { 'main.js': main, 'build.mjs': build, 'package.json': '{}' })
  await run(process.execPath, ['build.mjs'], { cwd: folder })
  assert.equal(await start(alone(t, join(folder, 'out'), 'main.cjs'), 'main.cjs'), '2 members\n')
})

for (const pool of ['forks', 'threads']) {
  test(`Vitest as a host, tests in ${pool}`, { skip }, async (t) => {
    const suite = `import { Cluster } from 'folkmoot'
import { simulate } from 'folkmoot/simulator'
import { expect, test } from 'vitest'
${MEET}
test('two members', async () => {
  expect(await meet(Cluster, {})).toEqual(['one', 'two'])
})
test('a simulation', async () => {
  const heard = []
  const program = (cluster, { name }) => setTimeout(() => cluster.userEvent(name), 3_600_000)
  const sim = await simulate({ nodes: 4, program })
  sim.nodes[0].cluster.on('user-event', ({ name }) => heard.push(name))
  sim.partition(sim.nodes.slice(0, 2))
  await sim.advance('2h')
  expect(heard.sort()).toEqual(['n1', 'n2'])
  sim.heal()
  await sim.until(() => sim.isOneView)
  await sim.end()
  expect(Date.now()).toBeGreaterThan(Date.UTC(2026, 0, 1, 3))
})
`
    const folder = await workplace(t, { 'two.test.js': suite })
    const vitest = join(await bundlers(), 'node_modules', 'vitest', 'vitest.mjs')
    const output = await run(process.execPath, [vitest, 'run', `--pool=${pool}`, '--testTimeout=60000'], {
      cwd: folder,
    })
    assert.match(output, /2 passed/)
    assert.doesNotMatch(output, /unhandled|did not exit|close timed out/i)
  })
}
