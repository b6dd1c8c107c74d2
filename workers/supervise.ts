/**
 * The host's side of a thread. Comlink lets a call hang for ever when its worker dies; here every call is known, and the death of
 * the worker rejects them all.
 */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads'
import { type Remote, wrap } from 'comlink'
import type { ActorName } from '../src/actors/mail.ts'
import { ActorExited } from '../src/errors/errors.ts'
import { crashOf } from './crashed.ts'
import { endpointOf } from './endpoint.ts'

/** How long a thread may take to end by itself after it was closed. */
const PATIENCE = 1_000

/** A pair of ports for commands: one for the thread, one for us. */
export function commandPorts(): { ours: MessagePort; theirs: MessagePort } {
  const { port1, port2 } = new MessageChannel()
  return { ours: port1, theirs: port2 }
}

export class Thread<Api extends { close(): Promise<void> }> {
  readonly worker: Worker
  readonly api: Remote<Api>
  readonly #actor: ActorName
  readonly #commands: MessagePort
  readonly #pending = new Set<(error: ActorExited) => void>()
  readonly #exit: Promise<void>
  #isClosing = false
  #death: ActorExited | undefined

  /** `died` hears once when the thread ends unasked. */
  constructor(actor: ActorName, worker: Worker, commands: MessagePort, died: (error: ActorExited) => void) {
    this.#actor = actor
    this.worker = worker
    this.#commands = commands
    this.api = wrap<Api>(endpointOf(commands))
    worker.once('error', (error) => this.#die(error, died))
    // A port is closed turns of the loop after it was told to, or when the thread's end of it went: either may be the first.
    const closed = new Promise<void>((resolve) => commands.once('close', resolve))
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        if (!this.#isClosing) this.#die(undefined, died)
        commands.close()
        resolve()
      })
    })
    this.#exit = Promise.all([exited, closed]).then(() => undefined)
  }

  /** A call that rejects with ActorExited when the thread ends before it answers. */
  call<Value>(send: (api: Remote<Api>) => Promise<Value>): Promise<Value> {
    if (this.#death !== undefined) return Promise.reject(this.#death)
    return new Promise((resolve, reject) => {
      this.#pending.add(reject)
      send(this.api)
        .then(resolve, reject)
        .finally(() => this.#pending.delete(reject))
    })
  }

  /** Closes what the thread holds and waits until it has ended; one that does not is terminated. */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#death !== undefined) {
      await this.#exit
      return
    }
    const overdue = setTimeout(() => this.worker.terminate(), PATIENCE)
    await Promise.race([this.api.close(), this.#exit])
    await this.#exit
    clearTimeout(overdue)
    for (const reject of this.#pending) reject(new ActorExited(this.#actor))
    this.#commands.close()
  }

  #die(cause: unknown, died: (error: ActorExited) => void): void {
    if (this.#death !== undefined) return
    const crash = crashOf(cause, this.#actor)
    const death = new ActorExited(crash.actor, crash.cause)
    this.#death = death
    for (const reject of this.#pending) reject(death)
    this.#pending.clear()
    died(death)
  }
}
