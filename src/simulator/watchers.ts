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
}

export class Watchers {
  readonly #lives = new Map<SimulatedNode, Life>()
  /** The word of each member about itself, by name, place and incarnation. */
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
      (rule, change) => {
        throw this.#broken(rule, node, change)
      },
      (change) => this.#seen(node, change),
    )
    this.#lives.set(node, { host: new Invariants(settings.gossipToTheDeadTime), table, highest: new Map() })
  }

  /** A turn of its gossip is over. */
  turned(node: SimulatedNode): void {
    const { inside } = node
    if (inside !== undefined) this.#lives.get(node)?.table.look(inside.gossip.table)
  }

  /** Its host sees something. */
  heard(node: SimulatedNode, transition: Transition): void {
    const life = this.#lives.get(node)
    this.sometimes.add(`host: ${transition.kind}`)
    life?.host.check(transition)
    const { member } = transition
    const holding = member && life?.table.of(member.name)
    if (member === undefined || holding === undefined) return
    const place = `${member.address}:${member.port}`
    const highest = life?.highest.get(`${member.name} ${place}`) ?? holding.incarnation
    if (holding.place !== place || member.incarnation <= highest) return
    const what = `${node.name} shows ${member.name} at ${member.incarnation}, its table has ${holding.incarnation}`
    throw new InvariantBroken('a mirror is never ahead of the table', what)
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
    const key = `${after.name} ${after.place} ${after.incarnation}`
    const word = this.#words.get(key) ?? after.meta
    this.#words.set(key, word)
    if (word !== after.meta) throw this.#broken('a member says one thing at one incarnation', node, change)
  }

  #broken(rule: string, { name }: SimulatedNode, { before, after }: Change): InvariantBroken {
    const change = `${JSON.stringify(before)} -> ${JSON.stringify(after)}`
    return new InvariantBroken(rule, `at ${this.#now().toFixed(1)} ms in the table of ${name}: ${change}`)
  }
}
