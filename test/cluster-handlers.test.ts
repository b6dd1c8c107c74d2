/** Handlers in threads of their own: what they answer, and that one which hangs, throws, exits or eats memory hurts nobody. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import {
  Cluster,
  type ClusterOptions,
  type HandlerFailed,
  type HandlerOptions,
  HandlerQueueFull,
  HandlerTimeout,
  InvalidArgument,
} from '../src/index.ts'
import { eventually } from './eventually.ts'

const MODULE = new URL('./scripts/handlers.js', import.meta.url)
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

async function lone(t: TestContext, options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await Cluster.create({ nodeName: 'lone', bind: '127.0.0.1:0', threads: 'one', ...options })
  t.after(() => cluster.shutdown())
  return cluster
}

function handle(cluster: Cluster, name: string, options: Omit<HandlerOptions, 'module'> = {}): void {
  cluster.handle('query', name, { module: MODULE, export: name, ...options })
}

/** The answer to a query of our own; undefined when there was none. */
async function ask(
  cluster: Cluster,
  name: string,
  payload = '',
  timeout = 30_000,
): Promise<string | undefined> {
  const { answers } = await cluster.query(name, payload, { timeout }).finished
  return answers.length === 0 ? undefined : text(answers[0].payload)
}

async function failure(cluster: Cluster): Promise<HandlerFailed> {
  const [failed]: HandlerFailed[] = await once(cluster, 'handler-failed')
  return failed
}

for (const threads of ['per-actor', 'one', 'none'] as const) {
  test(`with threads ${threads} a function in a thread answers a query, another of the pool's members asks`, async (t) => {
    const cluster = await lone(t, { threads })
    const asking = await lone(t, { nodeName: 'asking', threads: 'none' })
    await asking.join([`127.0.0.1:${cluster.localMember().port}`])
    cluster.handle('query', 'echo', { module: MODULE })
    const { answers } = await asking.query('echo', 'hello', { nodes: ['lone'], timeout: 30_000 }).finished
    assert.deepEqual(
      answers.map(({ from, payload }) => [from, text(payload)]),
      [['lone', 'query echo hello thread']],
    )
  })
}

test('a user event is taken, and only by the handler of its name', async (t) => {
  const cluster = await lone(t)
  cluster.handle('user-event', 'fail', { module: MODULE.href, export: 'fail' })
  cluster.handle('user-event', 'quiet', { module: MODULE.href, export: 'quiet' })
  const failed = failure(cluster)
  await cluster.userEvent('other', 'x')
  await cluster.userEvent('quiet', 'x')
  const { lamportTime } = await cluster.userEvent('fail', 'x')
  const { error, ...rest } = await failed
  assert.deepEqual(rest, {
    type: 'handler-failed',
    kind: 'user-event',
    name: 'fail',
    lamportTime,
    reason: 'threw',
  })
  assert.ok(error instanceof RangeError && error.message === 'the handler is broken')
})

test('the host turns while a handler takes its core, and so does another handler', async (t) => {
  const cluster = await lone(t)
  handle(cluster, 'busy')
  cluster.handle('query', 'echo', { module: MODULE })
  await ask(cluster, 'busy', '1')
  let longest = 0
  let last = performance.now()
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 5)
  t.after(() => clearInterval(timer))
  let isDone = false
  const busy = ask(cluster, 'busy', '2500').finally(() => {
    isDone = true
  })
  assert.equal(await ask(cluster, 'echo', 'x'), 'query echo x thread')
  assert.ok(!isDone, 'it did not wait for the busy one')
  assert.equal(await busy, 'done')
  assert.ok(longest < 1_500, `the host stood still for ${longest} ms`)
})

for (const name of ['hang', 'sleep']) {
  test(`one that does not end (${name}) is ended, reported, and works for the next query`, async (t) => {
    const cluster = await lone(t)
    handle(cluster, name, { timeout: 300 })
    cluster.handle('query', 'echo', { module: MODULE })
    const failed = failure(cluster)
    const hung = cluster.query(name, 'stay', { timeout: 20_000 })
    const waiting = name === 'hang' ? cluster.query(name, 'go on', { timeout: 30_000 }) : undefined
    assert.equal(await ask(cluster, 'echo', 'x'), 'query echo x thread')
    const { reason, error } = await failed
    assert.equal(reason, 'timeout')
    assert.ok(error instanceof HandlerTimeout && error.timeout === 300)
    hung.close()
    if (waiting !== undefined) {
      const { answers } = await waiting.finished
      assert.match(text(answers[0].payload), /^thread \d+$/)
    }
  })
}

test('without a timeout of its own a query is handled until its deadline', async (t) => {
  const cluster = await lone(t)
  handle(cluster, 'hang')
  const failed = failure(cluster)
  assert.equal(await ask(cluster, 'hang', 'stay', 1_000), undefined)
  const { reason, error } = await failed
  assert.equal(reason, 'timeout')
  assert.ok(error instanceof HandlerTimeout && error.timeout <= 1_000)
})

test('one that throws, exits, has no such export or is no module is reported; the next query is handled', async (t) => {
  const cluster = await lone(t)
  const seen: HandlerFailed[] = []
  cluster.on('handler-failed', (failed) => seen.push(failed))
  for (const [name, exported, message] of [
    ['fail', 'fail', /the handler is broken/],
    ['exit', 'exit', /exited with code: 3/],
    ['nothing', 'nothing', /No handler function/],
  ] as const) {
    cluster.handle('query', name, { module: MODULE, export: exported })
    for (const time of [1, 2]) {
      const failed = failure(cluster)
      cluster.query(name, '', { timeout: 30_000 })
      const { reason, error } = await failed
      assert.equal(reason, 'threw')
      assert.match(error instanceof Error ? error.message : '', message, `${name}, time ${time}`)
    }
  }
  cluster.handle('query', 'missing', { module: new URL('./missing.js', MODULE) })
  const failed = failure(cluster)
  cluster.query('missing', '', { timeout: 30_000 })
  assert.match(String((await failed).error), /Cannot find module/)
  assert.equal(seen.length, 7)
  cluster.handle('query', 'echo', { module: MODULE })
  assert.equal(await ask(cluster, 'echo', 'x'), 'query echo x thread')
})

test('what a handler left behind that throws later ends its thread, not the host', async (t) => {
  const cluster = await lone(t)
  handle(cluster, 'leaveBehind')
  for (const _ of [1, 2]) {
    const failed = failure(cluster)
    assert.equal(await ask(cluster, 'leaveBehind'), 'fine')
    const { error, lamportTime, reason } = await failed
    assert.match(String(error), /left behind/)
    assert.deepEqual([lamportTime, reason], [undefined, 'threw'])
  }
})

test('what cannot be an answer is reported, and nothing is no answer', async (t) => {
  const cluster = await lone(t)
  for (const [name, code] of [
    ['number', 'ERR_INVALID_ARGUMENT'],
    ['large', 'ERR_RESPONSE_TOO_LARGE'],
  ]) {
    handle(cluster, name)
    const failed = failure(cluster)
    assert.equal(await ask(cluster, name, '', 600), undefined)
    const { reason, error } = await failed
    assert.equal(reason, 'unanswered')
    assert.equal(Reflect.get(Object(error), 'code'), code)
  }
  handle(cluster, 'quiet')
  cluster.on('handler-failed', (failed) => assert.fail(failed.reason))
  assert.equal(await ask(cluster, 'quiet', '', 600), undefined)
})

test('as many run at once as were asked for, and no more', async (t) => {
  const cluster = await lone(t)
  handle(cluster, 'together', { concurrency: 3, timeout: 60_000 })
  const answers = await Promise.all(Array.from({ length: 9 }, () => ask(cluster, 'together', '300', 60_000)))
  const spans = answers.map((answer) => (answer ?? '').split(' ').map(Number))
  const most = Math.max(
    ...spans.map(([start]) => spans.filter(([from, to]) => from <= start && start < to).length),
  )
  assert.equal(most, 3)
  assert.ok(new Set(spans.map(([, , thread]) => thread)).size <= 3)
})

test('a flood: so many wait behind one that hangs, each of the rest is reported', async (t) => {
  const cluster = await lone(t, { eventBuffer: 8_192 })
  let full = 0
  cluster.on('handler-failed', ({ reason, error }) => {
    assert.equal(reason, 'queue-full')
    assert.ok(error instanceof HandlerQueueFull && error.limit === 1_024)
    full += 1
  })
  cluster.handle('user-event', 'flood', { module: MODULE, export: 'hang', timeout: 600_000 })
  let heard = 0
  cluster.on('user-event', () => {
    heard += 1
  })
  for (let i = 0; i < 1_500; i++) await cluster.userEvent('flood', 'stay')
  while (heard < 1_500) await once(cluster, 'user-event')
  assert.equal(full, 1_500 - 1 - 1_024)
})

for (const name of ['hang', 'sleep']) {
  test(`shutdown while one runs (${name}) ends it, reports nothing and leaves nothing open`, async () => {
    const open = () =>
      process.getActiveResourcesInfo().filter((name) => /Worker|MessagePort/.test(name)).length
    // Those of the test before close in a turn or two of their own.
    await eventually('nothing is open', () => open() === 0)
    const cluster = await Cluster.create({ nodeName: 'lone', bind: '127.0.0.1:0', threads: 'one' })
    cluster.on('handler-failed', ({ reason }) => assert.fail(reason))
    handle(cluster, name, { timeout: 60_000 })
    for (let i = 0; i < 3; i++) cluster.query(name, '60000', { timeout: 60_000 })
    let heard = 0
    cluster.on('query', () => {
      heard += 1
    })
    while (heard < 3) await once(cluster, 'query')
    // A thread needs a moment to start: it shall be ended in its loop, not on the way there.
    await new Promise((resolve) => setTimeout(resolve, 500))
    await cluster.shutdown()
    await eventually('nothing is left open', () => open() === 0, { within: 1_000, every: 1 })
    assert.throws(() => handle(cluster, 'late'), { code: 'ERR_CLUSTER_CLOSED' })
  })
}

test('a handler can be stopped, and another one take its place', async (t) => {
  const cluster = await lone(t)
  const first = cluster.handle('query', 'echo', { module: MODULE, export: 'fail' })
  assert.throws(() => cluster.handle('query', 'echo', { module: MODULE }), InvalidArgument)
  await first.stop()
  await first.stop()
  assert.equal(cluster.listenerCount('query'), 0)
  cluster.handle('query', 'echo', { module: MODULE })
  assert.equal(await ask(cluster, 'echo', 'x'), 'query echo x thread')
})

test('options that are wrong are refused', async (t) => {
  const cluster = await lone(t, { threads: 'none' })
  for (const options of [
    { module: 'node:fs' },
    { module: './handlers.js' },
    { module: MODULE, timeout: 0 },
    { module: MODULE, timeout: 1e9 },
    { module: MODULE, concurrency: 65 },
    { module: MODULE, concurrency: 1.5 },
    { module: MODULE, export: '' },
  ]) {
    assert.throws(() => cluster.handle('query', 'x', options), InvalidArgument)
  }
  assert.equal(cluster.listenerCount('query'), 0)
})
