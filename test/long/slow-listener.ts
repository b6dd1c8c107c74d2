/**
 * A listener that takes a tenth of a second for every event, for two minutes, while 5,000 times a second one of 10,000 members comes or goes: acks are as
 * quick as without it, no thread's memory grows, and in the end members, and the listener's picture of them, are the truth.
 *
 * The members are made up by this process: it says over UDP that they are alive or dead, answers their probes, and pings the host itself.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { on, once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { slopeOf } from '../../bench/stress/slope.ts'
import { decodePacket, encodeTree, type Tree } from '../../src/wire/index.ts'
import type { Settled } from '../scripts/memory-probe.ts'

const MEMBERS = 10_000
const CHANGES = 5_000
const TICK = 20
const BEFORE = 60_000
const DURING = 120_000
const PACE = 100
/**
 * How much may be held at the end of the second minute beyond its beginning, in MB a minute: by a thread whose garbage is collected, and by the whole process,
 * garbage and all. A queue that keeps 200 bytes for every change would grow by 60.
 */
const MOST_GROWTH = { settled: 3, rss: 30 }
const SAMPLE = 2_500
const MIB = 2 ** 20
const HOST = '127.0.31.1'
const PEERS = '127.0.31.2'

interface Said {
  type: string
  heard: number
  lagged: number
  rss: number
  threads: Settled[]
  members: [string, string][]
  seen: [string, string][]
}

/** The made-up members: each with its incarnation and whether it lives. */
class Peers {
  readonly #socket: Socket
  readonly #host: { port: number }
  readonly alive = new Uint8Array(MEMBERS)
  readonly incarnations = new Uint32Array(MEMBERS)
  readonly rtts: number[] = []
  readonly #asked = new Map<number, number>()
  #seqNo = 1_000_000
  #random: number
  pings = 0

  constructor(socket: Socket, host: { port: number }, seed: number) {
    this.#socket = socket
    this.#host = host
    this.#random = seed
    socket.on('message', (bytes) => this.#take(bytes))
  }

  /** Says what a member is, as news when `change` is. */
  claim(i: number): Tree {
    const Node = nameOf(i)
    const Incarnation = this.incarnations[i]
    if (this.alive[i] === 0) {
      return { type: 'message', name: 'dead', fields: { Node, Incarnation, From: 'peer' } }
    }
    const { address, port } = this.#socket.address()
    const Addr = Uint8Array.from(address.split('.').map(Number))
    const Vsn = Uint8Array.of(1, 5, 2, 2, 5, 5)
    return {
      type: 'message',
      name: 'alive',
      fields: { Node, Incarnation, Addr, Port: port, Meta: new Uint8Array(0), Vsn },
    }
  }

  change(i: number): void {
    this.alive[i] = 1 - this.alive[i]
    if (this.alive[i] === 1) this.incarnations[i] += 1
  }

  next(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
    return this.#random % MEMBERS
  }

  /** Sends claims, about 20 a packet. */
  send(claims: Tree[]): void {
    for (let at = 0; at < claims.length; at += 15) {
      this.#post({ type: 'compound', parts: claims.slice(at, at + 15) })
    }
  }

  ping(): void {
    this.#seqNo += 1
    this.pings += 1
    this.#post({ type: 'message', name: 'ping', fields: { Node: 'host', SeqNo: this.#seqNo } })
    this.#asked.set(this.#seqNo, performance.now())
  }

  #post(tree: Tree): void {
    this.#socket.send(encodeTree(tree), this.#host.port, HOST)
  }

  #take(bytes: Uint8Array): void {
    const now = performance.now()
    for (const { name, fields } of messagesIn(decodePacket(bytes))) {
      const seqNo = Number(fields.SeqNo)
      if (name === 'ping')
        this.#post({ type: 'message', name: 'ackResp', fields: { SeqNo: seqNo, Payload: new Uint8Array(0) } })
      else if (name === 'ackResp') {
        const askedAt = this.#asked.get(seqNo)
        this.#asked.delete(seqNo)
        if (askedAt !== undefined) this.rtts.push(now - askedAt)
      }
    }
  }
}

const nameOf = (i: number) => `member-${String(i).padStart(5, '0')}`

/** All messages in a tree, whatever coats they wear. */
function messagesIn(tree: unknown): { name: string; fields: Record<string, unknown> }[] {
  if (typeof tree !== 'object' || tree === null) return []
  if ('type' in tree && tree.type === 'message' && 'name' in tree && 'fields' in tree) {
    return [{ name: String(tree.name), fields: Object(tree.fields) }]
  }
  return ['inner', 'parts'].flatMap((key) => [Reflect.get(tree, key)].flat().flatMap(messagesIn))
}

async function ask(child: ChildProcess, type: string, pace?: number): Promise<Said> {
  const patience = AbortSignal.timeout(60_000)
  child.send({ type, pace })
  for await (const [said] of on(child, 'message', { signal: patience })) if (said.type === type) return said
  throw new Error('the host is gone')
}

/** Churn and pings for so long; gives how long acks took, how many never came, and what the host's process held. */
async function churn(peers: Peers, child: ChildProcess, duration: number) {
  peers.rtts.length = 0
  peers.pings = 0
  const held: Held[] = []
  const startedAt = performance.now()
  let changes = 0
  let sampledAt = startedAt
  let isAsking = false
  while (performance.now() - startedAt < duration) {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * CHANGES) - changes
    const claims: Tree[] = []
    for (let i = 0; i < Math.min(due, 1_000); i++) {
      const member = peers.next()
      peers.change(member)
      claims.push(peers.claim(member))
    }
    changes += claims.length
    peers.send(claims)
    await sleep(TICK / 2)
    peers.ping()
    await sleep(TICK / 2)
    if (!isAsking && performance.now() - sampledAt > SAMPLE) {
      sampledAt = performance.now()
      isAsking = true
      void ask(child, 'memory').then(({ rss, threads }) => {
        const at = Math.round((performance.now() - startedAt) / 100) / 10
        held.push({ at, rss: Math.round(rss / 2 ** 20), threads })
        isAsking = false
      })
    }
  }
  await sleep(1_000)
  const sorted = peers.rtts.toSorted((a, b) => a - b)
  const at = (q: number) => Math.round(sorted[Math.floor(q * (sorted.length - 1))] * 100) / 100
  const seconds = duration / 1_000
  return {
    changesPerSecond: Math.round(changes / seconds),
    pings: peers.pings,
    unanswered: peers.pings - sorted.length,
    rtt: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) },
    memory: inMegabytes(held),
  }
}

/** What the host's process held at a time, in seconds: all of it, and each thread what it has when its garbage is collected. */
interface Held {
  at: number
  rss: number
  threads: Settled[]
}

/** Each thread's memory in MB over the time, and how fast it grew in the second half of it: the slope of the straight line through what it held. */
function inMegabytes(held: Held[]) {
  const times = held.map(({ at }) => at)
  const series = (of: (one: Held) => number) => {
    const values = held.map(of)
    return { values, perMinute: slope(times, values) }
  }
  const names = held.at(0)?.threads.map(({ thread }) => thread) ?? []
  const settled = names.map((name) => {
    const of = ({ threads }: Held) => {
      const { heap, external } = threads.find(({ thread }) => thread === name) ?? { heap: 0, external: 0 }
      return Math.round((heap + external) * 10) / 10
    }
    return [name, series(of)] as const
  })
  return { at: times, rss: series(({ rss }) => rss), settled: Object.fromEntries(settled) }
}

/** Of the straight line through the points of the second half, per minute. */
function slope(times: number[], values: number[]): number {
  const half = times.length >> 1
  const samples = times
    .slice(half)
    .map((seconds, i) => ({ at: seconds * 1_000, bytes: values[half + i] * MIB }))
  return Math.round((slopeOf(samples).perHour / 60 / MIB) * 100) / 100
}

export async function prove(seed: number): Promise<unknown> {
  const script = join(import.meta.dirname, '..', 'scripts', 'slow-host.js')
  const probe = pathToFileURL(join(import.meta.dirname, '..', 'scripts', 'memory-probe.js')).href
  const child = fork(script, [`${HOST}:0`], { execArgv: ['--expose-gc', '--import', probe] })
  const socket = createSocket('udp4')
  try {
    const [{ port }] = await once(child, 'message')
    socket.bind(0, PEERS)
    await once(socket, 'listening')
    socket.setRecvBufferSize(4 * 2 ** 20)
    const peers = new Peers(socket, { port }, seed)
    const settle = async () => {
      for (let at = 0; at < MEMBERS; at += 150) {
        peers.send(Array.from({ length: 150 }, (_, i) => (at + i) % MEMBERS).map((i) => peers.claim(i)))
        await sleep(30)
      }
    }
    for (let i = 0; i < MEMBERS; i++) peers.change(i)
    await settle()
    const before = await churn(peers, child, BEFORE)
    await ask(child, 'listen', PACE)
    const from = await ask(child, 'memory')
    const during = await churn(peers, child, DURING)
    const slow = await ask(child, 'pace', 0)
    const after = await churn(peers, child, BEFORE)
    assert.ok(slow.heard - from.heard <= (DURING / 1_000 + 10) * 10, `it heard ${slow.heard - from.heard}`)
    // What was lost on the way is said again, until the table is the truth.
    const truth = Array.from({ length: MEMBERS }, (_, i) => [
      nameOf(i),
      `${peers.alive[i] === 1 ? 'alive' : 'failed'} ${peers.incarnations[i]}`,
    ]).sort()
    const others = (list: string[][]) => list.filter(([name]) => name !== 'host').sort()
    // A higher incarnation alone is no event.
    const standing = (list: string[][]) => others(list).map(([name, now]) => `${name} ${now.split(' ')[0]}`)
    let view = await ask(child, 'view')
    for (let i = 0; i < 20; i++) {
      await settle()
      await sleep(1_000)
      view = await ask(child, 'view')
      if (same(others(view.members), truth) && same(standing(view.seen), standing(truth))) break
    }
    assert.deepEqual(others(view.members), truth, 'members() is the truth')
    assert.deepEqual(standing(view.seen), standing(truth), 'the picture by events is the truth')
    assert.ok(before.changesPerSecond > CHANGES * 0.95 && during.changesPerSecond > CHANGES * 0.95)
    assert.equal(during.unanswered, 0)
    // The noise of the machine: what it makes of acks without a slow listener, before and after.
    const noise = (q: 'p50' | 'p90' | 'p99') => Math.max(before.rtt[q], after.rtt[q])
    const found = {
      members: MEMBERS,
      before,
      during,
      after,
      heard: slow.heard - from.heard,
      lagged: view.lagged,
    }
    assert.ok(during.rtt.p50 < noise('p50') * 1.5 + 0.5, `acks are as quick: ${JSON.stringify(found)}`)
    assert.ok(during.rtt.p90 < noise('p90') * 2 + 3, `most of them: ${JSON.stringify(found)}`)
    assert.ok(during.rtt.p99 < noise('p99') * 3 + 20, `the slowest too: ${JSON.stringify(found)}`)
    for (const [thread, { perMinute }] of Object.entries(during.memory.settled)) {
      assert.ok(perMinute < MOST_GROWTH.settled, `the memory of ${thread} is flat: ${JSON.stringify(found)}`)
    }
    assert.ok(during.memory.rss.perMinute < MOST_GROWTH.rss, `so is all of it: ${JSON.stringify(found)}`)
    return found
  } finally {
    child.kill('SIGKILL')
    socket.close()
  }
}

function same(one: unknown[], other: unknown[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
