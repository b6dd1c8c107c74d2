/** Supervision: an actor that throws or whose thread ends costs its member no membership, in each placement. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Cluster, type ClusterEvent, type ClusterOptions } from 'folkmoot'
import type { ActorName } from '../src/actors/mail.ts'
import { ActorExited } from '../src/errors/errors.ts'
import { type Fault, type Faults, plant } from '../workers/faults.ts'
import { eventually } from './interop/serf-agent.ts'

let last = 0

interface Subject {
  cluster: Cluster
  faults: Faults
  events: ClusterEvent[]
}

async function member(t: TestContext, options: ClusterOptions = {}): Promise<Subject> {
  last += 1
  const nodeName = options.nodeName ?? `crash-${process.pid}-${last}`
  const faults = plant(nodeName)
  const cluster = await Cluster.create({ profile: 'local', bind: '127.0.0.1:0', ...options, nodeName })
  t.after(() => cluster.shutdown())
  const events: ClusterEvent[] = []
  const heard = (async () => {
    for await (const event of cluster.events()) events.push(event)
  })()
  t.after(() => heard)
  return { cluster, faults, events }
}

function placeOf({ address, port }: { address: string; port: number }): string {
  return `${address}:${port}`
}

function restarts(events: ClusterEvent[]) {
  return events.filter((event) => event.type === 'restarted')
}

/** What was heard of members, in words. */
function membersIn(events: ClusterEvent[]): string[] {
  return events.flatMap((event) =>
    'members' in event ? event.members.map(({ name }) => `${event.type} ${name}`) : [],
  )
}

const CASES: { threads: 'per-actor' | 'one' | 'none'; actor: ActorName; fault: Fault }[] = [
  { threads: 'per-actor', actor: 'detector', fault: 'throw' },
  { threads: 'per-actor', actor: 'gossip', fault: 'throw' },
  { threads: 'per-actor', actor: 'dispatch', fault: 'throw' },
  { threads: 'per-actor', actor: 'gossip', fault: 'exit' },
  { threads: 'one', actor: 'dispatch', fault: 'throw' },
  { threads: 'one', actor: 'gossip', fault: 'exit' },
  { threads: 'none', actor: 'detector', fault: 'throw' },
  { threads: 'none', actor: 'gossip', fault: 'throw' },
  { threads: 'none', actor: 'dispatch', fault: 'throw' },
]

describe('after a crash', { concurrency: 3 }, () => {
  for (const { threads, actor, fault } of CASES) {
    test(`${threads}: ${fault} in ${actor}: the member goes on as itself`, async (t) => {
      const peer = await member(t, { threads: 'one', tags: { role: 'peer' } })
      const subject = await member(t, { threads, tags: { role: 'web' } })
      const { cluster, faults, events } = subject
      await cluster.join([placeOf(peer.cluster.localMember())])
      await cluster.setTags({ role: 'web', version: '2' })
      const before = cluster.localMember()
      const own = before.name
      await eventually('the peer sees it', () => peer.cluster.member(own)?.tags.version === '2')
      const first = await cluster.userEvent('deploy', 'one')
      await eventually('both heard the event', () =>
        [events, peer.events].every((list) => list.some(({ type }) => type === 'user-event')),
      )
      const heardBefore = events.length

      const pending = cluster.query('nobody-answers', 'x', { timeout: 60_000 }).finished
      const refused = assert.rejects(pending, { code: 'ERR_ACTOR_EXITED', actor })
      faults.strike(actor, fault)
      await eventually('it restarted', () => restarts(events).length === 1)
      await refused

      const [restarted] = restarts(events)
      if (fault === 'throw') {
        assert.equal(restarted.actor, actor)
        assert.ok(restarted.error instanceof TypeError, String(restarted.error))
      }
      const now = cluster.localMember()
      assert.ok(now.incarnation > before.incarnation, `${now.incarnation} > ${before.incarnation}`)
      assert.equal(placeOf(now), placeOf(before))
      assert.deepEqual({ ...now.tags }, { role: 'web', version: '2' })
      assert.equal(cluster.member(peer.cluster.localMember().name)?.status, 'alive')
      await eventually('the peer sees the new incarnation', () => {
        return (peer.cluster.member(own)?.incarnation ?? 0) >= now.incarnation
      })
      const second = await cluster.userEvent('deploy', 'two')
      assert.ok(second.lamportTime > first.lamportTime)
      await eventually('both heard the second event', () =>
        [events, peer.events].every((list) => payloads(list).includes('two')),
      )
      const gone = ['member-failed', 'member-leave'].map((type) => `${type} ${own}`)
      for (const word of gone) assert.ok(!membersIn(peer.events).includes(word), word)
      assert.deepEqual(payloads(events), ['one', 'two'])
      assert.deepEqual(payloads(peer.events), ['one', 'two'])
      assert.deepEqual(membersIn(events.slice(heardBefore)), [], 'no member was heard of again')
      const changes = events.filter(({ type }) => type === 'connection')
      assert.deepEqual([cluster.connection, changes.length], ['joined', 1], 'the pool was left for no moment')
      const answers = cluster.query('_serf_ping', undefined, { timeout: 5_000, requestAck: true })
      assert.ok((await answers.finished).acks.length >= 1)
    })
  }

  test('the next crash after three restarts within a minute is the end, and is said', async (t) => {
    const { cluster, faults, events } = await member(t, { threads: 'none' })
    const fatal = new Promise<Error>((resolve) => cluster.once('fatal', resolve))
    for (let round = 1; round <= 3; round++) {
      faults.strike('gossip', 'throw')
      await eventually(`restart ${round}`, () => restarts(events).length === round)
    }
    faults.strike('gossip', 'throw')
    const error = await fatal
    assert.ok(error instanceof ActorExited && error.cause instanceof TypeError)
    assert.equal(cluster.state, 'shutdown')
    await cluster.shutdown()
    await assert.rejects(cluster.stats(), { code: 'ERR_ACTOR_EXITED' })
  })

  test('a call made while the actors are started again waits for them; shutdown does not', async (t) => {
    const { cluster, faults, events } = await member(t, { threads: 'one' })
    const exited = assert.rejects(cluster.query('q', 'x', { timeout: 60_000 }).finished)
    faults.strike('dispatch', 'throw')
    await exited
    const stats = await cluster.stats()
    assert.equal(stats.gossip.members, 1)
    await eventually('restarted', () => restarts(events).length === 1)
    faults.strike('dispatch', 'exit')
    await cluster.shutdown()
  })
})

function payloads(events: ClusterEvent[]): string[] {
  return events.flatMap((event) =>
    event.type === 'user-event' ? [new TextDecoder().decode(event.payload)] : [],
  )
}
