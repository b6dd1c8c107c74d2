/** What the original's own tests assert of whole clusters (protocol page 2, section 7.7), line by line, in virtual time with its settings. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Actor } from '../../src/actors/contract.ts'
import type { ToGossip } from '../../src/actors/mail.ts'
import { eachOverheard, Pack, packOverheard } from '../../src/actors/packed.ts'
import { type ClusterOptions, settle } from '../../src/options/options.ts'
import { type Reply, type SimulatedNode, World } from '../../src/simulator/index.ts'
import { MESSAGE, SERF } from '../../src/wire/types.ts'

const HOUR = 3_600_000
/** The settings of the original's tests; a timeout of a microsecond is 0 here. */
const FAST: ClusterOptions = {
  gossipInterval: 5,
  probeInterval: 50,
  probeTimeout: 25,
  tcpTimeout: 100,
  suspicionMult: 1,
  reapInterval: 1_000,
  reconnectInterval: 100,
  reconnectTimeout: 0,
  tombstoneTimeout: 0,
}
/** How long its tests poll. */
const EVENTUALLY = 7_000

function pool(
  count: number,
  options: ClusterOptions = {},
  more: Partial<ConstructorParameters<typeof World>[0]> = {},
) {
  const world = new World({ seed: 7, options: { ...FAST, ...options }, ...more })
  const nodes = world.pool(count)
  eventually(world, 'the pool forms', () => world.isOneView())
  return { world, nodes }
}

function eventually(world: World, what: string, holds: () => boolean): void {
  assert.ok(world.runUntil(holds, EVENTUALLY) < Number.POSITIVE_INFINITY, what)
}

function done(world: World, reply: Reply): unknown {
  eventually(world, 'the command is answered', () => reply.envelope !== undefined)
  return reply.envelope?.ok ? reply.envelope.value : reply.envelope?.error.code
}

/** The events of one member that a host heard. */
function heard(world: World, observer: SimulatedNode, subject: SimulatedNode): string[] {
  world.run(50)
  return world.story(observer, subject).filter((kind) => kind !== 'change')
}

function statusOf(observer: SimulatedNode, subject: SimulatedNode): string | undefined {
  return observer.members.get(subject.name)?.status
}

function leave(world: World, node: SimulatedNode): void {
  done(world, node.command({ type: 'leave' }))
  node.kill()
}

function forceLeave(node: SimulatedNode, subject: SimulatedNode, afterwards: 'keep' | 'prune'): Reply {
  return node.command({ type: 'force-leave', name: subject.name, prune: afterwards === 'prune' })
}

test('TestCreate_badProtocolVersion: versions 2 to 5 are taken, others refused with the range', () => {
  for (const protocolVersion of [2, 3, 4, 5])
    assert.equal(settle({ protocolVersion }, 'x').protocolVersion, protocolVersion)
  for (const protocolVersion of [1, 6])
    assert.throws(() => settle({ protocolVersion }, 'x'), /protocolVersion.*from 2 to 5/)
})

test('TestSerf_eventsJoin: a newcomer is one join', () => {
  const { world, nodes } = pool(2)
  assert.deepEqual(heard(world, nodes[0], nodes[1]), ['join'])
})

test('TestSerf_eventsFailed: who ends without a word is join, failed, reap', () => {
  const { world, nodes } = pool(2)
  nodes[1].kill()
  eventually(world, 'it is forgotten', () => !nodes[0].members.has('n2'))
  assert.deepEqual(heard(world, nodes[0], nodes[1]), ['join', 'failed', 'reap'])
})

test('TestSerf_eventsLeave: who leaves is join, leave, and left', () => {
  const { world, nodes } = pool(2, { reapInterval: 30_000 })
  leave(world, nodes[1])
  eventually(world, 'it has left', () => statusOf(nodes[0], nodes[1]) === 'left')
  assert.deepEqual(heard(world, nodes[0], nodes[1]), ['join', 'leave'])
})

/** Drops the join intents that this node hears. */
function deafToJoins(actor: Actor<ToGossip>): Actor<ToGossip> {
  const isJoin = (bytes: Uint8Array, start: number) =>
    bytes[start] === MESSAGE.user && bytes[start + 1] === SERF.join
  return {
    receive: (mail, now) => {
      if (mail.type !== 'overheard') return actor.receive(mail, now)
      const pack = new Pack()
      eachOverheard(mail.bytes, (bytes, start, end) => {
        if (!isJoin(bytes, start)) packOverheard(pack, bytes, start, end)
      })
      if (!pack.isEmpty) actor.receive({ ...mail, bytes: pack.take() }, now)
    },
    wake: (now) => actor.wake(now),
    get wakeAt() {
      return actor.wakeAt
    },
  }
}

test('TestSerf_eventsLeave_avoidInfiniteLeaveRebroadcast: a second leave that some hear without the join between comes to rest', () => {
  const { world, nodes } = pool(
    4,
    { tombstoneTimeout: 30_000 },
    { tamper: (actor, node) => (node.name === 'n3' || node.name === 'n4' ? deafToJoins(actor) : actor) },
  )
  leave(world, nodes[1])
  eventually(world, 'all see that it left', () =>
    nodes.every((node) => node.name === 'n2' || statusOf(node, nodes[1]) === 'left'),
  )
  world.boot(nodes[1])
  world.join(nodes[1], nodes[0])
  eventually(world, 'it is back', () => nodes.every((node) => statusOf(node, nodes[1]) === 'alive'))
  leave(world, nodes[1])
  eventually(world, 'all see that it left again', () =>
    [nodes[0], nodes[2], nodes[3]].every((node) => statusOf(node, nodes[1]) === 'left'),
  )
  world.run(2_000)
  const queues = [nodes[0], nodes[2], nodes[3]].map((node) => done(world, node.command({ type: 'stats' })))
  for (const stats of queues) assert.equal(new Map(Object.entries(stats ?? {})).get('intent_queue'), 0)
  assert.deepEqual(heard(world, nodes[0], nodes[1]), ['join', 'leave', 'join', 'leave'])
})

test('TestSerf_RemoveFailed_eventsLeave: a failed member that is made to leave is join, failed, leave', () => {
  const { world, nodes } = pool(2, { reconnectTimeout: HOUR, tombstoneTimeout: HOUR })
  nodes[1].kill()
  eventually(world, 'it failed', () => statusOf(nodes[0], nodes[1]) === 'failed')
  assert.deepEqual(done(world, forceLeave(nodes[0], nodes[1], 'keep')), { status: 'left' })
  assert.deepEqual(heard(world, nodes[0], nodes[1]), ['join', 'failed', 'leave'])
})

test('TestSerf_eventsUser: events of one member reach another in their order', () => {
  const { world, nodes } = pool(2)
  world.event(nodes[0], 'event!', 'test')
  world.run(100)
  world.event(nodes[0], 'second', 'foobar')
  world.run(500)
  const events = world.transitions.filter(({ kind, observer }) => kind === 'user' && observer === 'n2')
  assert.deepEqual(
    events.map(({ name, detail }) => `${name} ${detail}`),
    ['event! 1 test', 'second 2 foobar'],
  )
})

test('TestSerf_joinLeave: after a leave and two reapings only the other is left in the pool; we ourselves stay on our own list', () => {
  const { world, nodes } = pool(2)
  done(world, nodes[0].command({ type: 'leave' }))
  world.run(2_500)
  assert.deepEqual([...nodes[1].members.keys()], ['n2'])
  assert.equal(statusOf(nodes[0], nodes[0]), 'left')
})

test('TestSerf_leaveRejoinDifferentRole: a name that left may come back with another role', () => {
  const { world, nodes } = pool(2, { tombstoneTimeout: HOUR })
  leave(world, nodes[1])
  eventually(world, 'it has left', () => statusOf(nodes[0], nodes[1]) === 'left')
  world.boot(nodes[1], { tags: { role: 'bar' } })
  world.join(nodes[1], nodes[0])
  eventually(world, 'the new role is seen', () => nodes[0].members.get('n2')?.tags.role === 'bar')
  assert.equal(statusOf(nodes[0], nodes[1]), 'alive')
})

test('TestSerf_forceLeaveFailed, TestSerfRemoveFailedNode_prune: a prune of a failed member leaves two everywhere', () => {
  const { world, nodes } = pool(3, { reconnectTimeout: HOUR })
  nodes[1].kill()
  eventually(world, 'it failed', () => statusOf(nodes[0], nodes[1]) === 'failed')
  forceLeave(nodes[0], nodes[1], 'prune')
  eventually(world, 'two are left', () => nodes[0].members.size === 2 && nodes[2].members.size === 2)
})

for (const [line, options] of [
  ['TestSerf_forceLeaveLeaving', { tombstoneTimeout: HOUR, leavePropagateDelay: 5_000 }],
  ['TestSerf_forceLeaveLeft', { tombstoneTimeout: HOUR }],
] as const) {
  test(`${line}: a prune of a member that left leaves two everywhere`, () => {
    const { world, nodes } = pool(3, options)
    nodes[1].command({ type: 'leave' })
    eventually(world, 'it has left', () =>
      [nodes[0], nodes[2]].every((node) => statusOf(node, nodes[1]) === 'left'),
    )
    forceLeave(nodes[0], nodes[1], 'prune')
    eventually(world, 'two are left', () => nodes[0].members.size === 2 && nodes[2].members.size === 2)
  })
}

test('TestSerf_reconnect: who comes back under its name and address is found without joining: join, failed, join', () => {
  const { world, nodes } = pool(2, { reconnectTimeout: HOUR })
  nodes[1].kill()
  eventually(world, 'it failed', () => statusOf(nodes[0], nodes[1]) === 'failed')
  world.boot(nodes[1])
  eventually(world, 'it is back', () => statusOf(nodes[0], nodes[1]) === 'alive')
  assert.deepEqual(heard(world, nodes[0], nodes[1]), ['join', 'failed', 'join'])
})

test('TestSerf_update: a restart at once with another tag and version is join, update', () => {
  const { world, nodes } = pool(2)
  nodes[1].kill()
  world.boot(nodes[1], { tags: { foo: 'bar' }, protocolVersion: 4 })
  world.join(nodes[1], nodes[0])
  eventually(world, 'the tag is seen', () => nodes[0].members.get('n2')?.tags.foo === 'bar')
  assert.deepEqual(heard(world, nodes[0], nodes[1]), ['join', 'update'])
  assert.equal(nodes[0].members.get('n2')?.delegate.current, 4)
})

test('TestSerf_role, TestSerf_SetTags: tags of each are seen by the other, as one update', () => {
  const { world, nodes } = pool(2)
  nodes.forEach((node, i) => {
    node.command({ type: 'set-tags', tags: { role: `role-${i}` } })
  })
  eventually(world, 'both roles are seen', () =>
    nodes.every((node) => nodes.every(({ name }, i) => node.members.get(name)?.tags.role === `role-${i}`)),
  )
  assert.deepEqual(heard(world, nodes[0], nodes[1]), ['join', 'update'])
})

test('TestSerfRemoveFailedNode: a failed member that one makes leave has left for all', () => {
  const { world, nodes } = pool(3, { reconnectTimeout: HOUR, tombstoneTimeout: HOUR })
  nodes[1].kill()
  eventually(world, 'it failed', () =>
    [nodes[0], nodes[2]].every((node) => statusOf(node, nodes[1]) === 'failed'),
  )
  forceLeave(nodes[0], nodes[1], 'keep')
  eventually(world, 'it left', () =>
    [nodes[0], nodes[2]].every((node) => statusOf(node, nodes[1]) === 'left'),
  )
})

test('TestSerfRemoveFailedNode_ourself: removing an unknown name is refused, where the original succeeds', () => {
  const world = new World({ seed: 1, options: FAST })
  const [alone] = world.start(1)
  assert.equal(
    done(world, alone.command({ type: 'force-leave', name: 'somebody', prune: false })),
    'ERR_UNKNOWN_MEMBER',
  )
})

test('TestSerf_joinLeaveJoin: who left and joins again is a member, and none is left', () => {
  const { world, nodes } = pool(2, { reapInterval: 30_000, tombstoneTimeout: HOUR })
  leave(world, nodes[1])
  eventually(world, 'it has left', () => statusOf(nodes[0], nodes[1]) === 'left')
  world.boot(nodes[1])
  world.join(nodes[0], nodes[1])
  eventually(world, 'both know two alive', () => world.isOneView())
  assert.deepEqual(nodes[0].inStatus('left'), [])
})

test('TestSerf_perNodeReconnectTimeout: a rule for a member counts in place of the timeout of all', () => {
  const { world, nodes } = pool(2, { reconnectTimeout: 30_000, reapRules: [{ tags: {}, after: 0 }] })
  nodes[1].kill()
  eventually(world, 'it is forgotten', () => !nodes[0].members.has('n2'))
  assert.deepEqual(heard(world, nodes[0], nodes[1]), ['join', 'failed', 'reap'])
})

test('TestSerf_joinLeave_ltime: a join has the time 1, and a leave moves the clock of who hears it on', () => {
  const { world, nodes } = pool(2)
  const clock = () =>
    Number(new Map(Object.entries(done(world, nodes[0].command({ type: 'stats' })) ?? {})).get('member_time'))
  world.run(500)
  const before = clock()
  assert.ok(before > 1)
  leave(world, nodes[1])
  world.run(500)
  assert.ok(clock() > before)
})
