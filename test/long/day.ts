/**
 * A day of trouble in virtual time: eight members that stay and four that are killed, restarted, cut off and frozen, with events, queries, new tags, loss
 * and changes of key (members under new names: `churn.ts`). What twelve members hold once their garbage is collected is looked at every hour, in a calm;
 * from the sixth on it may not grow by a megabyte an hour, all twelve together. Code that V8 goes on compiling is in it, but in a day that comes to its end;
 * in an hour of processes (`npm run stress -- --only everything`) most of what grows is that.
 */
import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { held } from '../../bench/kit/cost.ts'
import { slopeOf } from '../../bench/stress/slope.ts'
import type { MemorySample } from '../../bench/stress/story.ts'
import { type SimulatedNode, World } from '../../src/simulator/index.ts'
import { writeKeyRequest } from '../../src/wire/keys.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const HOURS = 24
/** Tables and rings find their size, code is compiled. */
const WARM_UP = 6
const STEADY = 8
const TROUBLED = 4
/** Milliseconds of trouble, in steps of one, and of calm in every hour. */
const STEP = 1_000
const TROUBLE = 50 * MINUTE
const FORGET_AFTER = 5 * MINUTE
const MIB = 2 ** 20
const KEYS = [1, 2, 3].map((number) => new Uint8Array(32).fill(number))

export async function prove(seed: number): Promise<unknown> {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const pools = { 'without keys': undefined, 'with keys': KEYS.slice(0, 2) }
  return Object.fromEntries(
    Object.entries(pools).map(([title, encryptionKeys]) => [
      title,
      new Day(seed, encryptionKeys).live(collect),
    ]),
  )
}

class Day {
  readonly #world: World
  readonly #nodes: SimulatedNode[]
  readonly #hasKeys: boolean
  #said = 0

  constructor(seed: number, encryptionKeys: Uint8Array[] | undefined) {
    this.#hasKeys = encryptionKeys !== undefined
    this.#world = new World({
      seed,
      hosts: 'light',
      options: {
        tombstoneTimeout: FORGET_AFTER,
        reconnectTimeout: FORGET_AFTER,
        ...(encryptionKeys !== undefined && { encryptionKeys }),
      },
      keep: () => false,
    })
    this.#nodes = this.#world.pool(STEADY + TROUBLED)
    for (const node of this.#nodes) this.#answer(node)
  }

  live(collect: () => void): unknown {
    const looked: MemorySample[] = []
    for (let hour = 0; hour < HOURS; hour++) {
      for (let i = 0; i < TROUBLE / STEP; i++) {
        this.#trouble(i)
        this.#world.run(STEP)
      }
      this.#calm()
      this.#world.run(HOUR - TROUBLE)
      const seen = this.#nodes.map(({ inside }) => inside?.gossip.table.active)
      assert.ok(
        seen.every((count) => count === this.#nodes.length),
        `no one view after hour ${hour + 1}: ${seen}`,
      )
      looked.push({ at: this.#world.now, bytes: held(collect) })
      console.error(`hour ${hour + 1}: ${(looked[hour].bytes / MIB).toFixed(2)} MiB`)
    }
    const { perHour, error } = slopeOf(looked.slice(WARM_UP))
    assert.ok(perHour < MIB, `${perHour} bytes an hour`)
    return {
      hours: HOURS,
      members: this.#nodes.length,
      'events said': this.#said,
      'MiB after each hour': looked.map(({ bytes }) => Math.round((bytes / MIB) * 100) / 100),
      'KiB an hour from the sixth, all members together': Math.round(perHour / 1024),
      'and its standard error': Math.round(error / 1024),
    }
  }

  /** One step of it, by its number in the hour. */
  #trouble(step: number): void {
    const { faults, network } = this.#world
    const up = this.#nodes.filter(({ isUp }) => isUp)
    const one = () => up[faults.below(up.length)]
    this.#world.event(one(), `event-${this.#said++}`, 'x'.repeat(32))
    if (step % 4 === 0) one().questions.ask({ name: 'who', requestAck: true })
    if (step % 30 === 0) one().command({ type: 'set-tags', tags: { role: `role-${step}` } })
    if (step % 60 === 0) network.weather = { ...network.weather, loss: step % 120 === 0 ? 0.15 : 0 }
    if (step % 20 === 0) this.#befall(this.#nodes[STEADY + faults.below(TROUBLED)], step)
    if (this.#hasKeys && step % 60 === 0) this.#changeKey(one(), step / 60)
    for (const node of this.#nodes) node.notices.length = 0
  }

  #befall(node: SimulatedNode, step: number): void {
    const { network, faults } = this.#world
    if (!node.isUp) return this.#restart(node)
    switch (faults.below(5)) {
      case 0:
        return node.kill()
      case 1:
        return node.freeze()
      case 2:
        return node.thaw()
      case 3:
        return network.cut(node, this.#nodes[step % STEADY], 'all')
      default:
        return network.heal()
    }
  }

  /** The third key comes and goes. */
  #changeKey(node: SimulatedNode, turn: number): void {
    const name = turn % 2 === 0 ? '_serf_install-key' : '_serf_remove-key'
    node.questions.ask({ name, payload: writeKeyRequest(KEYS[2]) })
  }

  #answer(node: SimulatedNode): void {
    node.questions.answer = () => new TextEncoder().encode(node.name)
  }

  #restart(node: SimulatedNode): void {
    this.#world.boot(node)
    this.#world.join(node, ...this.#nodes.filter((other) => other !== node && other.isUp).slice(0, 4))
  }

  #calm(): void {
    const { network } = this.#world
    network.heal()
    network.weather = { ...network.weather, loss: 0 }
    for (const node of this.#nodes) {
      if (!node.isUp) this.#restart(node)
      node.thaw()
    }
  }
}
