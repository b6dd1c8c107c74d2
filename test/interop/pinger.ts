/** The test's end of the pinging script (pinger-process.ts). */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { tieToUs } from './serf-agent.ts'

export interface Target {
  name: string
  ip: string
  port: number
}

/** How long acks took, in milliseconds; those that did not come within 2 s are missing, and count as endless. */
export interface Acks {
  name: string
  pings: number
  missing: number
  p50: number
  p99: number
  max: number
}

export class Pinger {
  readonly #child: ChildProcess
  readonly #targets: readonly Target[]

  private constructor(child: ChildProcess, targets: readonly Target[]) {
    this.#child = child
    this.#targets = targets
  }

  /** Pings these members, by name and `ip:port`, from now on. */
  static async start(
    t: Pick<TestContext, 'after'>,
    members: readonly { name: string; address: string }[],
  ): Promise<Pinger> {
    const targets = members.map(({ name, address }) => {
      const [ip, port] = address.split(':')
      return { name, ip, port: Number(port) }
    })
    const child = fork(join(import.meta.dirname, 'pinger-process.js'), [JSON.stringify(targets)])
    tieToUs(child)
    t.after(() => child.kill('SIGKILL'))
    await once(child, 'message')
    return new Pinger(child, targets)
  }

  async stop(): Promise<Acks[]> {
    this.#child.send('stop')
    const [found]: { times: number[]; missing: number }[][] = await once(this.#child, 'message')
    return found.map(({ times, missing }, i) => {
      const sorted = times.toSorted((a, b) => a - b)
      const pings = times.length + missing
      const at = (share: number) => round(sorted[Math.ceil(share * pings) - 1] ?? Number.POSITIVE_INFINITY)
      return { name: this.#targets[i].name, pings, missing, p50: at(0.5), p99: at(0.99), max: at(1) }
    })
  }
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100
}
