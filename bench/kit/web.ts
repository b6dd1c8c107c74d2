/** An HTTP server in a process of its own, on all processors or on one, and a client that takes the time of its answers. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { tieToUs } from './children.ts'
import type { Undici } from './peers.ts'
import type { Beside, HostOrder, Started } from './web-host.ts'

export class WebHost {
  readonly #child: ChildProcess
  http = 0
  gossip = 0

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(beside: Beside, cores: 'one core' | 'all cores'): Promise<WebHost> {
    const script = new URL('./web-host.js', import.meta.url)
    const pinned = { execPath: 'taskset', execArgv: ['-c', '0', process.execPath] }
    const child = fork(script, { serialization: 'advanced', ...(cores === 'one core' ? pinned : {}) })
    tieToUs(child)
    const host = new WebHost(child)
    const started = await host.#ask({ type: 'start', beside })
    if (typeof started === 'number') throw new Error('the host does not say where it listens')
    Object.assign(host, started)
    return host
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async join(address: string): Promise<void> {
    await this.#ask({ type: 'join', address })
  }

  async begin(): Promise<void> {
    await this.#ask({ type: 'begin' })
  }

  async loopDelay(): Promise<number> {
    return Number(await this.#ask({ type: 'delay' }))
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  async #ask(order: HostOrder): Promise<Started | number> {
    this.#child.send(order)
    const [answer]: (Started | number | string)[] = await once(this.#child, 'message')
    if (typeof answer === 'string') throw new Error(answer)
    return answer
  }
}

const CONNECTIONS = 16
const STEP = 2

/** Milliseconds of each answer, at so many requests a second; counted from when a request was due, so that a stall is seen by all that wait in it. */
export async function requested(
  { Pool }: Undici,
  port: number,
  perSecond: number,
  seconds: number,
): Promise<number[]> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS, pipelining: 1 })
  const took: number[] = []
  const startedAt = performance.now()
  const one = async (dueAt: number) => {
    const { body } = await pool.request({ path: '/', method: 'GET' })
    await body.dump()
    took.push(performance.now() - dueAt)
  }
  const all: Promise<void>[] = []
  while (performance.now() - startedAt < seconds * 1000) {
    const now = performance.now()
    while (all.length < ((now - startedAt) / 1000) * perSecond) all.push(one(now))
    await sleep(STEP)
  }
  await Promise.all(all)
  await pool.close()
  return took
}

/** Answers a second when every connection asks again as soon as it is answered. */
export async function throughput({ Pool }: Undici, port: number, seconds: number): Promise<number> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS, pipelining: 1 })
  const endsAt = performance.now() + seconds * 1000
  let answers = 0
  const ask = async () => {
    while (performance.now() < endsAt) {
      const { body } = await pool.request({ path: '/', method: 'GET' })
      await body.dump()
      answers += 1
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, ask))
  await pool.close()
  return answers / seconds
}
