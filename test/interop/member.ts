/** The test's end of a Folkmoot member that runs in a process of its own (member-process.ts). */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ClusterOptions } from 'folkmoot'
import { Answers } from '../../bench/kit/answers.ts'
import { tieToUs } from './serf-agent.ts'

/** What the process is told to do. `block`, `flood` and `chatter` hold its main thread for `duration` ms. */
export type MemberOrder =
  | { type: 'join'; seeds: string[] }
  /** A synchronous loop. */
  | { type: 'block'; duration: number }
  /** A synchronous loop, and libuv's pool full of `crypto.pbkdf2`. */
  | { type: 'flood'; duration: number }
  /** A synchronous loop of `console.log`. */
  | { type: 'chatter'; duration: number }
  /** Turns of the event loop of 20 ms each, one after the other, in which nothing but such work is done. */
  | { type: 'turns'; duration: number }
  | { type: 'report' }
  | { type: 'leave' }

/** The answer to the order numbered `id`; number 0 tells that the cluster runs, and where. */
export interface MemberAnswer {
  id: number
  address?: string
  report?: MemberReport
  error?: string
}

export interface MemberReport {
  members: { name: string; status: string }[]
  /** Every member event it saw, one entry per member. */
  events: { type: string; name: string }[]
}

export class MemberProcess {
  readonly name: string
  /** `ip:port` of its gossip. */
  address = ''
  readonly #child: ChildProcess
  readonly #answers: Answers<MemberAnswer>

  private constructor(name: string, child: ChildProcess) {
    this.name = name
    this.#child = child
    this.#answers = new Answers(child, name)
    child.on('message', (answer: MemberAnswer) => this.#answers.answered(answer))
  }

  /** Starts the process and its cluster. It is killed after `t` if it still runs. */
  static async start(
    t: Pick<TestContext, 'after'>,
    options: ClusterOptions & { nodeName: string },
  ): Promise<MemberProcess> {
    const child = fork(join(import.meta.dirname, 'member-process.js'), [JSON.stringify(options)], {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    tieToUs(child)
    // Read and forget what it prints, or its console.log would stop at a full pipe.
    child.stdout?.resume()
    const member = new MemberProcess(options.nodeName, child)
    t.after(() => member.kill9())
    const { address } = await member.#answers.started()
    if (address !== undefined) member.address = address
    return member
  }

  async join(seeds: string[]): Promise<void> {
    await this.#answers.ask({ type: 'join', seeds })
  }

  /** Keeps the process busy; resolves when it has come back from it. */
  async busy(type: 'block' | 'flood' | 'chatter' | 'turns', duration: number): Promise<void> {
    await this.#answers.ask({ type, duration })
  }

  async report(): Promise<MemberReport> {
    const { report } = await this.#answers.ask({ type: 'report' })
    if (report === undefined) throw new Error(`${this.name} answered without a report`)
    return report
  }

  /** Leaves and shuts down; resolves when the process has ended by itself. */
  async leave(): Promise<void> {
    const ended = once(this.#child, 'exit')
    await this.#answers.ask({ type: 'leave' })
    await ended
  }

  /** Stops the whole process, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  async kill9(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}
