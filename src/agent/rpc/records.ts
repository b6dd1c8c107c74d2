/**
 * The records of the agent's protocol (protocol page 3, section 1.5): what a client asks and what an agent answers, each with its writer
 * and its reader. Fields are written in the order of their names and read in any.
 */
import { formatIp } from '../../wire/address.ts'
import { Fields, tagsFrom, U64_MAX } from './fields.ts'
import { RpcMalformed } from './reader.ts'
import type { RpcWriter } from './writer.ts'

/** The protocol's only version. */
export const RPC_VERSION = 1

/** Sequence numbers, Lamport times and query IDs: 64 bits, a bigint only beyond 2^53. */
export type U64 = number | bigint

export interface RequestHeader {
  command: string
  seq: U64
}

export interface ResponseHeader {
  error: string
  seq: U64
}

export interface RpcMember {
  name: string
  /** 4 or 16 bytes. */
  addr: Uint8Array
  port: number
  tags: Record<string, string>
  status: string
  protocolMin: number
  protocolMax: number
  protocolCur: number
  delegateMin: number
  delegateMax: number
  delegateCur: number
}

/** The outcome of a key command at all members. */
export interface RpcKeys {
  messages: Record<string, string>
  /** Key to the number of members that hold it; null unless keys were listed. */
  keys: Map<string, number> | null
  numNodes: number
  numErr: number
  numResp: number
}

/** In seconds, as Vivaldi counts. `vec` is null for an unknown node. */
export interface RpcCoordinate {
  vec: number[] | null
  error: number
  adjustment: number
  height: number
}

export interface QueryRequest {
  filterNodes: string[] | null
  filterTags: Record<string, string> | null
  requestAck: boolean
  relayFactor: number
  /** Nanoseconds; 0 for the agent's default. */
  timeout: U64
  name: string
  payload: Uint8Array | null
}

/** What happened, as a stream tells it. */
export type StreamRecord =
  | { event: string; members: RpcMember[] }
  | { event: 'user'; lTime: U64; name: string; payload: Uint8Array | null; coalesce: boolean }
  | { event: 'query'; id: U64; lTime: U64; name: string; payload: Uint8Array | null }

export interface QueryRecord {
  type: string
  from: string
  payload: Uint8Array | null
}

export type Stats = Record<string, Record<string, string>>

export function writeRequestHeader(writer: RpcWriter, { command, seq }: RequestHeader): void {
  writer.map(2)
  writer.field('Command').text(command)
  writer.field('Seq').uint(seq)
}

/** The last header's fields stand where the record has none of its own: the original decodes into the same record again. */
export function readRequestHeader(record: unknown, last: RequestHeader): RequestHeader {
  if (record === null) return { command: '', seq: 0 }
  const fields = new Fields(record, ['Command', 'Seq'])
  return {
    command: fields.has('Command') ? fields.text('Command') : last.command,
    seq: fields.has('Seq') ? fields.long('Seq', 0n, U64_MAX) : last.seq,
  }
}

export function writeResponseHeader(writer: RpcWriter, { error, seq }: ResponseHeader): void {
  writer.map(2)
  writer.field('Error').text(error)
  writer.field('Seq').uint(seq)
}

export function readResponseHeader(record: unknown): ResponseHeader {
  const fields = new Fields(record, ['Error', 'Seq'])
  return { error: fields.text('Error'), seq: fields.long('Seq', 0n, U64_MAX) }
}

export function writeMember(writer: RpcWriter, member: RpcMember): void {
  writer.map(11)
  writer.field('Addr').bin(member.addr)
  writer.field('DelegateCur').uint(member.delegateCur)
  writer.field('DelegateMax').uint(member.delegateMax)
  writer.field('DelegateMin').uint(member.delegateMin)
  writer.field('Name').text(member.name)
  writer.field('Port').uint(member.port)
  writer.field('ProtocolCur').uint(member.protocolCur)
  writer.field('ProtocolMax').uint(member.protocolMax)
  writer.field('ProtocolMin').uint(member.protocolMin)
  writer.field('Status').text(member.status)
  writer.field('Tags').tags(member.tags)
}

const MEMBER_FIELDS = [
  'Name',
  'Addr',
  'Port',
  'Tags',
  'Status',
  'ProtocolMin',
  'ProtocolMax',
  'ProtocolCur',
  'DelegateMin',
  'DelegateMax',
  'DelegateCur',
]

export function readMember(record: unknown): RpcMember {
  const fields = new Fields(record, MEMBER_FIELDS)
  const version = (name: string) => fields.int(name, 0, 255)
  return {
    name: fields.text('Name'),
    addr: fields.bytes('Addr') ?? new Uint8Array(0),
    port: fields.int('Port', 0, 65_535),
    tags: fields.tags('Tags') ?? {},
    status: fields.text('Status'),
    protocolMin: version('ProtocolMin'),
    protocolMax: version('ProtocolMax'),
    protocolCur: version('ProtocolCur'),
    delegateMin: version('DelegateMin'),
    delegateMax: version('DelegateMax'),
    delegateCur: version('DelegateCur'),
  }
}

/** `ip:port`, an IPv6 address in brackets. */
export function hostPort({ addr, port }: RpcMember): string {
  const ip = formatIp(addr)
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

export function writeMembers(writer: RpcWriter, members: readonly RpcMember[]): void {
  writer.map(1)
  writer.field('Members').array(members.length)
  for (const member of members) writeMember(writer, member)
}

export function readMembers(record: unknown): RpcMember[] {
  return new Fields(record, ['Members']).records('Members').map(readMember)
}

export function writeKeys(writer: RpcWriter, outcome: RpcKeys): void {
  writer.map(5)
  writer.field('Keys')
  if (outcome.keys === null) writer.nil()
  else {
    writer.map(outcome.keys.size)
    for (const [key, count] of outcome.keys) writer.field(key).int(count)
  }
  writer.field('Messages').tags(outcome.messages)
  writer.field('NumErr').int(outcome.numErr)
  writer.field('NumNodes').int(outcome.numNodes)
  writer.field('NumResp').int(outcome.numResp)
}

export function readKeys(record: unknown): RpcKeys {
  const fields = new Fields(record, ['Messages', 'Keys', 'NumNodes', 'NumErr', 'NumResp'])
  const count = (name: string) => fields.int(name, -(2 ** 31), 2 ** 31)
  return {
    messages: fields.tags('Messages') ?? {},
    keys: fields.record('Keys') === null ? null : fields.counts('Keys'),
    numNodes: count('NumNodes'),
    numErr: count('NumErr'),
    numResp: count('NumResp'),
  }
}

export function writeCoordinate(writer: RpcWriter, coordinate: RpcCoordinate | undefined): void {
  const { vec, error, adjustment, height } = coordinate ?? { vec: null, error: 0, adjustment: 0, height: 0 }
  writer.map(2)
  writer.field('Coord').map(4)
  writer.field('Adjustment').float(adjustment)
  writer.field('Error').float(error)
  writer.field('Height').float(height)
  writer.field('Vec')
  if (vec === null) writer.nil()
  else {
    writer.array(vec.length)
    for (const component of vec) writer.float(component)
  }
  writer.field('Ok').bool(coordinate !== undefined)
}

/** Undefined when the agent knows none. */
export function readCoordinate(record: unknown): RpcCoordinate | undefined {
  const answer = new Fields(record, ['Coord', 'Ok'])
  if (!answer.bool('Ok')) return undefined
  const fields = new Fields(answer.record('Coord'), ['Vec', 'Error', 'Adjustment', 'Height'])
  return {
    vec: fields.floats('Vec'),
    error: fields.float('Error'),
    adjustment: fields.float('Adjustment'),
    height: fields.float('Height'),
  }
}

export function writeQuery(writer: RpcWriter, query: QueryRequest): void {
  writer.map(7)
  writer.field('FilterNodes').texts(query.filterNodes)
  writer.field('FilterTags').tags(query.filterTags)
  writer.field('Name').text(query.name)
  writer.field('Payload').bin(query.payload)
  writer.field('RelayFactor').uint(query.relayFactor)
  writer.field('RequestAck').bool(query.requestAck)
  writer.field('Timeout').int(query.timeout)
}

export function readQuery(record: unknown): QueryRequest {
  const order = ['FilterNodes', 'FilterTags', 'RequestAck', 'RelayFactor', 'Timeout', 'Name', 'Payload']
  const fields = new Fields(record, order)
  return {
    filterNodes: fields.record('FilterNodes') === null ? null : fields.texts('FilterNodes'),
    filterTags: fields.tags('FilterTags'),
    requestAck: fields.bool('RequestAck'),
    relayFactor: fields.int('RelayFactor', 0, 255),
    timeout: fields.long('Timeout', -(2n ** 63n), 2n ** 63n - 1n),
    name: fields.text('Name'),
    payload: fields.bytes('Payload'),
  }
}

export function writeStreamRecord(writer: RpcWriter, record: StreamRecord): void {
  if ('members' in record) {
    writer.map(2)
    writer.field('Event').text(record.event)
    writer.field('Members').array(record.members.length)
    for (const member of record.members) writeMember(writer, member)
    return
  }
  writer.map(5)
  if ('coalesce' in record) writer.field('Coalesce').bool(record.coalesce)
  writer.field('Event').text(record.event)
  if ('id' in record) writer.field('ID').uint(record.id)
  writer.field('LTime').uint(record.lTime)
  writer.field('Name').text(record.name)
  writer.field('Payload').bin(record.payload)
}

export function readStreamRecord(record: unknown): StreamRecord {
  const event = new Fields(record, []).text('Event')
  const fields = new Fields(record, [])
  const named = () => ({
    lTime: fields.long('LTime', 0n, U64_MAX),
    name: fields.text('Name'),
    payload: fields.bytes('Payload'),
  })
  if (event === 'user') return { event, ...named(), coalesce: fields.bool('Coalesce') }
  if (event === 'query') return { event, id: fields.long('ID', 0n, U64_MAX), ...named() }
  return { event, members: fields.records('Members').map(readMember) }
}

export function writeQueryRecord(writer: RpcWriter, { type, from, payload }: QueryRecord): void {
  writer.map(3)
  writer.field('From').text(from)
  writer.field('Payload').bin(payload)
  writer.field('Type').text(type)
}

export function readQueryRecord(record: unknown): QueryRecord {
  const fields = new Fields(record, ['Type', 'From', 'Payload'])
  return { type: fields.text('Type'), from: fields.text('From'), payload: fields.bytes('Payload') }
}

export function writeStats(writer: RpcWriter, stats: Stats): void {
  const groups = Object.entries(stats)
  writer.map(groups.length)
  for (const [group, values] of groups) writer.field(group).tags(values)
}

export function readStats(record: unknown): Stats {
  if (!(record instanceof Map)) throw new RpcMalformed('statistics are a map of maps')
  const stats: Stats = Object.create(null)
  for (const [group, values] of record) stats[String(group)] = tagsFrom(String(group), values) ?? {}
  return stats
}
