/** The way out: every datagram is sealed, counted and sent here, with or without the tray's broadcasts riding on it. */
import type { Counters } from '../actors/counters.ts'
import type { Checksum } from '../actors/packed.ts'
import { type Coats, labelBytes, messageRoom, packetRoom, sealPacket } from '../wire/packet.ts'
import { isUnicast } from './destination.ts'
import { type Leftovers, Tray } from './tray.ts'
import type { DetectorWorld } from './world.ts'

export class Outgoing {
  readonly coats: Coats
  readonly #world: DetectorWorld
  readonly #counters: Counters
  readonly #limit: number
  readonly #tray = new Tray()

  constructor(coats: Coats, udpBufferSize: number, world: DetectorWorld, counters: Counters) {
    this.coats = coats
    this.#world = world
    this.#counters = counters
    this.#limit = udpBufferSize
  }

  /** Bytes that a message may have to be sent by itself. It changes with the keys. */
  get room(): number {
    return messageRoom(this.#limit, this.coats)
  }

  /** Lays out new broadcasts to ride; returns what is left of those before. */
  layOut(number: number, bytes: Uint8Array): Leftovers | undefined {
    return this.#tray.replace(number, bytes)
  }

  /**
   * Sends a probe message with broadcasts riding on it. It goes without a checksum, as in memberlist: the receiver's
   * versions are not looked up on this path (protocol page 1, section 4.3). `seqNo` is the ping inside, or 0.
   */
  ride(message: Uint8Array, ip: string, port: number, seqNo: number): void {
    this.send(this.#tray.ride(message, packetRoom(this.#limit, this.coats)), ip, port, seqNo, 'plain')
  }

  /** Sends a message as it is. What is addressed to nobody in particular, or above the size of a packet, is dropped and counted. */
  send(message: Uint8Array, ip: string, port: number, seqNo: number, checksum: Checksum): void {
    if (port === 0 || !isUnicast(ip)) return this.#counters.add('drop.destination')
    const packet = sealPacket(message, checksum, this.coats)
    if (packet.length > this.#limit) return this.#counters.add('drop.packet-too-large')
    this.#counters.add('memberlist.udp.sent', packet.length - labelBytes(this.coats))
    this.#world.send(packet, ip, port, seqNo)
  }
}
