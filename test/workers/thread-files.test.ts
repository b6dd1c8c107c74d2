/** Where the threads' files lie can be said: such a file is started in place of ours, and one that is not there fails the start. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Cluster, type ThreadName } from 'folkmoot'

const ours = (name: ThreadName) => new URL(`../../workers/${name}.js`, import.meta.url)

/** A file that leaves a mark and goes on as ours. */
function marked(t: TestContext, name: ThreadName): { file: string; mark: string } {
  const folder = mkdtempSync(join(tmpdir(), 'folkmoot-thread-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const mark = join(folder, 'mark')
  const file = join(folder, `${name}.mjs`)
  writeFileSync(
    file,
    `import { writeFileSync } from 'node:fs'\nwriteFileSync(${JSON.stringify(mark)}, '${name}')\nawait import('${ours(name)}')\n`,
  )
  return { file, mark }
}

for (const threads of ['per-actor', 'one'] as const) {
  test(`${threads}: the files that are named are the ones that run, as path, as text and as URL`, async (t) => {
    const names: ThreadName[] = threads === 'one' ? ['member'] : ['detector', 'gossip', 'dispatch']
    const files = names.map((name) => marked(t, name))
    const forms = [(file: string) => file, (file: string) => pathToFileURL(file).href, pathToFileURL]
    const workers = Object.fromEntries(names.map((name, i) => [name, forms[i](files[i].file)]))
    const cluster = await Cluster.create({ nodeName: 'moved', bind: '127.0.0.1:0', threads, workers })
    t.after(() => cluster.shutdown())
    assert.deepEqual(
      files.map(({ mark }) => readFileSync(mark, 'utf8')),
      names,
    )
    assert.equal(cluster.localMember().status, 'alive')
  })
}

test('a file that is not there ends the start, and its address is in the cause', async () => {
  const workers = { gossip: '/nowhere/gossip.js' }
  await assert.rejects(Cluster.create({ nodeName: 'lost', bind: '127.0.0.1:0', workers }), (error) => {
    assert.ok(error instanceof Error)
    assert.match(`${error.message} ${error.cause}`, /nowhere\/gossip\.js/)
    return true
  })
})
