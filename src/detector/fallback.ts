/**
 * The ping over TCP that goes beside the indirect pings (protocol page 1, sections 5.5 and 7.4 step 6): UDP may be
 * blocked where TCP is not. A connection alone proves nothing, since proxies connect to the dead: only an ack with the
 * right number counts.
 *
 *     open ---> answered | failed        either closes the connection; so does the end of the probe
 */
import type { Coats } from '../wire/packet.ts'
import { readAck } from '../wire/probe.ts'
import { StreamAssembler, type StreamStep } from '../wire/stream.ts'
import type { DetectorWorld } from './world.ts'

/**
 * Slices of decompression that an answer may take in one turn. An ack needs one; a peer that answers with a bomb must
 * not keep us from answering pings.
 */
const MOST_SLICES = 4

export class FallbackPing {
  readonly #world: DetectorWorld
  readonly #seqNo: number
  readonly #assembler: StreamAssembler
  #state: 'open' | 'answered' | 'failed' = 'open'

  /** `request` is the sealed ping. */
  constructor(
    world: DetectorWorld,
    seqNo: number,
    at: { ip: string; port: number },
    request: Uint8Array,
    coats: Coats,
  ) {
    this.#world = world
    this.#seqNo = seqNo
    this.#assembler = new StreamAssembler(coats, 'reply')
    world.dialPing(seqNo, at.ip, at.port, request)
  }

  get isAnswered(): boolean {
    return this.#state === 'answered'
  }

  /** All bytes so far of the answer. */
  data(bytes: Uint8Array): void {
    if (this.#state !== 'open') return
    this.#assembler.push(bytes.subarray(this.#assembler.received))
    const step = this.#step()
    if (step.kind === 'more') return
    const isAck = step.kind === 'ack' && readAck(step.bytes, step.start, step.end)?.seqNo === this.#seqNo
    this.#finish(isAck ? 'answered' : 'failed')
  }

  /** The connection broke or ended. */
  failed(): void {
    if (this.#state === 'open') this.#finish('failed')
  }

  /** The probe is over: nobody waits for the answer any more. */
  close(): void {
    if (this.#state === 'open') this.#finish('failed')
  }

  #finish(state: 'answered' | 'failed'): void {
    this.#state = state
    this.#world.closePing(this.#seqNo)
  }

  #step(): StreamStep {
    let step = this.#assembler.step()
    for (let slices = 1; step.kind === 'working' && slices < MOST_SLICES; slices++)
      step = this.#assembler.step()
    return step
  }
}
