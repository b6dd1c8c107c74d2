/**
 * The roster: what the detector must know about the peers it probes, and nothing else. Gossip owns the table; a
 * peer is named here by its row in it and by the instance that now lives in that row.
 *
 *     { row u32, instance u32, incarnation u32, port u16, standing u8, protocolMax u8,
 *       address length u8, name length u16, address, name }*
 */
import { copy, type Pack } from './packed.ts'

/** What the detector does with a peer: those `gone` are not probed, those `erased` are no members any more and wholly forgotten. */
export type RosterStanding = 'alive' | 'suspect' | 'gone' | 'erased'

const STANDINGS: readonly RosterStanding[] = ['alive', 'suspect', 'gone', 'erased']
const FIXED = 19

export interface RosterEntry {
  row: number
  instance: number
  incarnation: number
  port: number
  standing: RosterStanding
  protocolMax: number
  /** 4 or 16 bytes. */
  address: Uint8Array
  /** The name's bytes as on the wire. */
  name: Uint8Array
}

export function packRosterEntry(pack: Pack, entry: RosterEntry): void {
  const { address, name } = entry
  const at = pack.claim(FIXED + address.length + name.length)
  pack.view.setUint32(at, entry.row, true)
  pack.view.setUint32(at + 4, entry.instance, true)
  pack.view.setUint32(at + 8, entry.incarnation, true)
  pack.view.setUint16(at + 12, entry.port, true)
  pack.bytes[at + 14] = STANDINGS.indexOf(entry.standing)
  pack.bytes[at + 15] = entry.protocolMax
  pack.bytes[at + 16] = address.length
  pack.view.setUint16(at + 17, name.length, true)
  copy(pack.bytes, at + FIXED, address, 0, address.length)
  copy(pack.bytes, at + FIXED + address.length, name, 0, name.length)
}

/**
 * Visits up to `most` entries from `start` on, and returns where the next one begins. `address` and `name` are views into `bytes`, to be copied
 * by who keeps them.
 */
export function readRosterEntries(
  bytes: Uint8Array,
  start: number,
  most: number,
  visit: (entry: RosterEntry) => void,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = start
  for (let left = most; at < bytes.length && left > 0; left--) {
    const nameStart = at + FIXED + bytes[at + 16]
    const end = nameStart + view.getUint16(at + 17, true)
    visit({
      row: view.getUint32(at, true),
      instance: view.getUint32(at + 4, true),
      incarnation: view.getUint32(at + 8, true),
      port: view.getUint16(at + 12, true),
      standing: STANDINGS[bytes[at + 14]],
      protocolMax: bytes[at + 15],
      address: bytes.subarray(at + FIXED, nameStart),
      name: bytes.subarray(nameStart, end),
    })
    at = end
  }
  return at
}
