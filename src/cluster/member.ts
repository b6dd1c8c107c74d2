/** A member as a host sees it, made from its packed picture. */
import { type FactReader, type MemberPicture, STATUS } from '../actors/facts.ts'
import { InvalidArgument } from '../errors/errors.ts'
import { refuseUnknown } from '../options/arguments.ts'
import { formatIp, parseIp } from '../wire/address.ts'
import { decodeTags, encodeTags } from '../wire/tags.ts'

/** Serf's statuses. */
export type MemberStatus = 'alive' | 'leaving' | 'left' | 'failed'

/** Versions of one layer that a member understands and speaks. */
export interface VersionRange {
  readonly min: number
  readonly max: number
  readonly current: number
}

/** One member of the pool. Frozen: it shows the member as it was when it was asked for. */
export interface Member {
  readonly name: string
  /** IP address as text. */
  readonly address: string
  readonly port: number
  readonly status: MemberStatus
  readonly tags: Readonly<Record<string, string>>
  /** Counts the member's own words about itself; higher is newer. */
  readonly incarnation: number
  /** Lamport time of the last join or leave intent about it. */
  readonly statusTime: number
  /** memberlist's protocol. */
  readonly protocol: VersionRange
  /** Serf's protocol. */
  readonly delegate: VersionRange
}

const STATUSES: Record<number, MemberStatus> = {
  [STATUS.alive]: 'alive',
  [STATUS.leaving]: 'leaving',
  [STATUS.left]: 'left',
  [STATUS.failed]: 'failed',
}
const UTF8 = new TextDecoder()

/** The member in the record at which the reader stands. */
export function memberOf(picture: FactReader): Member {
  const [pmin, pmax, pcur, dmin, dmax, dcur] = picture.versions
  return {
    name: textOf(picture.name),
    address: formatIp(picture.address),
    port: picture.port,
    status: STATUSES[picture.status] ?? 'alive',
    tags: Object.freeze(decodeTags(picture.meta.slice())),
    incarnation: picture.incarnation,
    statusTime: picture.statusTime,
    protocol: Object.freeze({ min: pmin, max: pmax, current: pcur }),
    delegate: Object.freeze({ min: dmin, max: dmax, current: dcur }),
  }
}

/** The picture again of a member whose record is gone. */
export function pictureOf(member: Member, row: number, protocolVersion: number): MemberPicture {
  const { name, address, tags, status, incarnation, statusTime, port, protocol, delegate } = member
  return {
    status:
      Object.keys(STATUSES)
        .map(Number)
        .find((number) => STATUSES[number] === status) ?? STATUS.alive,
    row,
    instance: 0,
    incarnation,
    statusTime,
    port,
    versions: Uint8Array.of(
      ...[protocol.min, protocol.max, protocol.current, delegate.min, delegate.max, delegate.current],
    ),
    address: parseIp(address) ?? new Uint8Array(0),
    name: new TextEncoder().encode(name),
    meta: encodeTags(tags, protocolVersion),
  }
}

/** What an update replaced: a member that restarted within a second shows by it, for nobody missed it. */
export interface MemberBefore {
  readonly address: string
  readonly port: number
  readonly tags: Readonly<Record<string, string>>
  readonly incarnation: number
}

/** What the update in the record replaced, where it is known. */
export function beforeOf({ before }: FactReader): MemberBefore | undefined {
  if (before === undefined) return undefined
  const { incarnation, port } = before
  const tags = Object.freeze(decodeTags(before.meta.slice()))
  return Object.freeze({ address: formatIp(before.address), port, tags, incarnation })
}

/** Text of bytes that may stand in shared memory, which a TextDecoder does not read. */
export function textOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    if (byte >= 128) return UTF8.decode(bytes.slice())
    text += String.fromCharCode(byte)
  }
  return text
}

const FILTER = ['name', 'status', 'tags']

/**
 * Those of the members that are in this status and have exactly these tags; the same list where nothing is asked for. Throws InvalidArgument for what
 * nobody could be.
 */
export function select(
  members: readonly Member[],
  filter: { status?: MemberStatus; tags?: Record<string, string> },
): readonly Member[] {
  refuseUnknown('members', filter, FILTER)
  const { status, tags } = filter
  const statuses = Object.values(STATUSES)
  if (status !== undefined && !statuses.includes(status))
    throw new InvalidArgument(`members: there is no status ${status}, only ${statuses.join(', ')}`)
  if (status === undefined && tags === undefined) return Object.freeze(members)
  const wanted = Object.entries(tags ?? {})
  const isWanted = (member: Member) =>
    (status === undefined || member.status === status) &&
    wanted.every(([tag, value]) => member.tags[tag] === value)
  return Object.freeze(members.filter(isWanted))
}
