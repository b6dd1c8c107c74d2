/** Push/pull through the streams of a gossip actor: what is answered, what is merged, what is refused whole. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writePushPullHeader, writePushPullNode } from '../../src/wire/claim.ts'
import { decodeStream } from '../../src/wire/decode.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { writeError } from '../../src/wire/probe.ts'
import { type EventSlot, encodeTags, writePushPullState } from '../../src/wire/serf.ts'
import { SERF, STATE } from '../../src/wire/types.ts'
import { alive, dead, joinIntent, LoneGossip, leaveIntent, userEvent, utf8, VERSIONS } from './lone-gossip.ts'

interface Entry {
  name: string
  state?: number
  incarnation?: number
  versions?: Uint8Array
}

interface State {
  entries: Entry[]
  join?: boolean
  times?: [member: number, event: number, query: number]
  left?: string[]
  statuses?: [name: string, lamportTime: number][]
  slots?: (EventSlot | undefined)[]
}

function pushPull({
  entries,
  join = false,
  times = [1, 1, 1],
  left = [],
  statuses = [],
  slots = [],
}: State): Uint8Array {
  const nodes = new Writer()
  for (const { name, state = STATE.alive, incarnation = 1, versions = VERSIONS } of entries) {
    const address = Uint8Array.of(127, 0, 1, name.charCodeAt(0))
    writePushPullNode(nodes, {
      name: utf8(name),
      state,
      incarnation,
      versions,
      address,
      port: 7946,
      meta: null,
    })
  }
  const tail = new Writer()
  writePushPullState(tail, {
    lamportTime: times[0],
    eventTime: times[1],
    queryTime: times[2],
    left: left.map(utf8),
    statuses: {
      count: statuses.length,
      each: (visit) => statuses.forEach(([name, time]) => void visit(utf8(name), time)),
    },
    slots,
  })
  const head = new Writer()
  writePushPullHeader(head, { join, nodes: entries.length, userStateLength: tail.length })
  return Buffer.concat([head.view(), nodes.view(), tail.view()])
}

/** A peer opens a stream with these bytes; what it gets. */
function ask(lone: LoneGossip, bytes: Uint8Array, stream = 1): Uint8Array {
  lone.gossip.receive({ type: 'stream-accepted', stream, ip: '127.0.1.1', port: 4000 }, lone.now)
  lone.gossip.receive({ type: 'stream-data', stream, bytes }, lone.now)
  lone.advance(50)
  return Buffer.concat(lone.written.get(stream) ?? [])
}

const quiet = () => {
  const lone = new LoneGossip({ compression: false })
  lone.newFacts()
  return lone
}

test('the answer is our state as it was before the newcomer, with the same join flag', () => {
  const lone = quiet()
  const tree = decodeStream(ask(lone, pushPull({ join: true, entries: [{ name: 'peer' }] })))
  assert.ok(tree.type === 'pushPull')
  assert.equal(tree.header?.Join, true)
  assert.deepEqual(
    tree.nodes.map((node) => node?.Name),
    ['self'],
  )
  assert.deepEqual(lone.newFacts(), ['join peer alive'])
})

test('alive joins, left is final, dead and suspect are only doubted, an unknown state is ignored', () => {
  const lone = quiet()
  lone.hear(
    ...['a', 'b', 'c', 'd'].map((name) =>
      alive({ incarnation: 1, name, address: [127, 0, 1, name.charCodeAt(0)] }),
    ),
  )
  lone.newFacts()
  ask(
    lone,
    pushPull({
      entries: [
        { name: 'a', state: STATE.dead },
        { name: 'b', state: STATE.suspect },
        { name: 'c', state: STATE.left },
        { name: 'd', state: 77 },
        { name: 'e' },
      ],
      statuses: [['c', 4]],
      left: ['c'],
    }),
  )
  assert.deepEqual(lone.newFacts(), ['leave c left', 'change c left', 'join e alive'])
  assert.equal(lone.stats().suspicions, 2)
})

test('each newcomer is told once: with its Lamport time, or when the merge is over, and before the events', () => {
  const lone = quiet()
  const slots = [{ lamportTime: 3, events: [{ name: utf8('deploy'), payload: null }] }]
  const entries = ['a', 'b', 'c'].map((name) => ({ name }))
  ask(lone, pushPull({ entries, statuses: Object.entries({ c: 7, a: 5 }), slots }))
  assert.deepEqual(lone.newFacts(), ['join c alive', 'join a alive', 'join b alive', 'user deploy@3'])
})

test('who failed and is said to have left is left whatever its join time, since the leave came later', () => {
  const lone = quiet()
  ask(lone, pushPull({ entries: [{ name: 'peer' }] }))
  lone.hear(dead('peer', 1, 'self'))
  lone.newFacts()
  ask(lone, pushPull({ entries: [], statuses: [['peer', 20]], left: ['peer'] }))
  assert.deepEqual(lone.newFacts(), ['leave peer left'])
  lone.hear(leaveIntent('peer', 21))
  assert.deepEqual(lone.newFacts(), [], 'that time is taken')
})

test('who is alive is not made to leave by a peer that missed its return', () => {
  const lone = quiet()
  ask(lone, pushPull({ entries: [{ name: 'peer', incarnation: 3 }] }))
  lone.newFacts()
  const stale = { name: 'peer', state: STATE.left, incarnation: 2 }
  ask(lone, pushPull({ entries: [stale], statuses: [['peer', 20]], left: ['peer'] }))
  assert.deepEqual(lone.newFacts(), [])
  assert.equal(lone.stats()['folkmoot.left-by-rumour'], 1)
  // Its own word still counts, and so does a leave that we hear ourselves.
  lone.hear(leaveIntent('peer', 21))
  assert.deepEqual(lone.newFacts(), ['change peer leaving'])
})

test('who is unknown and said to have left, but returns with the very next time, is alive', () => {
  const lone = quiet()
  const gone = { name: 'peer', state: STATE.left, incarnation: 2 }
  ask(lone, pushPull({ entries: [gone], statuses: [['peer', 20]], left: ['peer'] }))
  assert.deepEqual(lone.newFacts(), [])
  lone.hear(joinIntent('peer', 21), alive({ name: 'peer', incarnation: 3 }))
  assert.deepEqual(lone.newFacts(), ['join peer alive'])
})

test('who is leaving for a peer too is not brought back by the time that its state has of the leave', () => {
  const lone = quiet()
  ask(lone, pushPull({ entries: [{ name: 'peer' }] }))
  lone.hear(leaveIntent('peer', 21))
  lone.newFacts()
  ask(lone, pushPull({ entries: [{ name: 'peer' }], statuses: [['peer', 21]] }))
  assert.deepEqual(lone.newFacts(), [])
})

test('clocks become at least those of the peer, and not one more', () => {
  const lone = quiet()
  ask(lone, pushPull({ entries: [{ name: 'peer' }], times: [42, 50, 100] }))
  const { member_time, event_time, query_time } = lone.stats()
  assert.deepEqual([member_time, event_time, query_time], [42, 50, 100])
})

test('events of the ring come in the order of their times, each once, and are not gossiped on', () => {
  const lone = quiet()
  const slot = (lamportTime: number, ...names: string[]): EventSlot => ({
    lamportTime,
    events: names.map((name) => ({ name: utf8(name), payload: null })),
  })
  // The ring has wrapped: the newest stand in front.
  const slots = [slot(512, 'late'), slot(513, 'later', 'later still'), undefined, slot(3, 'early')]
  // Of the first state that is pushed unasked nothing old is heard.
  ask(lone, pushPull({ entries: [{ name: 'peer' }], times: [1, 1, 1] }))
  lone.newFacts()
  ask(lone, pushPull({ entries: [{ name: 'peer' }], times: [1, 514, 1], slots }))
  assert.deepEqual(lone.newFacts(), [
    'user early@3',
    'user late@512',
    'user later@513',
    'user later still@513',
  ])
  lone.hear(userEvent('late', 512))
  assert.deepEqual(lone.newFacts(), [])
  assert.equal(lone.stats().event_queue, 0)
})

test('a time in a state that no clock can follow costs itself alone, and who wants no old events gets none of such a peer', () => {
  const slot = (lamportTime: number, name: string): EventSlot => ({
    lamportTime,
    events: [{ name: utf8(name), payload: null }],
  })
  const state: State = {
    entries: [{ name: 'peer' }],
    times: [2 ** 60, 2 ** 60, 2 ** 60],
    statuses: [
      ['far', 2 ** 61],
      ['peer', 7],
    ],
    left: ['far'],
    slots: [slot(2 ** 60, 'far'), slot(2, 'near'), slot(1, 'longer than any member may send'.repeat(300))],
  }
  const lone = quiet()
  ask(lone, pushPull({ entries: [] }))
  ask(lone, pushPull(state))
  assert.deepEqual(lone.newFacts(), ['join peer alive', 'user near@2'])
  const { member_time, event_time, query_time } = lone.stats()
  assert.deepEqual([member_time, event_time, query_time], [8, 3, 1])
  assert.deepEqual([lone.stats()['drop.lamport-time'], lone.stats()['drop.event-too-long']], [5, 1])
  const fresh = quiet()
  fresh.command({ type: 'join', seeds: ['127.0.0.5'], ignoreOldEvents: true })
  ask(fresh, pushPull(state), 77)
  assert.deepEqual(fresh.newFacts(), ['join peer alive'])
})

test('an event without a field in the ring of a peer is kept in its own bytes, not in those of the state', () => {
  const lone = quiet()
  ask(lone, pushPull({ entries: [] }))
  const tail = new Writer()
  tail.byte(SERF.pushPull)
  tail.map(1)
  tail.text('Events')
  tail.array(1)
  tail.map(2)
  tail.text('LTime')
  tail.uint(5)
  tail.text('Events')
  tail.array(3)
  tail.map(1)
  tail.text('Name')
  tail.text('no payload')
  tail.map(1)
  tail.text('Payload')
  tail.text('no name')
  tail.map(0)
  const head = new Writer()
  writePushPullHeader(head, { join: false, nodes: 0, userStateLength: tail.length })
  ask(lone, Buffer.concat([head.view(), tail.view()]), 2)
  assert.deepEqual(lone.newFacts(), ['user no payload@5', 'user @5 no name', 'user @5'])
  const kept = lone.gossip.events.seen.slots[5]?.events.map(({ bytes }) => bytes.length)
  assert.ok(
    kept?.every((bytes) => bytes < 20),
    `${kept} bytes`,
  )
})

test('one entry that nobody understands refuses the whole merge, and nothing of it is taken', () => {
  for (const versions of [
    new Uint8Array(0),
    Uint8Array.of(1, 5, 2),
    Uint8Array.of(1, 5, 9, 2, 5, 5),
    Uint8Array.of(1, 5, 2, 2, 5, 6),
  ]) {
    const lone = quiet()
    const answer = ask(lone, pushPull({ entries: [{ name: 'peer' }, { name: 'odd', versions }] }))
    assert.equal(answer[0], 6, 'we answered before we looked')
    assert.deepEqual(lone.newFacts(), [])
    assert.equal(lone.stats()['drop.push-pull'], 1)
  }
})

test('who speaks what others do not understand is named: theirs, and ours (verifyProtocol)', () => {
  const old = Uint8Array.of(1, 5, 2, 2, 5, 5)
  const odd = Uint8Array.of(1, 5, 2, 2, 6, 6)
  const theirs = quiet()
  ask(theirs, pushPull({ entries: [{ name: 'peer' }, { name: 'odd-one', versions: odd }] }))
  assert.match(theirs.logged.join('\n'), /odd-one speaks memberlist 2 and serf 6; .* serf 2 to 5/)
  // One that we hold dead is looked at too, as in the original: in any state.
  const ours = quiet()
  ours.hear(alive({ incarnation: 1, name: 'known-odd', versions: odd }), dead('known-odd', 1, 'somebody'))
  ask(ours, pushPull({ entries: [{ name: 'peer', versions: old }] }))
  assert.match(ours.logged.join('\n'), /known-odd, whom we know, speaks memberlist 2 and serf 6/)
  assert.equal(ours.stats()['drop.push-pull'], 1)
})

test('the stream that would make 128 push/pulls at once is closed without an answer; later ones are answered again', () => {
  const lone = quiet()
  const open = (stream: number) => {
    const ip = `10.0.${stream >> 6}.1`
    lone.gossip.receive({ type: 'stream-accepted', stream, ip, port: 4000 }, lone.now)
    const bytes = pushPull({ entries: [{ name: 'peer' }] })
    lone.gossip.receive({ type: 'stream-data', stream, bytes }, lone.now)
  }
  for (let stream = 1; stream <= 300; stream++) open(stream)
  assert.equal(lone.stats()['drop.stream-too-many-push-pulls'], 300 - 127)
  lone.advance(1_000)
  const answered = Array.from({ length: 300 }, (_, i) => i + 1).filter((stream) => lone.written.has(stream))
  assert.deepEqual(
    answered,
    Array.from({ length: 127 }, (_, i) => i + 1),
  )
  for (let stream = 301; stream <= 427; stream++) open(stream)
  lone.advance(1_000)
  assert.ok(lone.written.has(427))
  assert.equal(lone.stats()['drop.stream-too-many-push-pulls'], 300 - 127)
})

test('a state that is cut short or rotten merges nothing', () => {
  const whole = pushPull({ entries: [{ name: 'peer' }], statuses: [['peer', 1]] })
  const lone = quiet()
  const rotten = whole.slice()
  rotten[whole.length - 7] = 0xc1
  ask(lone, rotten, 1)
  ask(lone, whole.subarray(0, whole.length - 3), 2)
  const { listed } = lone.stats()
  assert.equal(listed, 2, 'members of the first came before what was rotten; nothing of the second')
  assert.equal(lone.stats()['drop.push-pull-state'], 1)
  assert.deepEqual(lone.newFacts(), ['join peer alive'], 'and the host hears of them')
  lone.advance(20_000)
  assert.equal(lone.stats()['drop.stream-timeout'], 1)
})

test('a join gives up on a peer that does not answer within its time, and says so', () => {
  const lone = quiet()
  const id = lone.command({ type: 'join', seeds: ['127.0.0.5'], ignoreOldEvents: false })
  const [{ stream, ip, port }] = lone.dialled
  assert.deepEqual([ip, port], ['127.0.0.5', 7946])
  lone.gossip.receive({ type: 'stream-connected', stream }, lone.now)
  lone.advance(25_000)
  const envelope = lone.replies.get(id)
  assert.ok(envelope && !envelope.ok)
  assert.equal(envelope.error.code, 'ERR_JOIN_FAILED')
  assert.match(envelope.error.message, /no answer within/)
})

test('ten seeds are dialled side by side, the eleventh when one of them is done', () => {
  const lone = quiet()
  const seeds = Array.from({ length: 12 }, (_, i) => `127.0.0.${i + 10}`)
  lone.command({ type: 'join', seeds, ignoreOldEvents: false })
  assert.equal(lone.dialled.length, 10)
  lone.gossip.receive({ type: 'stream-closed', stream: lone.dialled[3].stream, error: 'refused' }, lone.now)
  assert.equal(lone.dialled.length, 11)
})

test('a join that ignores old events refuses them for good, also later ones by gossip', () => {
  const lone = quiet()
  lone.command({ type: 'join', seeds: ['127.0.0.5'], ignoreOldEvents: true })
  const [{ stream }] = lone.dialled
  lone.gossip.receive({ type: 'stream-connected', stream }, lone.now)
  lone.advance(10)
  const old: EventSlot = { lamportTime: 5, events: [{ name: utf8('old'), payload: null }] }
  lone.gossip.receive(
    {
      type: 'stream-data',
      stream,
      bytes: pushPull({ join: true, entries: [{ name: 'peer' }], times: [1, 9, 1], slots: [old] }),
    },
    lone.now,
  )
  lone.advance(50)
  lone.hear(userEvent('older', 8), userEvent('at the line', 9))
  assert.deepEqual(
    lone.newFacts().filter((fact) => fact.startsWith('user')),
    ['user at the line@9'],
  )
})

test('while such a join is under way, a peer that pushes its state first brings no old event either (B8)', () => {
  const lone = quiet()
  lone.command({ type: 'join', seeds: ['127.0.0.5'], ignoreOldEvents: true })
  const old: EventSlot = { lamportTime: 5, events: [{ name: utf8('old'), payload: null }] }
  const state = pushPull({ entries: [{ name: 'peer' }], times: [1, 9, 1], slots: [old] })
  ask(lone, state, 77)
  lone.hear(userEvent('older', 8), userEvent('at the line', 9))
  const events = lone.newFacts().filter((fact) => fact.startsWith('user'))
  assert.deepEqual(events, ['user at the line@9'])
  const other = quiet()
  ask(other, pushPull({ entries: [{ name: 'peer' }], times: [1, 1, 1] }), 76)
  ask(other, state, 77)
  assert.ok(other.newFacts().includes('user old@5'), 'without such a join it is heard')
})

test('the state of a large pool is merged in slices, between which other mail is served', () => {
  const lone = quiet()
  const entries = Array.from({ length: 10_000 }, (_, i) => ({ name: `m${i}` }))
  lone.gossip.receive({ type: 'stream-accepted', stream: 1, ip: '127.0.1.1', port: 4000 }, 0)
  lone.gossip.receive({ type: 'stream-data', stream: 1, bytes: pushPull({ entries }) }, 0)
  let slices = 0
  let heard = 0
  while (lone.gossip.wakeAt <= lone.now) {
    slices += 1
    lone.gossip.wake(lone.now)
    // Something else comes in the middle: it is served in its own turn.
    if (slices === 6) {
      lone.gossip.receive({ type: 'command', id: 900, command: { type: 'stats' } }, lone.now)
      heard = lone.replies.has(900) ? 1 : 0
    }
  }
  assert.ok(slices > 8, `${slices} slices`)
  assert.equal(heard, 1)
  assert.equal(lone.stats().listed, 10_001)
})

test('new names in a state that came unasked count for its sender; in one that we asked for they do not', () => {
  const entries = Array.from({ length: 16_500 }, (_, i) => ({ name: `m${i}` }))
  const lone = quiet()
  ask(lone, pushPull({ entries }))
  lone.advance(1_000)
  assert.equal(lone.stats()['drop.new-names-rate'], 16_500 - 16_384)
  const joining = quiet()
  joining.command({ type: 'join', seeds: ['127.0.1.1'], ignoreOldEvents: false })
  const [{ stream }] = joining.dialled
  joining.gossip.receive({ type: 'stream-connected', stream }, joining.now)
  joining.gossip.receive(
    { type: 'stream-data', stream, bytes: pushPull({ entries, join: true }) },
    joining.now,
  )
  joining.advance(1_000)
  assert.equal(joining.stats().members, 16_501)
})

test('7.12 what is spoken by the dead counts too, what they understand does not; and so on our own side', () => {
  const speaks = (memberlist: number, serf: number) => Uint8Array.of(1, 5, memberlist, 2, 5, serf)
  const refused = (entries: Entry[], ours: Uint8Array[] = []) => {
    const lone = quiet()
    lone.hear(...ours)
    ask(lone, pushPull({ entries: [...entries, { name: 'newcomer' }] }))
    return !lone.newFacts().some((fact) => fact.startsWith('join newcomer'))
  }
  // Fit to be refused: a dead member of theirs that speaks what nobody alive understands.
  assert.ok(refused([{ name: 'dead', state: STATE.dead, versions: speaks(9, 5) }]))
  assert.ok(refused([{ name: 'left', state: STATE.left, versions: speaks(2, 9) }]))
  assert.ok(!refused([{ name: 'dead', state: STATE.dead, versions: speaks(3, 4) }]))
  // The ranges of the dead narrow nothing; those of the living do, theirs and ours.
  const narrow = Uint8Array.of(1, 1, 1, 2, 3, 3)
  assert.ok(!refused([{ name: 'dead', state: STATE.dead, versions: Uint8Array.of(1, 1, 1, 2, 3, 3) }]))
  assert.ok(refused([{ name: 'old', versions: narrow }]))
  const old = alive({ incarnation: 1, name: 'o0', versions: narrow })
  assert.ok(refused([], [old]))
})

/** A join of a lone member, answered with these bytes, or closed where there are none: the error of its reply. */
function refusalOf(lone: LoneGossip, bytes: Uint8Array | undefined) {
  const id = lone.command({ type: 'join', seeds: ['127.0.0.5'], ignoreOldEvents: false })
  const [{ stream }] = lone.dialled.splice(0)
  lone.gossip.receive({ type: 'stream-connected', stream }, lone.now)
  if (bytes === undefined) lone.gossip.receive({ type: 'stream-closed', stream, error: '' }, lone.now)
  else lone.gossip.receive({ type: 'stream-data', stream, bytes }, lone.now)
  lone.advance(50)
  const envelope = lone.replies.get(id)
  return envelope === undefined || envelope.ok ? undefined : envelope.error
}

test('who is there and will not have us is told apart: by versions, without a word, by an error that is theirs', () => {
  const future = [{ name: 'peer', versions: Uint8Array.of(1, 5, 2, 2, 5, 6) }]
  for (const [bytes, reason] of [
    [pushPull({ join: true, entries: future }), 'version'],
    [undefined, 'label'],
    [writeError('no, thank you'), 'other'],
  ] as const) {
    const error = refusalOf(quiet(), bytes)
    assert.equal(error?.code, 'ERR_JOIN_REFUSED')
    assert.equal(error?.details.reason, reason)
  }
  const labelled = new LoneGossip({ compression: false, label: 'blue' })
  assert.equal(refusalOf(labelled, writeError('no'))?.details.reason, 'label')
})

test('a join is answered when our word comes back, and not when only a state did', () => {
  const lone = quiet()
  const state = pushPull({ join: true, entries: [{ name: 'peer' }] })
  const id = lone.command({ type: 'join', seeds: ['127.0.0.5'], ignoreOldEvents: false })
  const [{ stream }] = lone.dialled.splice(0)
  lone.gossip.receive({ type: 'stream-connected', stream }, lone.now)
  lone.gossip.receive({ type: 'stream-data', stream, bytes: state }, lone.now)
  // Gossip has its chance to bring it back before an ack takes one of the few times that our news is sent.
  lone.advance(500)
  assert.ok(!lone.toDetector.some(({ type }) => type === 'greet'))
  lone.advance(200)
  assert.ok(lone.toDetector.some(({ type }) => type === 'greet'))
  lone.hear(alive({ incarnation: 1, name: 'self', address: [127, 0, 0, 9] }))
  lone.hear(alive({ incarnation: 1, name: 'peer', address: [127, 0, 1, 112] }))
  assert.equal(lone.replies.get(id), undefined)
  lone.hear(alive({ incarnation: 1, name: 'self', address: [127, 0, 0, 1], meta: encodeTags({}, 5) }))
  assert.equal(lone.replies.get(id)?.ok, true)
})

test('who joins us alone is shown at once what we hold of it; who brings others, or holds a name of others, is not', () => {
  // No tick of gossip comes between.
  const lone = new LoneGossip({ compression: false, gossipInterval: 30_000, broadcastTimeout: 60_000 })
  const shown = () =>
    lone.sentTo(7946).filter((message) => message.includes(Buffer.from('peer').toString('hex')))
  ask(lone, pushPull({ join: true, entries: [{ name: 'peer' }] }))
  assert.equal(shown().length, 1)
  ask(lone, pushPull({ entries: [{ name: 'peer' }] }), 2)
  ask(lone, pushPull({ join: true, entries: [{ name: 'peer' }, { name: 'friend' }] }), 3)
  assert.deepEqual(shown(), [])
  lone.hear(alive({ incarnation: 9, name: 'x-taken', address: [127, 0, 9, 9] }))
  ask(lone, pushPull({ join: true, entries: [{ name: 'x-taken' }] }), 4)
  assert.deepEqual(
    lone.sentTo(7946).filter((message) => message.includes(Buffer.from('x-taken').toString('hex'))),
    [],
  )
})
