/** A member of ours as a subject: `member.ts` in a process of its own, spoken to over its IPC channel. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { ClusterOptions } from 'folkmoot'
import { tieToUs } from './children.ts'
import type { Subject } from './subject.ts'

export type MemberOrder =
  | { type: 'start'; options: ClusterOptions }
  | { type: 'join'; address: string }
  | { type: 'members' }
  | { type: 'alive' }
  | { type: 'heard' }
  /** From now on it says on its standard output what it sees and hears, as a crowd wants it. */
  | { type: 'tell' }
  | { type: 'event'; name: string }
  | { type: 'stats' }
  | { type: 'collect' }

export class FolkmootSubject implements Subject {
  readonly kind = 'Folkmoot'
  readonly name: string
  readonly ip: string
  readonly #child: ChildProcess
  #port = 0

  private constructor(name: string, ip: string, child: ChildProcess) {
    this.name = name
    this.ip = ip
    this.#child = child
  }

  /** `execArgv`: flags for Node, such as those of its profiler. */
  static async start(
    name: string,
    options: Partial<ClusterOptions> = {},
    execArgv: string[] = [],
  ): Promise<FolkmootSubject> {
    const child = fork(new URL('./member.js', import.meta.url), {
      execArgv,
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    tieToUs(child)
    const all = { nodeName: name, bind: '127.0.0.1:0', ...options }
    const subject = new FolkmootSubject(name, all.bind.split(':')[0], child)
    subject.#port = await subject.#ask({ type: 'start', options: all })
    return subject
  }

  get port(): number {
    return this.#port
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async join(address: string): Promise<void> {
    await this.#ask({ type: 'join', address })
  }

  members(): Promise<number> {
    return this.#ask({ type: 'members' })
  }

  alive(): Promise<number> {
    return this.#ask({ type: 'alive' })
  }

  heard(): Promise<number> {
    return this.#ask({ type: 'heard' })
  }

  /** Its standard output, on which it says what it sees and hears after `tell`. */
  get says(): Readable {
    const { stdout } = this.#child
    if (stdout === null) throw new Error(`${this.name} has no standard output`)
    return stdout
  }

  async tell(): Promise<void> {
    await this.#ask({ type: 'tell' })
  }

  async userEvent(name: string): Promise<void> {
    await this.#ask({ type: 'event', name })
  }

  /** Prints what it dropped to its standard error. */
  async tellDrops(): Promise<void> {
    await this.#ask({ type: 'stats' })
  }

  /** Has the garbage of its main thread collected, where it runs with `--expose-gc`. */
  async collect(): Promise<void> {
    await this.#ask({ type: 'collect' })
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit')
    this.#child.disconnect()
    await gone
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  async #ask(order: MemberOrder): Promise<number> {
    this.#child.send(order)
    const [answer]: (number | string)[] = await once(this.#child, 'message')
    if (typeof answer === 'string') throw new Error(answer)
    return answer
  }
}
