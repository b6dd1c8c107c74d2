/** Who we are in probe messages: which pings are for us, and pings of our own with our place in the source fields. */
import { toLatin } from '../actors/latin.ts'
import type { Self } from '../actors/mail.ts'
import { parseIp } from '../wire/address.ts'
import { writeIndirectPing, writePing } from '../wire/probe.ts'
import type { Peer } from './ring.ts'

export class Identity {
  /** The name's bytes as on the wire. */
  readonly name: Uint8Array
  /** The same with one character per byte. */
  readonly key: string
  /** The port our sockets are bound to: what port 0 in an indirect ping means. */
  readonly bindPort: number
  readonly #address: Uint8Array | null
  readonly #port: number

  constructor(self: Self) {
    this.name = new TextEncoder().encode(self.name)
    this.key = toLatin(this.name)
    this.bindPort = self.bindPort
    this.#address = parseIp(self.ip) ?? null
    this.#port = self.port
  }

  /** Whether a ping to `node` is for us. An empty name means "whoever you are". */
  answersTo(node: Uint8Array): boolean {
    if (node.length === 0) return true
    if (node.length !== this.name.length) return false
    for (let i = 0; i < node.length; i++) if (node[i] !== this.name[i]) return false
    return true
  }

  /** A ping message to the node named `node`. */
  ping(seqNo: number, node: Uint8Array): Uint8Array {
    return writePing({
      seqNo,
      node,
      sourceAddress: this.#address,
      sourcePort: this.#port,
      sourceNode: this.name,
    })
  }

  /** A message that asks a helper to ping `target` for us, and to say nack where `answer` has it so. */
  indirectPing(seqNo: number, target: Peer, answer: 'ack' | 'ack-or-nack'): Uint8Array {
    return writeIndirectPing({
      seqNo,
      node: target.name,
      target: target.address,
      port: target.port,
      nack: answer === 'ack-or-nack',
      sourceAddress: this.#address,
      sourcePort: this.#port,
      sourceNode: this.name,
    })
  }
}
