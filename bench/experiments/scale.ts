/**
 * A pool by its size: how an event spreads, when a death is known, what a member sends, keeps and costs. Either every member is full, or a few are and
 * the others are stand-ins on the same wire. One size is one process, so that what it keeps can be told: `node --expose-gc scale.js ORDER`.
 */
import { type SimulatedNode, World } from '../../src/simulator/index.ts'
import { held } from '../kit/cost.ts'
import { eventMessage, stateFrom } from '../kit/made-up.ts'
import { isFailure, Meter, quantile, quietAfter, restingPool } from './pool.ts'
import { Ensemble, type Place, PORT, StandIn, type Told } from './stand-ins.ts'

export interface ScaleOrder {
  members: number
  /** So many are full; all of them: no stand-ins. */
  full: number
  seed: number
  events: number
  kills: number
  /** Virtual milliseconds of rest that are measured. */
  rest: number
}

export interface Scale {
  members: number
  full: number
  /** Virtual milliseconds, medians: until half, 99% and all have heard of an event; until the first and all failed a dead one. */
  eventHalf: number
  eventMost: number
  eventAll: number
  missed: number
  firstFailed: number
  allFailed: number
  /** Members that were failed and live. */
  falsePositives: number
  /** By member and second at rest. */
  datagrams: number
  bytes: number
  /** Bytes that a full member keeps for each member that it knows. */
  memory: number
  /** CPU milliseconds of the simulation for a virtual second of one member at rest. */
  cpu: number
}

/** A pool that can be told to say something or lose somebody, and who came to know. */
interface Pool {
  world: World
  count: number
  /** Bytes by full member and member that it knows. */
  memory: number
  event(name: string): void
  /** Kills somebody; its name. */
  kill(): string
  /** Times at which somebody was told of a thing, since they were forgotten. */
  told(what: Told, name: string): number[]
  /** Members that were failed, one for each observer. */
  failed(): string[]
  forget(): void
}

/** Longest that gossip of an event goes on, and that a death may stay unknown; looks in between. */
const EVENT_ENDS = 15_000
const DEATH_KNOWN = 180_000
const LOOK = 250
const PAYLOAD = 32
/**
 * From so many members on, where all are full, the states that they exchange are compared in memory and written only where they differ, and packets are not
 * compressed: written out, states alone are hours of work and five times the memory.
 */
export const COMPARED_FROM = 5_000
const COMPARED = { states: 'compared', options: { compression: false, hostStall: { after: 0 } } } as const
const VERSIONS = Uint8Array.of(1, 5, 2, 2, 5, 5)

const used = () => held(() => globalThis.gc?.())

function allFull({ members, seed }: ScaleOrder): Pool {
  const before = used()
  const keep = ({ kind }: { kind: string }) => kind === 'user' || kind === 'failed'
  const shortened = members < COMPARED_FROM ? {} : COMPARED
  const { world, nodes } = restingPool(members, { seed, keep, ...shortened })
  return {
    world,
    count: members,
    memory: (used() - before) / members ** 2,
    event: (name) => world.event(nodes[world.faults.below(members)], name, 'x'.repeat(PAYLOAD)),
    kill: () => {
      const living = nodes.filter(({ isUp }) => isUp)
      const victim = living[world.faults.below(living.length)]
      victim.kill()
      return victim.name
    },
    told: (what, name) =>
      world.transitions
        .filter((seen) => seen.name === name && (what === 'event') === (seen.kind === 'user'))
        .map(({ at }) => at),
    failed: () => world.transitions.filter(isFailure).map(({ name }) => name),
    forget: () => {
      world.transitions.length = 0
    },
  }
}

function placeOf(number: number): Place {
  const [high, low] = [(number + 1) >> 8, (number + 1) & 255]
  const name = new TextEncoder().encode(`n${number + 1}`)
  return { name, ip: `10.0.${high}.${low}`, address: Uint8Array.of(10, 0, high, low) }
}

/** A few full members among stand-ins: these answer while the full ones learn of all and say so, then begin to probe. */
function sampled({ members, full, seed }: ScaleOrder): Pool {
  const world = new World({ seed, handling: 'share', hosts: 'light' })
  const nodes = world.start(full)
  const places = Array.from({ length: members }, (_, i) => placeOf(i))
  const heard: { what: string; name: string; at: number }[] = []
  const fields = places.map(({ name, address }) => ({
    incarnation: 1,
    name,
    address,
    port: PORT,
    meta: new Uint8Array(0),
    versions: VERSIONS,
  }))
  const ensemble = new Ensemble({
    schedule: world.schedule,
    network: world.network,
    random: world.faults.fork(),
    settings: nodes[0].settings,
    places,
    state: stateFrom(fields)(new Uint8Array(0)),
    told: (what, name) => heard.push({ what, name, at: world.now }),
  })
  const standIns = places.slice(full).map((_, i) => new StandIn(ensemble, full + i))
  for (const one of standIns) world.network.attach(one)
  const before = used()
  learn(world, nodes, standIns[0], members)
  const memory = (used() - before) / (full * members)
  for (const one of standIns) one.begin()
  const observed = () => world.transitions.filter(({ kind }) => kind === 'user' || kind === 'failed')
  return {
    world,
    count: members,
    memory,
    event: (name) => {
      const message = eventMessage(1_000 + world.now, PAYLOAD, name)
      standIns[world.faults.below(standIns.length)].say(message)
    },
    kill: () => {
      const living = standIns.filter(({ isUp }) => isUp)
      const victim = living[world.faults.below(living.length)]
      victim.isUp = false
      return victim.name
    },
    told: (what, name) =>
      [
        ...heard.filter((one) => one.what === what && one.name === name),
        ...observed().filter((one) => one.name === name && (what === 'event') === (one.kind === 'user')),
      ]
        .map(({ at }) => at)
        .sort((a, b) => a - b),
    failed: () => [
      ...heard.filter(({ what }) => what === 'failed').map(({ name }) => name),
      ...observed().flatMap(({ kind, name }) => (kind === 'failed' ? [name] : [])),
      ...Array.from({ length: ensemble.wronged }, () => 'somebody who lives'),
    ],
    forget: () => {
      world.transitions.length = 0
      heard.length = 0
    },
  }
}

function learn(world: World, nodes: readonly SimulatedNode[], seed: StandIn, members: number): void {
  for (const node of nodes)
    node.command({ type: 'join', seeds: [`${seed.ip}:${seed.port}`], ignoreOldEvents: false })
  const isFormed = () => nodes.every(({ inside }) => inside?.gossip.table.active === members)
  if (world.runLookingEach(LOOK, isFormed, DEATH_KNOWN) > DEATH_KNOWN)
    throw new Error('the full members did not learn of all')
  world.run(quietAfter(members, nodes[0].settings))
}

function rest(pool: Pool, milliseconds: number) {
  const { world, count } = pool
  // A round of probes first, so that all are under way.
  world.run(2_000)
  const meter = new Meter({ world, nodes: { length: count } })
  const before = process.cpuUsage()
  world.run(milliseconds)
  const { user, system } = process.cpuUsage(before)
  const cpu = (user + system) / 1_000 / ((count * milliseconds) / 1_000)
  return { cpu, ...meter.read() }
}

/** Milliseconds until each heard of an event. */
function event(pool: Pool, name: string): number[] {
  pool.world.run(pool.world.faults.next() * 200)
  pool.forget()
  const from = pool.world.now
  pool.event(name)
  const isKnown = () => pool.told('event', name).length >= pool.count
  pool.world.runLookingEach(LOOK, isKnown, EVENT_ENDS)
  return pool.told('event', name).map((at) => at - from)
}

function death(pool: Pool, living: number): { times: number[]; wrong: number } {
  pool.world.run(pool.world.faults.next() * 1_000)
  pool.forget()
  const from = pool.world.now
  const name = pool.kill()
  const isKnown = () => pool.told('failed', name).length >= living - 1
  pool.world.runLookingEach(LOOK, isKnown, DEATH_KNOWN)
  const wrong = pool.failed().filter((failed) => failed !== name).length
  return { times: pool.told('failed', name).map((at) => at - from), wrong }
}

export function scale(order: ScaleOrder): Scale {
  const { members, full, events, kills } = order
  const pool = full === members ? allFull(order) : sampled(order)
  const rested = rest(pool, order.rest)
  const heard = Array.from({ length: events }, (_, i) => event(pool, `event-${i}`))
  const deaths = Array.from({ length: kills }, (_, i) => death(pool, members - i))
  const middle = (values: number[]) => quantile(values, 0.5)
  const at = (times: number[], place: number) => times[place] ?? Number.POSITIVE_INFINITY
  return {
    members,
    full,
    eventHalf: middle(heard.map((times) => at(times, Math.ceil(members / 2) - 1))),
    eventMost: middle(heard.map((times) => at(times, Math.ceil(members * 0.99) - 1))),
    eventAll: middle(heard.map((times) => times.at(-1) ?? Number.POSITIVE_INFINITY)),
    missed: 1 - heard.flat().length / (members * events),
    firstFailed: middle(deaths.map(({ times }) => at(times, 0))),
    allFailed: middle(deaths.map(({ times }, i) => at(times, members - i - 2))),
    falsePositives: deaths.reduce((sum, { wrong }) => sum + wrong, 0),
    ...rested,
    memory: pool.memory,
  }
}

if (process.argv[1] === import.meta.filename) console.log(JSON.stringify(scale(JSON.parse(process.argv[2]))))
