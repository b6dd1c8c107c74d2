/**
 * Mailboxes between actors: over a MessagePort to another thread, or a queue in the same one. Both count what was told and not yet
 * taken, by lane, so that a sender sees how far behind its receiver is.
 *
 * Packed mail is handed over: its plain buffer moves with it and the sender gives it up. Buffers in shared memory stay where they
 * are and both sides see them.
 */
import type { MessagePort, Transferable } from 'node:worker_threads'
import type { Lane, Outlet } from '../src/actors/contract.ts'

/** What a mailbox must know of its mail. */
export interface Mail {
  type: string
  lane?: Lane
  weight?: number
  bytes?: Uint8Array
  buffers?: Uint8Array[]
}

const LANES: Record<Lane, number> = { alive: 0, others: 1 }

/** The counters of one mailbox, in memory that both sides share. */
export function mailboxCounters(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(8))
}

/** Buffers that move with a mail; each once, however many views it has. */
export function transfersOf(mail: Mail): Transferable[] {
  const views = mail.buffers ?? (mail.bytes === undefined ? [] : [mail.bytes])
  const plain = views.map(({ buffer }) => buffer).filter((buffer) => buffer instanceof ArrayBuffer)
  return [...new Set(plain)]
}

/** The sender's end of a mailbox in another thread. */
export class PortOutlet<Sent extends Mail> implements Outlet<Sent> {
  readonly #port: MessagePort
  readonly #counters: Int32Array

  constructor(port: MessagePort, counters: Int32Array) {
    this.#port = port
    this.#counters = counters
  }

  tell(mail: Sent): void {
    Atomics.add(this.#counters, LANES[mail.lane ?? 'others'], mail.weight ?? 1)
    this.#port.postMessage(mail, transfersOf(mail))
  }

  waiting(lane: Lane): number {
    return Atomics.load(this.#counters, LANES[lane])
  }
}

/** The receiver's end: counts the mail as taken and hands it on. */
export function readPort<Sent extends Mail>(
  port: MessagePort,
  counters: Int32Array,
  take: (mail: Sent) => void,
): void {
  port.on('message', (mail: Sent) => {
    Atomics.sub(counters, LANES[mail.lane ?? 'others'], mail.weight ?? 1)
    take(mail)
  })
}

/** Longest run of mail in one go: then sockets and timers have their turn. */
const MOST_MAILS = 256
const LONGEST_RUN = 10

/** A mailbox in the same thread. Mail waits in a queue, so that no turn runs inside another. */
export class LocalOutlet<Sent extends Mail> implements Outlet<Sent> {
  readonly #queue: Sent[] = []
  readonly #counts = { alive: 0, others: 0 }
  #take: (mail: Sent) => void = () => undefined
  #immediate: NodeJS.Immediate | undefined
  #isClosed = false

  /** Names the receiver; until then mail waits. */
  deliverTo(take: (mail: Sent) => void): void {
    this.#take = take
  }

  tell(mail: Sent): void {
    if (this.#isClosed) return
    this.#counts[mail.lane ?? 'others'] += mail.weight ?? 1
    this.#queue.push(mail)
    this.#immediate ??= setImmediate(() => this.#run())
  }

  waiting(lane: Lane): number {
    return this.#counts[lane]
  }

  /** Drops what waits; nothing is delivered any more. */
  close(): void {
    this.#isClosed = true
    clearImmediate(this.#immediate)
    this.#queue.length = 0
  }

  #run(): void {
    this.#immediate = undefined
    const startedAt = performance.now()
    let taken = 0
    while (taken < this.#queue.length && taken < MOST_MAILS && performance.now() - startedAt < LONGEST_RUN) {
      const mail = this.#queue[taken]
      taken += 1
      this.#counts[mail.lane ?? 'others'] -= mail.weight ?? 1
      this.#take(mail)
      if (this.#isClosed) return
    }
    this.#queue.splice(0, taken)
    if (this.#queue.length > 0) this.#immediate = setImmediate(() => this.#run())
  }
}
