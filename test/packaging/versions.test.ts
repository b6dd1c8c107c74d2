/**
 * The packed package on the other versions of Node it is for, from the binaries that the registry has: in CI, and elsewhere when
 * FOLKMOOT_NODES is set. Members on both placements in threads, an agent's command line, and a wire round trip.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { consumer, folderIn, kept, run, withoutRegistry } from './workshop.ts'

const isAsked = process.env.CI !== undefined || process.env.FOLKMOOT_NODES !== undefined
const skip = isAsked
  ? await withoutRegistry()
  : 'other versions of Node are tried in CI, or with FOLKMOOT_NODES set'

const PROGRAM = `import { Cluster } from 'folkmoot'
import { simulate } from 'folkmoot/simulator'
import { decodePacket, encodeTree } from 'folkmoot/wire'

for (const threads of ['per-actor', 'one', 'none']) {
  const create = (nodeName) => Cluster.create({ nodeName, bind: '127.0.0.1:0', threads, encryptionKeys: [Buffer.alloc(32, 7)] })
  const [one, two] = await Promise.all([create('one'), create('two')])
  await two.join([\`127.0.0.1:\${one.localMember().port}\`])
  two.on('query', (query) => query.respond('here'))
  const { how } = await one.query('where', undefined, { nodes: ['two'], timeout: 30_000 }).finished
  await two.leave()
  await Promise.all([one.shutdown(), two.shutdown()])
  console.log(threads, how)
}
const sim = await simulate({ nodes: 3 })
sim.partition([sim.nodes[0]])
await sim.until(() => sim.nodes[0].cluster.members({ status: 'failed' }).length === 2)
await sim.end()
const ping = { type: 'message', name: 'ping', fields: { Node: 'web-1', SeqNo: 7 } }
console.log(decodePacket(encodeTree(ping)).name, process.version)
`

for (const version of ['22', '24']) {
  test(`Node ${version}`, { skip }, async (t) => {
    const home = await kept('node', version, async (folder) => {
      await run('npm', ['install', `node@${version}`, '--prefix', folder, '--no-audit', '--no-fund'], {
        cwd: folder,
      })
    })
    const node = join(home, 'node_modules', 'node', 'bin', 'node')
    const folder = folderIn(t, await consumer(), { 'program.mjs': PROGRAM })
    const output = await run(node, ['program.mjs'], { cwd: folder, timeout: 60_000 })
    assert.match(
      output,
      new RegExp(`per-actor answered\\none answered\\nnone answered\\nping v${version}\\.`),
    )
    const command = join(await consumer(), 'node_modules', 'folkmoot', 'dist', 'workers', 'cli', 'main.js')
    assert.match(await run(node, [command, 'version']), /Agent Protocol/)
  })
}
