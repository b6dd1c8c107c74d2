/**
 * Everything that is checked while a world runs: what hosts see, what tables hold after every turn, and what must agree between all of
 * them. It also counts which rare branches were reached, so that a campaign can tell that it came by all of them.
 */
import { Counters } from '../actors/counters.ts'
import { HELD } from '../gossip/precedence.ts'
import type { Transition } from './host.ts'
import { InvariantBroken, Invariants } from './invariants.ts'
import type { SimulatedNode } from './node.ts'
import { type Change, nameOf, TableWatch } from './table-watch.ts'

const HELD_NAMES = Object.fromEntries(Object.entries(HELD).map(([name, number]) => [number, name]))

interface Life {
  host: Invariants
  table: TableWatch
  /** Highest incarnation that the table ever held, by name and place: news of a life that the table forgot meanwhile may still be on their way. */
  highest: Map<string, number>
  /** Its three Lamport clocks after the last turn. */
  clocks: Clocks
  /** Lamport times below which user events are refused, and since when; the last is in force. */
  minimums: { time: number; since: number }[]
}

/** Longest on the way from gossip to a listener: gathered events, slow actors and a host that is late. */
const LONGEST_WAY = 15_000

type Clocks = readonly number[]
const NO_CLOCKS: Clocks = [0, 0, 0]

export class Watchers {
  readonly #lives = new Map<SimulatedNode, Life>()
  /** The word of each member about itself, by name and incarnation: place and tags. */
  readonly #words = new Map<string, string>()
  /** Names that were given to more than one process: what they say at one incarnation may differ. */
  readonly #reused = new Set<string>()
  readonly #names = new Set<string>()
  readonly #now: () => number
  /** How often each branch was reached, such as `suspect > alive`. */
  readonly sometimes = new Counters()

  constructor(now: () => number) {
    this.#now = now
  }

  /** A process begins. */
  born(node: SimulatedNode): void {
    const { name, settings } = node
    if (this.#names.has(name)) this.#reused.add(name)
    this.#names.add(name)
    const table = new TableWatch(
      name,
      () => node.mayLeave,
      (rule, change) => {
        throw this.#broken(rule, node, change)
      },
      (change) => this.#seen(node, change),
    )
    const host = new Invariants(settings.gossipToTheDeadTime)
    this.#lives.set(node, { host, table, highest: new Map(), clocks: NO_CLOCKS, minimums: [] })
  }

  /** A turn of its gossip is over. */
  turned(node: SimulatedNode): void {
    const { inside } = node
    const life = this.#lives.get(node)
    if (inside === undefined || life === undefined) return
    life.table.look(inside.gossip.table)
    const before = life.clocks
    const clocks = inside.gossip.clocks.map(({ time }) => time)
    if (clocks.some((time, i) => time < before[i] || !Number.isSafeInteger(time))) {
      const what = `${node.name} at ${this.#now().toFixed(1)} ms: ${before} -> ${clocks}`
      throw new InvariantBroken('Lamport clocks never go back and never wrap', what)
    }
    life.clocks = clocks
    const time = inside.gossip.events.seen.minTime
    // What a snapshot says is in force before anything can come.
    if (life.minimums.length === 0) life.minimums.push({ time, since: Number.NEGATIVE_INFINITY })
    else if (time !== life.minimums.at(-1)?.time) life.minimums.push({ time, since: this.#now() })
  }

  /** Its host sees something. */
  heard(node: SimulatedNode, transition: Transition): void {
    const life = this.#lives.get(node)
    this.sometimes.add(`host: ${transition.kind}`)
    life?.host.check(transition)
    if (transition.kind === 'user' && life !== undefined) this.#old(life, transition)
    const { member } = transition
    const holding = member && life?.table.of(member.name)
    if (member === undefined || holding === undefined) return
    const place = `${member.address}:${member.port}`
    const highest = life?.highest.get(`${member.name} ${place}`) ?? holding.incarnation
    if (holding.place !== place || member.incarnation <= highest) return
    const what = `${node.name} shows ${member.name} at ${member.incarnation}, its table has ${holding.incarnation}`
    throw new InvariantBroken('a mirror is never ahead of the table', what)
  }

  /** An event that a host hears is no older than what was in force when gossip took it. */
  #old({ minimums }: Life, { at, observer, name, detail }: Transition): void {
    const first = minimums.findLastIndex(({ since }) => since <= at - LONGEST_WAY)
    if (first < 0) return
    // While a join is under way it may be higher, and fall again.
    const least = Math.min(...minimums.slice(first).map(({ time }) => time))
    if (least === 0) return
    const lamportTime = Number(detail.split(' ', 1)[0])
    this.sometimes.add('host: user, where old ones are refused')
    if (lamportTime >= least) return
    const what = `${observer} at ${at.toFixed(1)} ms: ${name} of ${lamportTime}, refused below ${least}`
    throw new InvariantBroken("no user event is older than the join's minimum", what)
  }

  /** What a node's table held after its last turn, and what its host heard. */
  life(node: SimulatedNode): Life | undefined {
    return this.#lives.get(node)
  }

  #seen(node: SimulatedNode, change: Change): void {
    const { before, after } = change
    const from = before === undefined ? 'nothing' : HELD_NAMES[before.held]
    if (before?.held !== after.held) this.sometimes.add(`table: ${from} > ${HELD_NAMES[after.held]}`)
    const name = nameOf(after)
    const highest = this.#lives.get(node)?.highest
    const where = `${name} ${after.place}`
    highest?.set(where, Math.max(highest.get(where) ?? 0, after.incarnation))
    if (!this.#names.has(name)) throw this.#broken('nobody is invented', node, change)
    // A row that is accused at a later incarnation still has the words of the one before.
    if (this.#reused.has(name) || after.held !== HELD.alive) return
    const key = `${after.name} ${after.incarnation}`
    const said = `${after.place} ${after.meta}`
    const word = this.#words.get(key) ?? said
    this.#words.set(key, word)
    if (word !== said) throw this.#broken('a member says one thing at one incarnation', node, change)
  }

  #broken(rule: string, { name }: SimulatedNode, { before, after }: Change): InvariantBroken {
    const change = `${JSON.stringify(before)} -> ${JSON.stringify(after)}`
    return new InvariantBroken(rule, `at ${this.#now().toFixed(1)} ms in the table of ${name}: ${change}`)
  }
}
