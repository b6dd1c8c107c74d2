/** Queries through the facade, with real actors and sockets, in every placement. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import {
  Cluster,
  ClusterClosed,
  ClusterLeft,
  type ClusterOptions,
  FeatureNotSupported,
  InvalidArgument,
  QueryAnswered,
  type QueryEvent,
  QueryExpired,
  QueryTooLarge,
  RelayTooLarge,
  ResponseTooLarge,
} from '../src/index.ts'

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const read: Item[] = []
  for await (const item of items) read.push(item)
  return read
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

async function member(t: TestContext, nodeName: string, options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await Cluster.create({ nodeName, bind: '127.0.0.1:0', threads: 'none', ...options })
  t.after(() => cluster.shutdown())
  return cluster
}

/** A pool of these members; each answers every query with its name. */
async function pool(
  t: TestContext,
  names: readonly string[],
  options: ClusterOptions = {},
): Promise<Cluster[]> {
  const members = await Promise.all(names.map((name) => member(t, name, options)))
  const [first, ...others] = members
  for (const other of others) await other.join([`127.0.0.1:${first.localMember().port}`])
  for (const one of members) {
    while (one.members({ status: 'alive' }).length < names.length) await once(one, 'member-join')
    one.on('query', async (query) => query.respond(one.localMember().name))
  }
  return members
}

for (const threads of ['per-actor', 'one', 'none'] as const) {
  test(`with threads ${threads} a query is answered by all and over as soon as it is`, async (t) => {
    const [a] = await pool(t, ['a', 'b'], { threads })
    const query = a.query('uptime', 'please', { requestAck: true, timeout: 60_000, relayFactor: 1 })
    const streamed: string[] = []
    for await (const { from, payload } of query.responses()) streamed.push(`${from} ${text(payload)}`)
    assert.deepEqual(streamed.sort(), ['a a', 'b b'])
    const { how, answers, acks, silent } = await query.finished
    assert.equal(how, 'answered', 'not the deadline of a minute')
    assert.deepEqual([answers.length, acks.length, silent], [2, 2, []])
  })
}

test('the host hears who asks what until when, and its answer goes out once', async (t) => {
  const asking = await member(t, 'asking')
  const heard = once(asking, 'query')
  const before = Date.now()
  const query = asking.query('load', Uint8Array.of(1, 2, 3), { timeout: 60_000, nodes: ['asking'] })
  const [event]: QueryEvent[] = await heard
  assert.deepEqual([event.type, event.name, event.source], ['query', 'load', 'asking'])
  assert.deepEqual([...event.payload], [1, 2, 3])
  assert.ok(event.deadline >= before + 60_000 && event.deadline <= Date.now() + 60_000)
  await assert.rejects(event.respond(new Uint8Array(1_024)), ResponseTooLarge)
  await event.respond('0.42')
  await assert.rejects(event.respond('0.43'), QueryAnswered)
  const { answers } = await query.finished
  assert.deepEqual(
    answers.map(({ payload }) => text(payload)),
    ['0.42'],
  )
})

test('an answer of exactly the limit arrives; one that only fits without its wrapping arrives, and says so', async (t) => {
  const [a, b] = await pool(t, ['a', 'b'])
  b.removeAllListeners('query')
  let taken = 0
  b.on('query', async (query) => {
    taken = await largest(query)
  })
  const { answers } = await a.query('big', '', { nodes: ['b'], timeout: 30_000 }).finished
  // 30 bytes of frame, 2 of the name, 1 of flags, 1 of the time, 3 in front of the payload, and up to 5 of the id.
  assert.ok(answers[0].payload.length >= 1_024 - 42 && answers[0].payload.length === taken)
  b.removeAllListeners('query')
  const relayed: unknown[] = []
  b.on('query', (query) => {
    query.respond(new Uint8Array(answers[0].payload.length)).catch((error) => relayed.push(error))
  })
  const second = await a.query('big', '', { nodes: ['b'], relayFactor: 1, timeout: 30_000 }).finished
  assert.equal(second.answers.length, 1, 'it was sent all the same')
  assert.ok(relayed[0] instanceof RelayTooLarge && relayed[0].bytes > relayed[0].limit)
})

/** Answers with the largest payload that is taken; ids differ in their length on the wire. */
async function largest(query: QueryEvent): Promise<number> {
  for (let size = 1_024; ; size--) {
    const error = await query.respond(new Uint8Array(size)).then(
      () => undefined,
      (refusal: unknown) => refusal,
    )
    if (error === undefined) return size
    assert.ok(error instanceof ResponseTooLarge && error.bytes > error.limit)
  }
}

test('nobody answers: the deadline ends it and names the silent; a late answer is refused', async (t) => {
  const [a, b] = await pool(t, ['a', 'b'])
  b.removeAllListeners('query')
  let event: QueryEvent | undefined
  b.on('query', (query) => {
    event = query
  })
  const { how, silent, answers } = await a.query('slow', '', { timeout: 400 }).finished
  assert.deepEqual([how, silent, answers.map(({ from }) => from)], ['deadline', ['b'], ['a']])
  // The two clocks tick apart by less than this.
  while (Date.now() < (event?.deadline ?? Number.POSITIVE_INFINITY) + 5) await new Promise(setImmediate)
  await assert.rejects(event?.respond('late') ?? Promise.resolve(), QueryExpired)
  assert.equal((await a.stats()).dispatch.open_queries, 0)
})

test('a listener whose answer comes too late is told in the log and ends nothing', async (t) => {
  const warnings: string[] = []
  const log = (message: string) => warnings.push(message)
  const logger = { debug: () => undefined, info: () => undefined, warn: log, error: log }
  const alone = await member(t, 'alone', { logger })
  alone.on('query', async (query) => {
    await query.respond('one')
    await query.respond('two')
  })
  await alone.query('twice').finished
  while (!warnings.some((warning) => warning.includes('sent already'))) await new Promise(setImmediate)
})

test('a signal gives a query up, close() ends it with what came, and shutdown() leaves none waiting', async (t) => {
  const [a, b] = await pool(t, ['a', 'b'])
  b.removeAllListeners('query')
  const giveUp = new AbortController()
  const aborted = a.query('one', '', { signal: giveUp.signal, timeout: 60_000 })
  const closed = a.query('two', '', { timeout: 60_000 })
  const ended = a.query('three', '', { timeout: 60_000 })
  for (const query of [aborted, closed, ended]) await query.responses().next()
  giveUp.abort(new Error('enough'))
  await assert.rejects(aborted.finished, /enough/)
  assert.equal((await all(aborted.responses())).length, 1, 'what came can still be read')
  closed.close()
  closed.close()
  assert.deepEqual((await closed.finished).how, 'closed')
  assert.throws(() => a.query('x', '', { signal: AbortSignal.abort() }))
  await a.shutdown()
  await assert.rejects(ended.finished, ClusterClosed)
  await assert.rejects(all(ended.responses()), ClusterClosed)
})

test('what cannot be asked is refused by name', async (t) => {
  const alone = await member(t, 'alone', { querySizeLimit: 200 })
  const refused: [string, Parameters<Cluster['query']>[2]][] = [
    ['_serf_list-keys', {}],
    ['_serf_', {}],
    ['x', { relayFactor: 256 }],
    ['x', { relayFactor: 0.5 }],
    ['x', { timeout: -1 }],
  ]
  for (const [name, options] of refused) assert.throws(() => alone.query(name, '', options), InvalidArgument)
  assert.throws(() => alone.query('_serf_ping', 'with a payload'), InvalidArgument)
  const ping = await alone.query('_serf_ping', undefined, { requestAck: true, timeout: 60_000 }).finished
  assert.deepEqual([ping.how, ping.acks], ['answered', ['alone']])
  const large = alone.query('x', new Uint8Array(200))
  await assert.rejects(
    large.finished,
    (error) => error instanceof QueryTooLarge && error.bytes > 200 && error.limit === 200,
  )
  await assert.rejects(all(large.responses()), QueryTooLarge)
  await assert.rejects(alone.query('x', '', { tags: { role: '(?=web)' } }).finished, InvalidArgument)
  const old = await member(t, 'old', { protocolVersion: 3 })
  assert.throws(() => old.query('x'), FeatureNotSupported)
  await alone.leave()
  assert.throws(() => alone.query('x'), ClusterLeft)
})

test('queries are among the events, and one that nobody answers leaves nothing behind', async (t) => {
  const alone = await member(t, 'alone')
  const events = alone.events({ types: ['query'] })
  const query = alone.query('status', 'now', { timeout: 300 })
  const { value } = await events.next()
  assert.equal(value?.type === 'query' && text(value.payload), 'now')
  assert.deepEqual((await query.finished).silent, ['alone'])
  while ((await alone.stats()).dispatch.unanswered_queries > 0) await new Promise((r) => setTimeout(r, 50))
})
