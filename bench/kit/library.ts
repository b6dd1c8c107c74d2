/** A process with one member of somebody else's library in it: `library-member.ts`, told what to do over its IPC channel. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { tieToUs } from './children.ts'
import type { CrowdMember } from './crowd.ts'
import type { Library } from './peers.ts'

export type LibraryOrder =
  | { type: 'start'; library: Library; name: string; port: number; first: string }
  | { type: 'join'; address: string }
  | { type: 'event'; name: string }

/** All are at one address: two of the three cannot be bound to another. */
const FIRST_PORT = 21_000

export class LibraryMember implements CrowdMember {
  readonly name: string
  readonly ip = '127.0.0.1'
  readonly port: number
  readonly #child: ChildProcess

  private constructor(name: string, port: number, child: ChildProcess) {
    this.name = name
    this.port = port
    this.#child = child
  }

  static async start(library: Library, number: number): Promise<LibraryMember> {
    const child = fork(new URL('./library-member.js', import.meta.url), {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    tieToUs(child)
    const port = FIRST_PORT + number
    // Those that have no names are known by where they are.
    const name = library === 'moleculer' ? `m${number}` : `127.0.0.1:${port}`
    const member = new LibraryMember(name, port, child)
    await member.#ask({ type: 'start', library, name, port, first: `127.0.0.1:${FIRST_PORT}/m0` })
    return member
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get says(): Readable {
    const { stdout } = this.#child
    if (stdout === null) throw new Error(`${this.name} says nothing`)
    return stdout
  }

  async join(address: string): Promise<void> {
    await this.#ask({ type: 'join', address })
  }

  async userEvent(name: string): Promise<void> {
    await this.#ask({ type: 'event', name })
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  async #ask(order: LibraryOrder): Promise<void> {
    this.#child.send(order)
    const [answer]: string[] = await once(this.#child, 'message')
    if (answer !== '') throw new Error(`${this.name}: ${answer}`)
  }
}
