/**
 * Members that join and leave under new names, a hundred thousand of them (row 18): the tables of all actors, the state of a push/pull and the heap
 * are afterwards what they were after the first tenth of them. In virtual time, tombstones and all.
 */
import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Mirror } from '../../src/cluster/mirror.ts'
import { MemberView } from '../../src/dispatch/view.ts'
import { writePushPullHeader } from '../../src/wire/claim.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { LoneDetector } from '../detector/lone-detector.ts'
import { alive, dead, joinIntent, LoneGossip, leaveIntent, utf8 } from '../gossip/lone-gossip.ts'

const CYCLES = 100_000
const ROUNDS = 10
const TIMES = {
  tombstoneTimeout: 20_000,
  reapInterval: 5_000,
  gossipToTheDeadTime: 5_000,
  recentIntentTimeout: 20_000,
  reconnectInterval: 0,
}

setFlagsFromString('--expose-gc')
const gc: () => void = runInNewContext('gc')

/** What a peer gets that asks for our state. */
function stateSize(lone: LoneGossip, stream: number): number {
  const header = new Writer()
  writePushPullHeader(header, { join: false, nodes: 0, userStateLength: 0 })
  lone.gossip.receive({ type: 'stream-accepted', stream, ip: '127.0.1.1', port: 4000 }, lone.now)
  lone.gossip.receive({ type: 'stream-data', stream, bytes: header.copy() }, lone.now)
  lone.advance(50)
  lone.gossip.receive({ type: 'stream-closed', stream, error: '' }, lone.now)
  const size = (lone.written.get(stream) ?? []).reduce((sum, { length }) => sum + length, 0)
  lone.written.clear()
  return size
}

export function prove(seed: number): Promise<unknown> {
  return Promise.resolve(churn(seed, CYCLES))
}

/** What is there after each round. Throws where anything grows from one to the next. */
export function churn(seed: number, cycles: number) {
  const round = cycles / ROUNDS
  const lone = new LoneGossip({ ...TIMES, compression: false, pushPullInterval: 0 })
  const detector = new LoneDetector({ coordinates: false }, 'begun', seed)
  const view = new MemberView(utf8('self'))
  const mirror = new Mirror()
  lone.hear(alive({ incarnation: 1, name: 'resident', address: [127, 0, 0, 99] }))
  const pass = () => {
    for (const mail of lone.toDetector.splice(0)) if (mail.type === 'roster') detector.mail(mail)
    for (const mail of lone.toDispatch.splice(0)) {
      if (mail.type !== 'facts') continue
      view.apply(mail.bytes)
      mirror.apply(mail.bytes, mail.through)
    }
    lone.replies.clear()
  }
  const looks: { known: number; peers: number; view: number; mirror: number; state: number; heap: number }[] =
    []
  for (let i = 1; i <= cycles; i++) {
    const name = `guest-${i}`
    lone.hear(alive({ incarnation: 1, name, address: [10, 1, i & 255, 1] }), joinIntent(name, 2 * i))
    lone.hear(leaveIntent(name, 2 * i + 1), dead(name, 1, name))
    lone.advance(10)
    pass()
    detector.advance(10)
    if (i % round !== 0) continue
    lone.advance(60_000)
    pass()
    detector.advance(60_000)
    for (const list of [detector.packets, detector.toGossip, detector.dialled, detector.closed])
      list.length = 0
    gc()
    const stats = lone.stats()
    looks.push({
      known: stats.members,
      peers: detector.detector.ring.order.length,
      view: view.size,
      mirror: mirror.members().length,
      state: stateSize(lone, i),
      heap: process.memoryUsage().heapUsed,
    })
    pass()
  }
  const { heap, ...first } = looks[0]
  assert.deepEqual([first.known, first.peers, first.view, first.mirror], [2, 1, 2, 2])
  for (const { heap: later, ...look } of looks) {
    // The Lamport times in the state take a few bytes more as they grow.
    assert.ok(look.state - first.state <= 32, `${look.state} bytes of state, ${first.state} at first`)
    assert.deepEqual({ ...look, state: 0 }, { ...first, state: 0 })
    assert.ok(later - heap < 4 * 1024 * 1024, `${later - heap} bytes more than after the first round`)
  }
  assert.ok(mirror.rows < 10_000, `${mirror.rows} rows in the mirror`)
  return { cycles, looks }
}
