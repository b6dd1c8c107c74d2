/**
 * Chaos, then calm: a pool suffers the faults of a scenario, then they stop, and all that run must hold one view again within a time that
 * follows from the protocol, agree within themselves, hear of what is said, and find out who dies.
 */
import type { Actor } from '../actors/contract.ts'
import type { ToGossip } from '../actors/mail.ts'
import { pushPullPeriod, suspicionMin } from '../gossip/formulas.ts'
import { HELD } from '../gossip/precedence.ts'
import type { ClusterOptions } from '../options/options.ts'
import { EXTRA_KEY, Fate, optionsOf } from './fate.ts'
import { InvariantBroken } from './invariants.ts'
import { keyringsFollow } from './key-agreement.ts'
import type { SimulatedNode } from './node.ts'
import { BOUND_RULES, firstBroken, REST_RULES } from './rest.ts'
import { print, type Scenario, scenarioOf } from './scenario.ts'
import { World } from './world.ts'

/** What happened in a run; the counts prove that the faults fired. */
export interface ChaosReport {
  seed: number
  nodes: number
  hash: number
  /** Faults that took effect, and what the network did, by name. */
  fired: Record<string, number>
  /** Branches that were reached, by name: see Watchers. */
  sometimes: Record<string, number>
  /** User events that reached a host. */
  deliveries: number
  /** Milliseconds of calm until there was one view. */
  healedIn: number
  /** Milliseconds until all knew of a death in calm; 0 where nobody could be spared. */
  detectedIn: number
  /** Virtual milliseconds of the whole run. */
  took: number
}

export interface ChaosOptions {
  /** Puts something between gossip and its mail, to plant a bug. */
  tamper?(actor: Actor<ToGossip>, node: SimulatedNode): Actor<ToGossip>
}

/** A run that failed, with the line that repeats it. */
export class ScenarioFailed extends Error {
  readonly rule: string
  readonly scenario: Scenario

  constructor(scenario: Scenario, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`${reason}\nnpm run simulate -- --replay '${print(scenario)}'`, { cause })
    this.rule = cause instanceof InvariantBroken ? cause.rule : reason
    this.scenario = scenario
  }
}

/** Sizes of pools in the short campaign. */
export const SMALL_POOLS = { least: 2, most: 16 }

/** Runs the scenario of a seed. Throws ScenarioFailed. */
export function chaos({ seed, ...options }: ChaosOptions & { seed: number }): ChaosReport {
  return play(scenarioOf(seed, SMALL_POOLS), options)
}

/** Plays a scenario. Throws ScenarioFailed. */
export function play(scenario: Scenario, options: ChaosOptions = {}): ChaosReport {
  try {
    return new Run(scenario, options).play()
  } catch (error) {
    throw new ScenarioFailed(scenario, error)
  }
}

const FORMING = 10_000
/** Rounds of gossip and turns of actors, beside the long timers. */
const MARGIN = 10_000
const RECONNECT = 30_000
/** So long nothing may change in calm. */
const QUIET = 20_000

class Run {
  readonly #scenario: Scenario
  readonly #world: World
  readonly #nodes: SimulatedNode[]
  readonly #fate: Fate

  constructor(scenario: Scenario, { tamper }: ChaosOptions) {
    const options: ClusterOptions = optionsOf(scenario)
    this.#scenario = scenario
    this.#world = new World({ seed: scenario.seed, options, ...(tamper && { tamper }) })
    this.#nodes = this.#world.pool(scenario.nodes)
    this.#fate = new Fate(this.#world, this.#nodes, scenario)
  }

  play(): ChaosReport {
    const world = this.#world
    const { weather, faults, chaos } = this.#scenario
    world.run(FORMING)
    world.network.weather = weather
    const from = world.now
    for (const fault of faults) {
      if (fault.at > chaos) break
      world.run(from + fault.at - world.now)
      this.#fate.befall(fault)
      this.#check(BOUND_RULES)
    }
    world.run(Math.max(0, from + chaos - world.now))
    this.#fate.calm()
    const healedIn = this.#heal()
    this.#rest()
    this.#speak()
    this.#rekey()
    return this.#report(healedIn, this.#detect())
  }

  #check(rules: typeof REST_RULES): void {
    const found = firstBroken(rules, this.#world)
    if (found !== undefined) throw new InvariantBroken(found.rule, found.what)
  }

  /** Two suspicions one after the other, two push/pulls, and reconnecting, each at its longest. */
  get #bound(): number {
    const { nodes } = this.#world
    const { pushPullInterval, suspicionMult, suspicionMaxTimeoutMult, probeInterval } = nodes[0].settings
    const suspicion = suspicionMult > 0 ? suspicionMin(suspicionMult, nodes.length, probeInterval) : 0
    const exchange = pushPullPeriod(pushPullInterval, nodes.length)
    return 2 * suspicionMaxTimeoutMult * suspicion + 3 * exchange + 2 * RECONNECT + MARGIN
  }

  /** Those that run: impostors are none of them. */
  get #up(): SimulatedNode[] {
    return this.#nodes.filter(({ isUp }) => isUp)
  }

  /** All that run list exactly each other, each where it is: a name may still stand for an impostor that is gone. */
  get #isOneView(): boolean {
    const world = this.#world
    const up = this.#up
    const isThere = (node: SimulatedNode) =>
      up.every(({ name, ip }) => node.members.get(name)?.address === ip)
    return world.isOneView() && up.every(isThere)
  }

  /** Somebody holds a suspicion still: one of which nobody else ever heard, for all that told of it was lost in the chaos, ends in a failure in calm. */
  get #isAnybodySuspected(): boolean {
    const { nodes, watchers } = this.#world
    return nodes.some(
      (node) => node.isUp && watchers.life(node)?.table.holdings.some(({ held }) => held === HELD.suspect),
    )
  }

  #heal(): number {
    const world = this.#world
    const isHealed = () => this.#isOneView && !this.#isAnybodySuspected
    const healedIn = world.runUntil(isHealed, this.#bound)
    if (healedIn < Number.POSITIVE_INFINITY) return healedIn
    const views = world.nodes
      .filter(({ isUp }) => isUp)
      .map((node) => `${node.name}: ${node.inStatus('alive')}`)
    throw new InvariantBroken('after calm all hold one view', views.join(' | '))
  }

  /** Everything agrees at one moment, and goes on to: nobody is accused of what happened in the chaos. */
  #rest(): void {
    const world = this.#world
    const orders = this.#orders()
    world.run(QUIET)
    if (!this.#isOneView) throw new InvariantBroken('the view that had healed stays', 'it fell apart')
    const took = world.runUntil(() => firstBroken(REST_RULES, world) === undefined, this.#bound)
    if (took === Number.POSITIVE_INFINITY) this.#check(REST_RULES)
    this.#shuffles(orders)
  }

  #orders(): string[] {
    return this.#nodes.map(({ inside, isUp }) => (isUp ? (inside?.detector.ring.order.join() ?? '') : ''))
  }

  /**
   * Every ring has wrapped around since its order was `before`: that all are as they were is no accident. In large pools that takes long, and they
   * show nothing that smaller ones do not.
   */
  #shuffles(before: readonly string[]): void {
    const world = this.#world
    const peers = this.#nodes.length
    if (peers < 6 || peers > 16) return
    world.run(2 * peers * this.#nodes[0].settings.probeInterval)
    const isSame = this.#orders().every((order, i) => order === before[i])
    if (isSame) throw new InvariantBroken('rings are shuffled when they wrap around', before[0])
  }

  /** A user event reaches everybody, by a push/pull at the latest; a query is answered by nobody twice. */
  #speak(): void {
    const world = this.#world
    const up = this.#up
    const [speaker] = up
    const from = world.transitions.length
    world.event(speaker, 'calm')
    const query = speaker.questions.ask({ name: 'who', requestAck: true })
    const heard = () =>
      new Set(
        world.transitions
          .slice(from)
          .filter(({ kind, name }) => kind === 'user' && name === 'calm')
          .map(({ observer }) => observer),
      )
    const took = world.runUntil(() => heard().size >= up.length, this.#bound)
    if (took === Number.POSITIVE_INFINITY) {
      const deaf = up.filter(({ name }) => !heard().has(name)).map(({ name }) => name)
      throw new InvariantBroken('a user event in calm reaches everybody', deaf.join())
    }
    world.runUntil(() => query.ended !== undefined, MARGIN * 6)
    const answerers = query.answers.map(({ from: name }) => name)
    if (new Set(answerers).size < answerers.length)
      throw new InvariantBroken('nobody answers a query twice', answerers.join())
    // How many is chance: a query has no push/pull behind it, and with two sends a message may die out early. Ourselves we hear.
    if (!answerers.includes(speaker.name))
      throw new InvariantBroken('whoever asks hears its own query', answerers.join())
  }

  #rekey(): void {
    if (!this.#scenario.features.includes('keys')) return
    keyringsFollow(this.#world, this.#up, EXTRA_KEY)
  }

  /**
   * One dies in calm. Somebody knows within the longest way of a round to as many as confirm it, and the shortest suspicion; all know within
   * the longest way and the longest suspicion: whom no rumour reaches finds it out alone.
   */
  #detect(): number {
    const world = this.#world
    const up = this.#up
    const { suspicionMult, suspicionMaxTimeoutMult, probeInterval } = up[0].settings
    if (up.length < suspicionMult) return 0
    const victim = up[up.length - 1]
    const shortest = suspicionMin(suspicionMult, world.nodes.length, probeInterval)
    const probing = (2 * up.length + 4) * probeInterval
    const others = up.filter((node) => node !== victim)
    const isAware = (node: SimulatedNode) => node.members.get(victim.name)?.status === 'failed'
    victim.kill()
    const first = world.runUntil(() => others.some(isAware), probing + shortest)
    if (first === Number.POSITIVE_INFINITY) {
      const what = `nobody knows of ${victim.name} after ${probing + shortest} ms`
      throw new InvariantBroken('who is dead is known within a round and the shortest suspicion', what)
    }
    const last = world.runUntil(() => others.every(isAware), probing + suspicionMaxTimeoutMult * shortest)
    if (last === Number.POSITIVE_INFINITY) {
      const unaware = others.filter((node) => !isAware(node)).map(({ name }) => name)
      const what = `${unaware.join()} after ${probing + suspicionMaxTimeoutMult * shortest} ms`
      throw new InvariantBroken('who is dead is known by all within a round and the longest suspicion', what)
    }
    const isAtRest = () => firstBroken(REST_RULES, world) === undefined
    if (world.runUntil(isAtRest, this.#bound) === Number.POSITIVE_INFINITY) this.#check(REST_RULES)
    return first + last
  }

  #report(healedIn: number, detectedIn: number): ChaosReport {
    const world = this.#world
    const fired: Record<string, number> = { ...this.#fate.fired }
    for (const name of ['lost', 'duplicated', 'cut', 'corrupted', 'broken', 'late']) {
      const count = world.network.counters.get(name)
      // «cut» the fault and «cut» the packet are not the same.
      if (count > 0) fired[`network ${name}`] = count
    }
    const sometimes: Record<string, number> = {}
    for (const [name, count] of this.#fate.counted) sometimes[name] = count
    return {
      seed: this.#scenario.seed,
      nodes: this.#scenario.nodes,
      hash: world.hash,
      fired,
      sometimes,
      deliveries: world.transitions.filter(({ kind }) => kind === 'user').length,
      healedIn,
      detectedIn,
      took: world.now,
    }
  }
}
