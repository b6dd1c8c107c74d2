/**
 * Facts: what happened, packed by gossip, read by dispatch and by the facade. Packed bytes go all the way to the main
 * thread and become objects only when somebody asks: cloned objects cost almost twice as much there.
 *
 *     any record     length u32 (all of it) | kind u8 | ...
 *     member         status u8, port u16, row u32, instance u32, incarnation u32, statusTime f64,
 *                    versions 6 x u8, address length u8, flags u8, name length u16, meta length u16,
 *                    address, name, meta, and in an update what was before it, where flags say so:
 *                    incarnation u32, port u16, address length u8, (pad u8), address, meta
 *     user event     coalesce u8, name length u16, payload length u32, lamportTime f64, name, payload
 *     query          as a user event, with the query's own fields between name and payload: see `query-facts.ts`
 *
 * A member record is a whole picture of the member after the fact, not a difference: whoever misses one is right again
 * with the next. Flag 1: the next record belongs to the same event, coalesced ones
 * have many members. Flag 2: what was before stands at the end.
 */
import { copy, type Pack } from './packed.ts'

/** Kinds of record. `member-change` moves the mirror and is no event. */
export const FACT = {
  memberJoin: 0,
  memberLeave: 1,
  memberFailed: 2,
  memberUpdate: 3,
  memberReap: 4,
  userEvent: 5,
  query: 6,
  memberChange: 7,
  /** A query that is not for the host: dispatch has struck it out. */
  struckOut: 8,
  /** A member that the host knows from before a crash: it moves the mirror and is no event. */
  memberKnown: 9,
} as const

export type MemberFact =
  | typeof FACT.memberJoin
  | typeof FACT.memberLeave
  | typeof FACT.memberFailed
  | typeof FACT.memberUpdate
  | typeof FACT.memberReap
  | typeof FACT.memberChange
  | typeof FACT.memberKnown

/** Serf's statuses by their numbers (protocol page 2, section 2.7). */
export const STATUS = { none: 0, alive: 1, leaving: 2, left: 3, failed: 4 } as const

export const MEMBER_FIXED = 44
const BEFORE_FIXED = 8
const GOES_ON = 1
const HAS_BEFORE = 2
const EVENT_FIXED = 20

/** Offsets inside a member record, for readers that need one field only. */
const MEMBER = {
  status: 5,
  port: 6,
  row: 8,
  instance: 12,
  incarnation: 16,
  statusTime: 20,
  versions: 28,
  addressLength: 34,
  flags: 35,
  nameLength: 36,
  metaLength: 38,
  address: MEMBER_FIXED,
} as const

/** The picture of a member as gossip holds it. Byte fields are views; the writer copies. */
export interface MemberPicture {
  status: number
  row: number
  /** Counts the members that have lived in this row. */
  instance: number
  incarnation: number
  /** Lamport time of the last intent about the member. */
  statusTime: number
  port: number
  versions: Uint8Array
  address: Uint8Array
  name: Uint8Array
  meta: Uint8Array
}

/** What an update replaced. */
export interface Before {
  incarnation: number
  port: number
  address: Uint8Array
  meta: Uint8Array
}

export function packMember(pack: Pack, kind: MemberFact, member: MemberPicture, before?: Before): void {
  const { address, name, meta } = member
  const lengths = { address: address.length, name: name.length, meta: meta.length }
  const at = packNumbers(pack, kind, member, lengths, before)
  const { bytes } = pack
  const nameAt = at + MEMBER.address + address.length
  copy(bytes, at + MEMBER.address, address, 0, address.length)
  copy(bytes, nameAt, name, 0, name.length)
  copy(bytes, nameAt + name.length, meta, 0, meta.length)
}

/** The numbers of a picture. */
export type MemberNumbers = Omit<MemberPicture, 'address' | 'name' | 'meta'>

/** Writes all of a record but address, name and meta, for which room is left from `MEMBER_FIXED` on behind the returned offset. */
export function packNumbers(
  pack: Pack,
  kind: MemberFact,
  member: MemberNumbers,
  lengths: { address: number; name: number; meta: number },
  before?: Before,
): number {
  const { versions } = member
  const behind = MEMBER_FIXED + lengths.address + lengths.name + lengths.meta
  const length =
    before === undefined ? behind : behind + BEFORE_FIXED + before.address.length + before.meta.length
  const at = pack.claim(length)
  const { view, bytes } = pack
  view.setUint32(at, length, true)
  bytes[at + 4] = kind
  bytes[at + MEMBER.status] = member.status
  view.setUint16(at + MEMBER.port, member.port, true)
  view.setUint32(at + MEMBER.row, member.row, true)
  view.setUint32(at + MEMBER.instance, member.instance, true)
  view.setUint32(at + MEMBER.incarnation, member.incarnation, true)
  view.setFloat64(at + MEMBER.statusTime, member.statusTime, true)
  for (let i = 0; i < 6; i++) bytes[at + MEMBER.versions + i] = versions[i]
  bytes[at + MEMBER.addressLength] = lengths.address
  view.setUint16(at + MEMBER.nameLength, lengths.name, true)
  view.setUint16(at + MEMBER.metaLength, lengths.meta, true)
  if (before !== undefined) {
    bytes[at + MEMBER.flags] |= HAS_BEFORE
    packBefore(pack, at + behind, before)
  }
  return at
}

function packBefore({ view, bytes }: Pack, at: number, { incarnation, port, address, meta }: Before): void {
  view.setUint32(at, incarnation, true)
  view.setUint16(at + 4, port, true)
  bytes[at + 6] = address.length
  copy(bytes, at + BEFORE_FIXED, address, 0, address.length)
  copy(bytes, at + BEFORE_FIXED + address.length, meta, 0, meta.length)
}

/** A copy of a member's record, of the member in another row. */
export function placed(record: Uint8Array, row: number): Uint8Array {
  const copied = record.slice()
  new DataView(copied.buffer).setUint32(MEMBER.row, row, true)
  return copied
}

/** Makes the event of this member's record go on with the next record. */
export function goOn(record: Uint8Array): void {
  record[MEMBER.flags] |= GOES_ON
}

/** Packs a user event whose name and payload stand in `from`. */
export function packUserEvent(
  pack: Pack,
  lamportTime: number,
  coalesce: 'coalesce' | 'single',
  from: Uint8Array,
  nameStart: number,
  nameEnd: number,
  payloadStart: number,
  payloadEnd: number,
): void {
  const nameLength = nameEnd - nameStart
  const payloadLength = payloadEnd - payloadStart
  const length = EVENT_FIXED + nameLength + payloadLength
  const at = pack.claim(length)
  const { view, bytes } = pack
  view.setUint32(at, length, true)
  bytes[at + 4] = FACT.userEvent
  bytes[at + 5] = coalesce === 'coalesce' ? 1 : 0
  view.setUint16(at + 6, nameLength, true)
  view.setUint32(at + 8, payloadLength, true)
  view.setFloat64(at + 12, lamportTime, true)
  copy(bytes, at + EVENT_FIXED, from, nameStart, nameEnd)
  copy(bytes, at + EVENT_FIXED + nameLength, from, payloadStart, payloadEnd)
}

let viewed: Uint8Array = new Uint8Array(0)
let view: DataView = new DataView(viewed.buffer)

/** A view of all bytes; that of the buffer before is kept, for readers are made many to a buffer. */
function viewOf(bytes: Uint8Array): DataView {
  if (viewed !== bytes) {
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    viewed = bytes
  }
  return view
}

/** Reads records of one buffer in place. Moves with `next`; the getters speak of the record at `at`. */
export class FactReader {
  readonly bytes: Uint8Array
  readonly #view: DataView
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.#view = viewOf(bytes)
    this.at = at
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length
  }
  next(): void {
    this.at += this.length
  }
  get length(): number {
    return this.#view.getUint32(this.at, true)
  }
  get kind(): number {
    return this.bytes[this.at + 4]
  }
  get isMember(): boolean {
    const { kind } = this
    return kind <= FACT.memberReap || kind === FACT.memberChange || kind === FACT.memberKnown
  }

  // Members
  get status(): number {
    return this.bytes[this.at + MEMBER.status]
  }
  get row(): number {
    return this.#view.getUint32(this.at + MEMBER.row, true)
  }
  get instance(): number {
    return this.#view.getUint32(this.at + MEMBER.instance, true)
  }
  get incarnation(): number {
    return this.#view.getUint32(this.at + MEMBER.incarnation, true)
  }
  get statusTime(): number {
    return this.#view.getFloat64(this.at + MEMBER.statusTime, true)
  }
  get port(): number {
    return this.#view.getUint16(this.at + MEMBER.port, true)
  }
  /** Whether the event has another member, in the next record. */
  get goesOn(): boolean {
    return (this.bytes[this.at + MEMBER.flags] & GOES_ON) > 0
  }
  /** pmin, pmax, pcur, dmin, dmax, dcur. */
  get versions(): Uint8Array {
    return this.bytes.subarray(this.at + MEMBER.versions, this.at + MEMBER.versions + 6)
  }
  get address(): Uint8Array {
    const start = this.at + MEMBER.address
    return this.bytes.subarray(start, start + this.bytes[this.at + MEMBER.addressLength])
  }
  get name(): Uint8Array {
    const start = this.at + MEMBER.address + this.bytes[this.at + MEMBER.addressLength]
    return this.bytes.subarray(start, start + this.#view.getUint16(this.at + MEMBER.nameLength, true))
  }
  get meta(): Uint8Array {
    const end = this.#metaEnd
    return this.bytes.subarray(end - this.#view.getUint16(this.at + MEMBER.metaLength, true), end)
  }
  /** What an update replaced, where it is known. */
  get before(): Before | undefined {
    if ((this.bytes[this.at + MEMBER.flags] & HAS_BEFORE) === 0) return undefined
    const at = this.#metaEnd
    const addressEnd = at + BEFORE_FIXED + this.bytes[at + 6]
    return {
      incarnation: this.#view.getUint32(at, true),
      port: this.#view.getUint16(at + 4, true),
      address: this.bytes.subarray(at + BEFORE_FIXED, addressEnd),
      meta: this.bytes.subarray(addressEnd, this.at + this.length),
    }
  }
  get #metaEnd(): number {
    const { bytes, at } = this
    const nameAt = at + MEMBER.address + bytes[at + MEMBER.addressLength]
    const metaAt = nameAt + this.#view.getUint16(at + MEMBER.nameLength, true)
    return metaAt + this.#view.getUint16(at + MEMBER.metaLength, true)
  }

  // User events and queries
  get coalesce(): boolean {
    return this.bytes[this.at + 5] === 1
  }
  get lamportTime(): number {
    return this.#view.getFloat64(this.at + 12, true)
  }
  get eventName(): Uint8Array {
    const start = this.at + EVENT_FIXED
    return this.bytes.subarray(start, start + this.#view.getUint16(this.at + 6, true))
  }
  get payload(): Uint8Array {
    const end = this.at + this.length
    return this.bytes.subarray(end - this.#view.getUint32(this.at + 8, true), end)
  }
}
