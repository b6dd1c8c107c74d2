/** The metrics of protocol page 1, section 11, line by line: their names, their kinds, and what makes them move. In virtual time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Report } from '../../src/actors/counters.ts'
import { helpOf } from '../../src/cluster/metric-help.ts'
import { type Metric, metricsOf } from '../../src/cluster/metrics.ts'
import { type SimulatedNode, World } from '../../src/simulator/index.ts'

const SECOND = 1_000
const LABEL = 'blue'
const KEY = new Uint8Array(32).fill(7)
/** Names and kinds as on the page; what it calls a timer or a sample is a histogram here. */
const PAGE = {
  'memberlist.tcp.accept': 'counter',
  'memberlist.tcp.connect': 'counter',
  'memberlist.tcp.sent': 'counter',
  'memberlist.udp.sent': 'counter',
  'memberlist.udp.received': 'counter',
  'memberlist.node.instances': 'gauge',
  'memberlist.size.local': 'gauge',
  'memberlist.size.remote': 'histogram',
  'memberlist.probeNode': 'histogram',
  'memberlist.gossip': 'histogram',
  'memberlist.pushPullNode': 'histogram',
  'memberlist.degraded.probe': 'counter',
  'memberlist.degraded.timeout': 'counter',
  'memberlist.health.score': 'gauge',
  'memberlist.msg.alive': 'counter',
  'memberlist.msg.suspect': 'counter',
  'memberlist.msg.dead': 'counter',
  'memberlist.queue.broadcasts': 'histogram',
} as const
type Name = keyof typeof PAGE

function reportOf(value: unknown): Report {
  const isReport = (given: unknown): given is Report =>
    typeof given === 'object' && given !== null && 'counters' in given && 'histograms' in given
  if (!isReport(value)) throw new TypeError('no report')
  return value
}

function metricsNow(world: World, node: SimulatedNode): Metric[] {
  const gossip = node.command({ type: 'metrics' })
  const detector = node.askDetector({ type: 'metrics' })
  world.run(10)
  const [ofGossip, ofDetector] = [gossip, detector].map(({ envelope }) =>
    reportOf(envelope?.ok ? envelope.value : undefined),
  )
  return metricsOf(
    new Map([
      ['gossip', ofGossip],
      ['detector', ofDetector],
    ]),
  )
}

/** What was counted, how often something was sampled, or the gauge: one number for each name of the page, over both actors; absent is undefined. */
function numbers(world: World, node: SimulatedNode): (name: Name, state?: string) => number | undefined {
  const metrics = metricsNow(world, node)
  return (name, state) => {
    const metric = metrics.find((one) => one.name === name)
    if (metric === undefined) return undefined
    if (metric.type === 'histogram') return metric.values.reduce((sum, { count }) => sum + count, 0)
    const values = metric.values.filter(({ labels }) => state === undefined || labels.node_state === state)
    return values.reduce((sum, { value }) => sum + value, 0)
  }
}

const options = { encryptionKeys: [KEY], label: LABEL, reconnectInterval: 0 }

test('every metric of the page is there by its name and kind, with a line of help, and nothing else bears such a name', () => {
  const world = new World({ seed: 3, options })
  const nodes = world.pool(5)
  world.run(40 * SECOND)
  const [first, ...others] = nodes
  // Two of five are left and do not hear each other's accusations: a suspicion that runs out unconfirmed.
  for (const node of others.slice(1)) node.kill()
  world.split([first], [others[0]])
  world.run(60 * SECOND)
  const metrics = metricsNow(world, first).filter(({ name }) => name.startsWith('memberlist.'))
  assert.deepEqual(Object.fromEntries(metrics.map(({ name, type }) => [name, type])), {
    ...PAGE,
  })
  for (const { name, help } of metrics) assert.ok(help !== '' && help === helpOf(name), name)
  const states = metrics.find(({ name }) => name === 'memberlist.node.instances')
  assert.deepEqual(
    states?.values.map(({ labels }) => labels.node_state),
    ['alive', 'suspect', 'dead', 'left'],
  )
})

test('a join: who dials counts a connection and a push/pull, who answers an accepted stream; both the bytes sent, and the sizes of states', () => {
  const world = new World({ seed: 1, options })
  const [one, two] = world.start(2)
  world.run(SECOND)
  const alone = numbers(world, one)
  assert.deepEqual([alone('memberlist.msg.alive'), alone('memberlist.node.instances', 'alive')], [1, 1])
  assert.equal(alone('memberlist.tcp.accept'), undefined)
  world.join(two, one)
  world.run(50)
  const [accepted, dialled] = [numbers(world, one), numbers(world, two)]
  assert.deepEqual(
    [
      accepted('memberlist.tcp.accept'),
      accepted('memberlist.tcp.connect'),
      accepted('memberlist.pushPullNode'),
    ],
    [1, undefined, undefined],
  )
  assert.deepEqual(
    [dialled('memberlist.tcp.accept'), dialled('memberlist.tcp.connect'), dialled('memberlist.pushPullNode')],
    [undefined, 1, 1],
  )
  for (const numbersOf of [accepted, dialled]) {
    const [sent = 0, size = 0] = [numbersOf('memberlist.tcp.sent'), numbersOf('memberlist.size.local')]
    // A state of one member compresses; what is sent has besides it five bytes of header, version, nonce and tag, and no label.
    assert.ok(size > 40 && sent > 40 && sent < size + 60, `${sent} sent, a state of ${size}`)
    assert.equal(numbersOf('memberlist.size.remote'), 1)
    assert.equal(numbersOf('memberlist.msg.alive'), 2)
    assert.equal(numbersOf('memberlist.node.instances', 'alive'), 2)
  }
})

test('a connection that is refused is no connection, but a push/pull that was tried', () => {
  const world = new World({ seed: 1, options })
  const [one, two] = world.start(2)
  two.kill()
  world.join(one, two)
  world.run(30 * SECOND)
  const after = numbers(world, one)
  assert.equal(after('memberlist.tcp.connect'), undefined)
  assert.equal(after('memberlist.pushPullNode'), 1)
})

test('bytes of packets are counted without the label by who sends and with it by who receives', () => {
  const sentAndReceived = (label: string) => {
    const world = new World({ seed: 1, options: { ...options, label } })
    const [one, two] = world.pool(2)
    world.run(20 * SECOND)
    const packets = world.network.counters.get('sent')
    return {
      packets,
      sent:
        (numbers(world, one)('memberlist.udp.sent') ?? 0) + (numbers(world, two)('memberlist.udp.sent') ?? 0),
      received:
        (numbers(world, one)('memberlist.udp.received') ?? 0) +
        (numbers(world, two)('memberlist.udp.received') ?? 0),
    }
  }
  const { packets, sent, received } = sentAndReceived(LABEL)
  assert.ok(packets > 20)
  assert.equal(received - sent, packets * (2 + LABEL.length))
})

test('probes, gossip ticks and depths are sampled as they happen: once a probe, once a tick, once in half a minute', () => {
  const world = new World({ seed: 2, options })
  const [one] = world.pool(3)
  world.run(29 * SECOND)
  const early = numbers(world, one)
  assert.equal(early('memberlist.queue.broadcasts'), undefined)
  const probes = early('memberlist.probeNode') ?? 0
  assert.ok(probes >= 26 && probes <= 29, `${probes} probes in 29 s`)
  const ticks = early('memberlist.gossip') ?? 0
  assert.ok(ticks > 3 && ticks < 145, `${ticks} ticks: only while there is something to tell`)
  world.run(70 * SECOND)
  assert.equal(numbers(world, one)('memberlist.queue.broadcasts'), 3)
})

test('a death: suspicion, doubt of our own health, degraded probes, then the death; a leave is counted as a death', () => {
  const world = new World({ seed: 4, options })
  const [one, two, three] = world.pool(3)
  world.run(20 * SECOND)
  const before = numbers(world, one)
  assert.deepEqual(
    (['memberlist.msg.suspect', 'memberlist.msg.dead', 'memberlist.degraded.probe'] as const).map((name) =>
      before(name),
    ),
    [undefined, undefined, undefined],
  )
  assert.equal(before('memberlist.health.score'), 0)
  three.kill()
  for (let i = 0; i < 100 && numbers(world, one)('memberlist.msg.suspect') === undefined; i++) world.run(100)
  assert.equal(numbers(world, one)('memberlist.node.instances', 'suspect'), 1)
  world.run(10 * SECOND)
  const after = numbers(world, one)
  assert.deepEqual([after('memberlist.msg.suspect'), after('memberlist.msg.dead')], [1, 1])
  assert.equal(after('memberlist.node.instances', 'dead'), 1)
  two.command({ type: 'leave' })
  world.run(20 * SECOND)
  const gone = numbers(world, one)
  assert.equal(gone('memberlist.msg.dead'), 2)
  assert.equal(gone('memberlist.node.instances', 'left'), 1)
})
