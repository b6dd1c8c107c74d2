/** Who is let in, with real members: a module that judges beside the gossip actor, a join that is refused, networks that do not cover us. */
import assert from 'node:assert/strict'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Cluster } from 'folkmoot'

async function judge(text: string): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'folkmoot-')), 'judge.mjs')
  await writeFile(file, text)
  return pathToFileURL(file).href
}

for (const threads of ['per-actor', 'none'] as const) {
  test(`a module that judges, with threads ${threads}: a refused join says why, and both know nobody but themselves`, async () => {
    const url = await judge(`export const rules = {
      merge: (members) => (members.some(({ name }) => name === 'banned') ? 'banned since yesterday' : undefined),
      alive: ({ name }) => (name === 'banned' ? 'banned since yesterday' : undefined),
    }`)
    await using banned = await Cluster.create({ nodeName: 'banned', bind: '127.0.0.1:0', threads: 'none' })
    await using strict = await Cluster.create({
      nodeName: 'strict',
      bind: '127.0.0.1:0',
      threads,
      admit: { module: { url, export: 'rules' } },
    })
    const { address, port } = banned.localMember()
    await assert.rejects(strict.join([`${address}:${port}`]), {
      code: 'ERR_JOIN_REFUSED',
      reason: 'rule',
      message: /banned since yesterday/,
    })
    assert.deepEqual(
      strict.members().map(({ name }) => name),
      ['strict'],
    )
    const refused = new Promise((resolve) => strict.once('member-refused', resolve))
    const own = strict.localMember()
    await assert.rejects(banned.join([`${own.address}:${own.port}`]), {
      code: 'ERR_JOIN_REFUSED',
      reason: 'rule',
    })
    const notice: unknown = await Promise.race([
      refused,
      new Promise((resolve) => setTimeout(resolve, 20_000, undefined).unref()),
    ])
    // The whole pool was refused before any of its members was looked at; by gossip it is refused alone.
    if (notice !== undefined) assert.equal(Reflect.get(Object(notice), 'name'), 'banned')
    assert.equal(strict.memberCount, 1)
  })
}

test('a module that cannot be loaded, and networks that do not cover our own address, refuse the start', async () => {
  const url = await judge('export const nothing = 1')
  await assert.rejects(Cluster.create({ bind: '127.0.0.1:0', nodeName: 'a', admit: { module: { url } } }), {
    code: 'ERR_INVALID_OPTION',
    message: /admit\.module/,
  })
  await assert.rejects(Cluster.create({ bind: '127.0.0.1:0', nodeName: 'a', cidrsAllowed: ['10.0.0.0/8'] }), {
    code: 'ERR_INVALID_OPTION',
    message: /127\.0\.0\.1/,
  })
})
