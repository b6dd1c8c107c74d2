/** Records of events made of a member's picture. */
import { FACT, STATUS } from '../actors/facts.ts'
import type { Pack } from '../actors/packed.ts'

/** Offsets in a member's record. */
const KIND = 4
const STATUS_AT = 5

/** The picture as the record of an event. */
export function retold(picture: Uint8Array, event: number): Uint8Array {
  const record = picture.slice()
  record[KIND] = event
  return record
}

/** The same for an event that is not the last: the picture is from the end, where the status is another again. */
export function retoldAsOf(picture: Uint8Array, event: number): Uint8Array {
  const record = retold(picture, event)
  if (event === FACT.memberJoin) record[STATUS_AT] = STATUS.alive
  else if (event === FACT.memberFailed) record[STATUS_AT] = STATUS.failed
  else if (event === FACT.memberLeave) record[STATUS_AT] = STATUS.left
  return record
}

export function addTo(pack: Pack, record: Uint8Array): void {
  const at = pack.claim(record.length)
  pack.bytes.set(record, at)
}
