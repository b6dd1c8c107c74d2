/** Packets of somebody without a key, well made otherwise: in a pool that has keys they change nothing. */
import { writeAlive, writeSuspect } from '../wire/claim.ts'
import { Writer } from '../wire/msgpack.ts'
import { MESSAGE } from '../wire/types.ts'

const VERSIONS = Uint8Array.of(1, 5, 2, 2, 5, 5)
/** Where they come from: no member is there. */
export const FORGER = { ip: '10.99.0.1', port: 7946 }

/** News of a member that nobody started, and of the death of one that lives. */
export function forgedPackets(victim: string): Uint8Array[] {
  const utf8 = (text: string) => new TextEncoder().encode(text)
  const [alive, dead] = [new Writer(), new Writer()]
  writeAlive(alive, {
    incarnation: 1,
    name: utf8('intruder'),
    address: Uint8Array.of(10, 99, 0, 1),
    port: FORGER.port,
    meta: new Uint8Array(0),
    versions: VERSIONS,
  })
  writeSuspect(dead, MESSAGE.dead, { incarnation: 1_000_000, name: utf8(victim), from: utf8('intruder') })
  return [alive.copy(), dead.copy()]
}
