/**
 * How long it takes until a death is known: when it was first probed, when its silence was first noticed, when the first and when the last
 * member failed it. SWIM (section 3.1): of N members that each probe one at random in a period, the first to probe a given one does so in
 * period 1 / (1 - (1 - 1/N)^N), e/(e-1) = 1.58 for large N.
 */
import type { Actor } from '../../src/actors/contract.ts'
import type { ToGossip } from '../../src/actors/mail.ts'
import { suspicionMin } from '../../src/gossip/formulas.ts'
import type { ClusterOptions } from '../../src/options/options.ts'
import type { SimulatedNode } from '../../src/simulator/index.ts'
import { curve, isFailure, Meter, mean, type Pool, quantile, restingPool, type Step } from './pool.ts'

export interface Detection {
  members: number
  loss: number
  kills: number
  /** Mean number of the period after the death in which the dead was first probed, and SWIM's. */
  firstPeriod: number
  swimPeriod: number
  /** Milliseconds from the death; medians and the 99th percentile. */
  silent: number
  firstFailed: number
  allFailed: number
  allFailedP99: number
  /** Length of a confirmed suspicion in milliseconds. */
  suspicion: number
  /** Members failed that were alive. */
  falsePositives: number
  /** By member and second, all the while. */
  datagrams: number
  bytes: number
  curve: Step[]
}

export interface DetectionOptions {
  seed: number
  members: number
  /** 0 to 1. */
  loss: number
  kills: number
  options?: ClusterOptions
}

/** Longest that a death may stay unknown. */
const LIMIT = 180_000

interface Death {
  silent: number
  /** Of each failure told. */
  failed: number[]
}

export function detection({ seed, members, loss, kills, options = {} }: DetectionOptions): Detection {
  const watch = new SilenceWatch()
  const pool = restingPool(members, {
    seed,
    options,
    keep: isFailure,
    tamper: (actor) => watch.over(actor),
  })
  pool.world.network.weather = { ...pool.world.network.weather, loss }
  const { probeInterval, suspicionMult } = pool.nodes[0].settings
  const meter = new Meter(pool)
  const deaths: Death[] = []
  let falsePositives = 0
  for (let kill = 0; kill < kills; kill++) {
    const victim = pool.nodes[pool.world.faults.below(members)]
    deaths.push(die(pool, victim, watch))
    falsePositives += pool.world.transitions.filter(({ name }) => name !== victim.name).length
    pool.world.transitions.length = 0
    revive(pool, victim)
  }
  const complete = deaths.map(({ failed }) => failed[members - 2] ?? Number.POSITIVE_INFINITY)
  const periods = deaths.map(({ silent }) => Math.max(1, Math.ceil((silent - probeInterval) / probeInterval)))
  return {
    members,
    loss,
    kills,
    firstPeriod: mean(periods),
    swimPeriod: 1 / (1 - (1 - 1 / (members - 1)) ** (members - 1)),
    silent: quantile(
      deaths.map(({ silent }) => silent),
      0.5,
    ),
    firstFailed: quantile(
      deaths.map(({ failed }) => failed[0] ?? Number.POSITIVE_INFINITY),
      0.5,
    ),
    allFailed: quantile(complete, 0.5),
    allFailedP99: quantile(complete, 0.99),
    suspicion: suspicionMin(suspicionMult, members, probeInterval),
    falsePositives,
    ...meter.read(),
    curve: curve(
      deaths.map(({ failed }) => failed),
      members - 1,
    ),
  }
}

function die({ world, nodes }: Pool, victim: SimulatedNode, watch: SilenceWatch): Death {
  const { probeInterval, gossipInterval } = victim.settings
  world.run(world.faults.next() * probeInterval)
  const from = world.now
  watch.begin()
  victim.kill()
  const failures = () => world.transitions.filter(({ name }) => name === victim.name)
  world.runLookingEach(gossipInterval, () => failures().length >= nodes.length - 1, LIMIT)
  return { silent: watch.firstAt - from, failed: failures().map((seen) => seen.at - from) }
}

function revive({ world, nodes }: Pool, victim: SimulatedNode): void {
  const { gossipInterval, probeInterval } = victim.settings
  world.boot(victim)
  world.join(victim, nodes.find((node) => node !== victim && node.isUp) ?? victim)
  const isBack = ({ inside }: SimulatedNode) => inside?.gossip.table.active === nodes.length
  world.runLookingEach(gossipInterval, () => nodes.every(isBack), LIMIT)
  world.run(probeInterval * 10)
}

/** Sees when a detector first tells its gossip that a peer is silent. */
export class SilenceWatch {
  firstAt = Number.POSITIVE_INFINITY

  begin(): void {
    this.firstAt = Number.POSITIVE_INFINITY
  }

  over(actor: Actor<ToGossip>): Actor<ToGossip> {
    return {
      get wakeAt() {
        return actor.wakeAt
      },
      wake: (now) => actor.wake(now),
      receive: (mail, now) => {
        if (mail.type === 'silent') this.firstAt = Math.min(this.firstAt, now)
        actor.receive(mail, now)
      },
    }
  }
}
