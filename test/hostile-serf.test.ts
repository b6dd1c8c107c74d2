/**
 * Hostile input of the Serf layer on the sockets of a live member: times near 2^64, a prune of one who lives, empty and broken filters and payloads, ten
 * thousand names, patterns made to explode, names with line feeds. All of it is counted or dropped; the member answers, its pool and its clocks are as before.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'folkmoot'
import { type Body, encodeTree } from 'folkmoot/wire'
import { Remembered } from '../src/dispatch/remembered.ts'
import { encodeNameFilter, encodeTagFilter } from '../src/wire/filter.ts'
import type { QueryWords } from '../src/wire/query.ts'
import { queryMessage } from './dispatch/lone-dispatch.ts'
import { leaveIntent, userEvent, utf8 } from './gossip/lone-gossip.ts'
import { assertAnswersPing, listener, until } from './hostile-tools.ts'

/** Names in each flood. */
const NAMES = 10_000
/** Packets that go out before the member gets a breath. */
const BURST = 200

interface Scene {
  alpha: Cluster
  beta: Cluster
  heard: Buffer[]
  /** User events that reached alpha's host, and queries. */
  events: string[]
  queries: string[]
  send(...messages: Uint8Array[]): Promise<void>
  ask(words: Partial<QueryWords>): Uint8Array
  count(name: string): Promise<number>
  snapshot(): Remembered
}

async function scene(t: TestContext): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'folkmoot-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const snapshotPath = join(folder, 'snapshot')
  // A prune is carried out when these two are over.
  const times = { broadcastTimeout: 800, leavePropagateDelay: 200 }
  const options = { profile: 'local', bind: '127.0.0.1:0', threads: 'one', ...times } as const
  const tags = { role: `${'a'.repeat(60)}!` }
  const alpha = await Cluster.create({ ...options, nodeName: 'alpha', snapshotPath, tags })
  const beta = await Cluster.create({ ...options, nodeName: 'beta' })
  t.after(() => Promise.all([alpha.shutdown(), beta.shutdown()]))
  const { address, port } = alpha.localMember()
  await beta.join([`${address}:${port}`])
  await until(() => (alpha.member('beta')?.statusTime ?? 0) > 0, 'two members, and the word of the join')
  const { socket, heard } = await listener(t)
  const own = socket.address()
  const events: string[] = []
  const queries: string[] = []
  alpha.on('user-event', ({ name }) => events.push(name))
  alpha.on('query', ({ name }) => queries.push(name))
  return {
    ...{ alpha, beta, heard, events, queries },
    send: async (...messages) => {
      for (const [i, message] of messages.entries()) {
        socket.send(message, port, address)
        if (i % BURST === BURST - 1) await sleep(10)
      }
      await sleep(100)
    },
    ask: (words) =>
      queryMessage({
        address: Uint8Array.of(127, 0, 0, 1),
        port: own.port,
        lamportTime: 5,
        flags: 1,
        ...words,
      }),
    count: async (name) => {
      const { gossip, dispatch } = await alpha.stats()
      return (gossip[name] ?? 0) + (dispatch[name] ?? 0)
    },
    snapshot: () => Remembered.read(readFileSync(snapshotPath), 'forget').remembered,
  }
}

/** Both are there, a ping is answered, and a real event and a real query still find their way. */
async function assertUnharmed(t: TestContext, { alpha, beta, events }: Scene): Promise<void> {
  const listed = (cluster: Cluster) => cluster.members().map(({ name, status }) => `${name} ${status}`)
  for (const cluster of [alpha, beta]) assert.deepEqual(listed(cluster), ['alpha alive', 'beta alive'])
  await assertAnswersPing(t, alpha.localMember())
  await beta.userEvent('true')
  await until(() => events.includes('true'), 'a real event')
  beta.on('query', (query) => query.respond('yes'))
  const { answers } = await alpha.query('real', '', { nodes: ['beta'], timeout: 30_000 }).finished
  assert.equal(answers.length, 1)
}

const serf = (name: string, fields: Body): Uint8Array =>
  encodeTree({ type: 'user', payload: { type: 'message', name, fields } })

test('times near 2^64, in every message that has one, are refused, and the clocks stay', async (t) => {
  const stage = await scene(t)
  const before = (await stage.alpha.stats()).serf
  // The last one can be read, and is refused as a jump that no pool makes.
  for (const LTime of [2n ** 64n - 1n, 2n ** 64n - 2n, 2n ** 63n, 2n ** 53n + 1n, 2n ** 50n]) {
    await stage.send(
      serf('userEvent', { CC: false, LTime, Name: 'far', Payload: null }),
      serf('join', { LTime, Node: 'beta' }),
      serf('leave', { LTime, Node: 'beta', Prune: true }),
      serf('leave', { LTime, Node: 'nobody', Prune: false }),
      serf('queryResponse', { Flags: 0, From: 'beta', ID: 1, LTime, Payload: null }),
    )
  }
  await until(
    async () => (await stage.count('drop.intent')) + (await stage.count('drop.lamport-time')) > 0,
    'counted',
  )
  const after = (await stage.alpha.stats()).serf
  for (const clock of ['member_time', 'event_time', 'query_time'])
    assert.equal(after[clock], before[clock], clock)
  assert.deepEqual(stage.events, [])
  await assertUnharmed(t, stage)
})

test('a prune of a member that lives holds nothing up, and the member stays', async (t) => {
  const stage = await scene(t)
  const { member_time: time } = (await stage.alpha.stats()).serf
  const lie = serf('leave', { LTime: Number(time) + 3, Node: 'beta', Prune: true })
  const startedAt = performance.now()
  await stage.send(lie)
  await stage.alpha.stats()
  assert.ok(performance.now() - startedAt < 20_000, 'nothing waits for it')
  // It contradicts as soon as it hears of it, or is asked when the time of the prune is over.
  await until(() => stage.alpha.member('beta')?.status === 'alive', 'alive again')
  await sleep(1_500)
  await assertUnharmed(t, stage)
})

test('empty names, payloads and filters, filters that are none, and internal queries without a payload change nothing', async (t) => {
  const stage = await scene(t)
  const filters: (readonly Uint8Array[])[] = [
    [new Uint8Array(0)],
    [encodeNameFilter([])],
    [Uint8Array.of(0)],
    [Uint8Array.of(1)],
    [Uint8Array.of(7, 0x90)],
    [Uint8Array.of(1, 0xc1)],
    [encodeTagFilter('role', '(?=a)')],
    [encodeTagFilter('role', '(')],
  ]
  await stage.send(
    ...filters.map((list, id) => stage.ask({ id, filters: [...list] })),
    ...['_serf_install-key', '_serf_use-key', '_serf_remove-key', '_serf_conflict', '_serf_nothing'].map(
      (name, i) =>
        stage.ask({
          id: 100 + i,
          name: utf8(name),
          payload: i % 2 === 0 ? null : new Uint8Array(0),
          flags: 0,
        }),
    ),
    Uint8Array.of(8),
    ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255].map((type) => Uint8Array.of(8, type)),
    stage.ask({ id: 200, name: new Uint8Array(0), filters: [], flags: 0 }),
    userEvent('', 2),
  )
  await until(() => stage.queries.length > 0 && stage.events.length > 0, 'what is empty but whole is heard')
  assert.deepEqual([stage.queries, stage.events], [[''], ['']])
  assert.ok((await stage.count('drop.query-filter')) >= 5)
  assert.ok((await stage.count('drop.serf-type')) >= 5)
  // Who was not meant acknowledged nothing: the answers are those about keys and the name.
  await until(() => stage.heard.length >= 4, 'answers to the queries of Serf itself')
  await assertUnharmed(t, stage)
})

test('patterns made to explode cost nothing, in a flood of them too', async (t) => {
  const stage = await scene(t)
  const patterns = [
    '(a+)+$',
    '(a|aa)+$',
    '(.*a){25}$',
    '(a*)*b',
    '((a{1,100}){1,100}){1,100}',
    `${'(a?)'.repeat(90)}!`,
  ]
  const flood = Array.from({ length: 300 }, (_, id) =>
    stage.ask({ id, filters: [encodeTagFilter('role', patterns[id % patterns.length])] }),
  )
  const startedAt = performance.now()
  await stage.send(...flood)
  await until(async () => (await stage.count('serf.queries')) >= 250, 'they are read')
  assert.ok(performance.now() - startedAt < 15_000)
  await assertUnharmed(t, stage)
})

test('ten thousand names of events and as many of queries are counted within a bound, and names with line feeds forge nothing', async (t) => {
  const stage = await scene(t)
  const forged = '\nclock: 900\nevent-clock: 900000\nalive: ghost 127.0.0.1:1'
  await stage.send(
    ...Array.from({ length: NAMES }, (_, i) => userEvent(`e${i}`, 2 + (i >> 4))),
    ...Array.from({ length: NAMES }, (_, id) =>
      stage.ask({ id, lamportTime: 5 + (id >> 4), name: utf8(`q${id}`), flags: 0, timeout: 60_000 }),
    ),
  )
  const last = [
    userEvent(forged, 700),
    stage.ask({ id: 1, lamportTime: 700, name: utf8(forged), flags: 0 }),
    leaveIntent(`beta${forged}`, 20),
  ]
  // The socket of a busy machine is full at the end of a flood: these are said until they are heard.
  await until(async () => {
    await stage.send(...last)
    return stage.events.includes(forged) && stage.queries.includes(forged)
  }, 'the last of each')
  // The sockets of a busy machine may lose some.
  assert.ok(stage.events.length > NAMES / 2 && stage.queries.length > NAMES / 2)
  for (const metric of await stage.alpha.metrics()) {
    const { name, values } = metric
    if (name === 'serf.events.name' || name === 'serf.queries.name') assert.ok(values.length <= 101, name)
  }
  assert.ok((await stage.count('unanswered_queries')) <= 4_096)
  await assertUnharmed(t, stage)
  await stage.alpha.shutdown()
  const { alive, failed, clocks } = stage.snapshot()
  assert.deepEqual([[...alive.keys()].sort(), [...failed.keys()]], [['alpha', 'beta'], []])
  assert.ok(clocks.event < 900 && clocks.member < 900 && clocks.query < 900, JSON.stringify(clocks))
})
