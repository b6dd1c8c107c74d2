/**
 * Six hours of all troubles at once in virtual time: what `npm run stress -- --only everything` does to processes, without their noise. Nine members, of whom
 * two are frozen and two are killed again and again; half of the time 15% of all datagrams lost, three links at a time that break, events and
 * queries, accusations by nobody; and sixty guests that come, go and answer pings but pass nothing on, so that most of what is gossiped ends at them and a
 * refutation misses somebody now and then. Whoever lives and is not frozen may not be called failed; who is back from the dead has five seconds in which all hear so.
 *
 * Chance is left its part: fewer than one such failure in two hours. Without asking the accused (`src/gossip/appeals.ts`) there were nine an hour.
 */
import assert from 'node:assert/strict'
import { Counters } from '../../src/actors/counters.ts'
import type { SeededRandom } from '../../src/actors/random.ts'
import type { Transition } from '../../src/simulator/host.ts'
import { type SimulatedNode, World } from '../../src/simulator/index.ts'
import type { Pipe, PipeEnd, Station } from '../../src/simulator/network.ts'
import { writeAlive, writeSuspect } from '../../src/wire/claim.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { makeCompound, PacketOpener } from '../../src/wire/packet.ts'
import { readPing, writeAck } from '../../src/wire/probe.ts'
import { encodeTags, writeLeave } from '../../src/wire/serf.ts'
import { MESSAGE } from '../../src/wire/types.ts'

const HOURS = 6
const MINUTE = 60_000
const STEP = 50
const MEMBERS = 9
const GRACE = 5_000
const MOST_FALSE = HOURS / 2
const FORGET_AFTER = 5 * MINUTE
const LOSS = 0.15
/** In a second. */
const EVENTS = 15
const CHANGES = 24
const QUERIES = 2
const LINKS = 3
const GUESTS = 60
const SILENT = 8
const TOLD = 3
const VERSIONS = Uint8Array.of(1, 5, 2, 2, 5, 5)
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

export async function prove(seed: number): Promise<unknown> {
  const trouble = new Trouble(seed)
  trouble.live()
  const { falsely, said, kills } = trouble
  const found = { hours: HOURS, kills, 'said to have failed': said, falsely }
  console.error(JSON.stringify(found))
  assert.ok(kills > 100 * HOURS)
  assert.ok(falsely.length < MOST_FALSE, `${falsely.length} in ${HOURS} hours`)
  return found
}

/** What is done to one member, until when. */
interface Fate {
  node: SimulatedNode
  isDone: boolean
  until: number
}

class Trouble {
  readonly falsely: string[] = []
  said = 0
  kills = 0
  readonly #world: World
  readonly #nodes: SimulatedNode[]
  readonly #chance: SeededRandom
  readonly #guests: Guests
  readonly #killed: Fate[]
  readonly #frozen: Fate[]
  readonly #links: { ends: SimulatedNode[]; until: number }[]
  /** When those who were killed were started again. */
  readonly #backAt = new Map<string, number>()
  #events = 0

  constructor(seed: number) {
    this.#world = new World({
      seed,
      hosts: 'light',
      handling: 'share',
      options: { tombstoneTimeout: FORGET_AFTER, reconnectTimeout: FORGET_AFTER },
      keep: (transition) => {
        this.#judge(transition)
        return false
      },
    })
    this.#chance = this.#world.faults
    this.#nodes = this.#world.pool(MEMBERS)
    this.#guests = new Guests(this.#world, this.#nodes)
    this.#world.run(5_000)
    const fate = (node: SimulatedNode) => ({ node, isDone: false, until: this.#world.now + 1_000 })
    this.#frozen = this.#nodes.slice(-4, -2).map(fate)
    this.#killed = this.#nodes.slice(-2).map(fate)
    this.#links = Array.from({ length: LINKS }, () => ({ ends: [], until: this.#world.now }))
  }

  live(): void {
    const world = this.#world
    for (const end = world.now + HOURS * 60 * MINUTE; world.now < end; world.run(STEP)) {
      world.network.weather = { ...world.network.weather, loss: world.now % MINUTE < MINUTE / 2 ? LOSS : 0 }
      this.#talk()
      for (const fate of this.#killed) if (world.now >= fate.until) this.#kill(fate)
      for (const fate of this.#frozen) if (world.now >= fate.until) this.#freeze(fate)
      if (this.#links.some(({ until }) => world.now >= until)) this.#flap()
      for (const node of this.#nodes) node.notices.length = 0
    }
  }

  #judge({ kind, name, observer, at }: Transition): void {
    const node = this.#nodes?.find((one) => one.name === name)
    if (kind !== 'failed' || node === undefined) return
    this.said += 1
    const isExcused = !node.isUp || this.#frozen.some((fate) => fate.node === node)
    const sinceBack = at - (this.#backAt.get(name) ?? Number.NEGATIVE_INFINITY)
    if (!isExcused && sinceBack > GRACE) this.falsely.push(`${name} by ${observer} at ${Math.round(at)} ms`)
  }

  /** So often in a second. */
  #happens(perSecond: number): boolean {
    return this.#chance.next() < (perSecond * STEP) / 1_000
  }

  #between(from: number, to: number): number {
    return this.#world.now + from + this.#chance.next() * (to - from)
  }

  #one(): SimulatedNode {
    const up = this.#nodes.filter(({ isUp }) => isUp)
    return up[this.#chance.below(up.length)]
  }

  #talk(): void {
    if (this.#happens(EVENTS)) this.#world.event(this.#one(), `event-${this.#events++}`, 'x'.repeat(32))
    if (this.#happens(CHANGES / 2)) this.#guests.change()
    if (this.#happens(CHANGES / 2)) this.#guests.change()
    if (!this.#happens(QUERIES)) return
    this.#one().questions.ask({ name: 'who', requestAck: true })
    this.#guests.accuse(this.#one().name, this.#one())
  }

  #kill(fate: Fate): void {
    const { node } = fate
    fate.isDone = !fate.isDone
    if (fate.isDone) {
      this.kills += 1
      node.kill()
      fate.until = this.#between(100, 9_000)
      return
    }
    this.#world.boot(node)
    this.#backAt.set(node.name, this.#world.now)
    const seeds = this.#nodes.filter((other) => other !== node && other.isUp)
    this.#world.join(node, ...seeds.slice(this.#chance.below(seeds.length - 3)))
    fate.until = this.#between(1_500, 12_000)
  }

  #freeze(fate: Fate): void {
    if (fate.isDone) fate.node.thaw()
    else fate.node.freeze()
    fate.isDone = !fate.isDone
    fate.until = this.#between(500, 5_000)
  }

  /** A link is that of two members, or one time in four all of one, for half as long. */
  #flap(): void {
    const { network, now } = this.#world
    for (const link of this.#links.filter(({ until }) => now >= until)) {
      const isWhole = this.#chance.below(4) === 0
      if (link.ends.length > 0) link.ends = []
      else link.ends = this.#shuffled().slice(0, isWhole ? MEMBERS : 2)
      link.until = this.#between(300, isWhole || link.ends.length === 0 ? 1_500 : 3_000)
    }
    network.heal()
    for (const [one, ...others] of this.#links.map(({ ends }) => ends))
      if (others.length > 0) this.#world.split([one], others)
  }

  #shuffled(): SimulatedNode[] {
    const left = [...this.#nodes]
    return this.#nodes.map(() => left.splice(this.#chance.below(left.length), 1)[0])
  }
}

/** Members that are made up: all at one address, told of to three members each, never gossiping. */
class Guests implements Station {
  readonly ip = '10.77.0.1'
  readonly port = 7946
  readonly isUp = true
  readonly #world: World
  readonly #nodes: readonly SimulatedNode[]
  readonly #incarnations = new Uint32Array(GUESTS)
  readonly #here = new Set<number>()
  readonly #opener: PacketOpener
  #from = { ip: '', port: 0 }
  #lamportTime = 1_000

  constructor(world: World, nodes: readonly SimulatedNode[]) {
    this.#world = world
    this.#nodes = nodes
    const coats = { compression: false, label: new Uint8Array(0) }
    this.#opener = new PacketOpener(coats, new Counters(), (type, packet, start, end) => {
      const ping = type === MESSAGE.ping ? readPing(packet, start, end) : undefined
      const number = Number(new TextDecoder().decode(ping?.node).slice('guest-'.length))
      if (ping === undefined || !this.#here.has(number)) return
      world.network.send(this, this.#from.ip, this.#from.port, writeAck(ping.seqNo, null))
    })
    world.network.attach(this)
  }

  packet(bytes: Uint8Array, ip: string, port: number): void {
    this.#from = { ip, port }
    this.#opener.open(bytes)
  }

  accept(stream: Pipe): PipeEnd {
    stream.destroy()
    return { data: () => undefined, closed: () => undefined }
  }

  /** One comes or goes; some without a word. */
  change(): void {
    const { faults } = this.#world
    const number = faults.below(GUESTS)
    if (!this.#here.delete(number)) {
      this.#here.add(number)
      this.#incarnations[number] += 1
      this.#say(this.#alive(number))
    } else if (faults.below(SILENT) > 0) this.#say(this.#leave(number))
  }

  accuse(name: string, to: SimulatedNode): void {
    const writer = new Writer()
    const incarnation = 1 + this.#world.faults.below(3)
    writeSuspect(writer.reset(), MESSAGE.suspect, { incarnation, name: utf8(name), from: utf8('nobody') })
    this.#world.network.send(this, to.ip, to.port, writer.copy())
  }

  #alive(number: number): Uint8Array {
    const writer = new Writer()
    const { port } = this
    const place = { address: Uint8Array.of(10, 77, 0, 1), port, versions: VERSIONS }
    const incarnation = this.#incarnations[number]
    const meta = encodeTags({ role: 'guest' }, 5)
    writeAlive(writer.reset(), { incarnation, name: utf8(`guest-${number}`), meta, ...place })
    return writer.copy()
  }

  #leave(number: number): Uint8Array {
    this.#lamportTime += 1
    const name = utf8(`guest-${number}`)
    const intent = new Writer()
    intent.reset().byte(MESSAGE.user)
    writeLeave(intent, { lamportTime: this.#lamportTime, name, prune: false })
    const dead = new Writer()
    const incarnation = this.#incarnations[number]
    writeSuspect(dead.reset(), MESSAGE.dead, { incarnation, name, from: name })
    return makeCompound([intent.copy(), dead.copy()])
  }

  #say(packet: Uint8Array): void {
    for (let i = 0; i < TOLD; i++) {
      const to = this.#nodes[this.#world.faults.below(this.#nodes.length)]
      if (to.isUp) this.#world.network.send(this, to.ip, to.port, packet)
    }
  }
}
