/**
 * The tray: broadcasts that gossip has laid out to ride on our pings and acks (protocol page 1, section 4.6). Each has
 * an allowance of sends that gossip's queue has already been charged for; what is left of it when the next tray
 * comes is handed back.
 *
 * Like the queue it came from, the tray prefers what was sent least: whoever rode goes behind those who did not.
 *
 *     before   [a 3] [b 3] [c 3]       two fit into the packet
 *     after    [c 3] [a 2] [b 2]
 */
import { eachTrayItem } from '../actors/packed.ts'
import { COMPOUND, makeCompound } from '../wire/packet.ts'

interface Rider {
  /** Place in the tray as gossip sent it. */
  index: number
  message: Uint8Array
}

/** What a tray that is replaced leaves over, one count per item in the order gossip sent. */
export interface Leftovers {
  number: number
  unused: Uint8Array
}

export class Tray {
  #number = 0
  #left = new Uint8Array(0)
  #riders: Rider[] = []

  /** Takes over a packed tray; returns what the one before leaves over, `undefined` when that one held nothing. */
  replace(number: number, bytes: Uint8Array): Leftovers | undefined {
    const before = this.#left.length === 0 ? undefined : { number: this.#number, unused: this.#left }
    const allowances: number[] = []
    this.#riders = []
    eachTrayItem(bytes, (message, allowance) => {
      if (allowance > 0) this.#riders.push({ index: allowances.length, message })
      allowances.push(allowance)
    })
    this.#number = number
    this.#left = Uint8Array.from(allowances)
    return before
  }

  /**
   * `message` alone, or a compound with `message` first and what fits behind it. `room` is the budget of a packet as
   * `packetRoom` has it: every part, the first included, costs its length and two bytes.
   */
  ride(message: Uint8Array, room: number): Uint8Array {
    if (this.#riders.length === 0) return message
    let free = room - COMPOUND.perPart - message.length
    const parts = [message]
    const passed: Rider[] = []
    const rode: Rider[] = []
    for (const rider of this.#riders) {
      const cost = COMPOUND.perPart + rider.message.length
      if (cost > free || parts.length === COMPOUND.maxParts) {
        passed.push(rider)
        continue
      }
      free -= cost
      parts.push(rider.message)
      this.#left[rider.index] -= 1
      if (this.#left[rider.index] > 0) rode.push(rider)
    }
    if (parts.length === 1) return message
    this.#riders = passed.concat(rode)
    return makeCompound(parts)
  }
}
