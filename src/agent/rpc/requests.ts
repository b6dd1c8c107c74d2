/** Bodies of the small requests (protocol page 3, section 1.5), each with its writer and its reader. */
import { Fields, U64_MAX } from './fields.ts'
import type { U64 } from './records.ts'
import type { RpcWriter } from './writer.ts'

export interface EventRequest {
  name: string
  payload: Uint8Array | null
  coalesce: boolean
}

export interface ForceLeaveRequest {
  node: string
  prune: boolean
}

export interface JoinRequest {
  existing: string[]
  replay: boolean
}

/** Regular expressions that must match whole values; empty ones let everything pass. */
export interface MembersFilter {
  tags: Record<string, string> | null
  status: string
  name: string
}

export interface TagsRequest {
  tags: Record<string, string> | null
  deleteTags: string[] | null
}

export interface RespondRequest {
  id: U64
  payload: Uint8Array | null
}

export function writeEvent(writer: RpcWriter, { name, payload, coalesce }: EventRequest): void {
  writer.map(3)
  writer.field('Coalesce').bool(coalesce)
  writer.field('Name').text(name)
  writer.field('Payload').bin(payload)
}

export function readEvent(record: unknown): EventRequest {
  const fields = new Fields(record, ['Name', 'Payload', 'Coalesce'])
  return { name: fields.text('Name'), payload: fields.bytes('Payload'), coalesce: fields.bool('Coalesce') }
}

export function writeForceLeave(writer: RpcWriter, { node, prune }: ForceLeaveRequest): void {
  writer.map(2)
  writer.field('Node').text(node)
  writer.field('Prune').bool(prune)
}

export function readForceLeave(record: unknown): ForceLeaveRequest {
  const fields = new Fields(record, ['Node', 'Prune'])
  return { node: fields.text('Node'), prune: fields.bool('Prune') }
}

export function writeJoin(writer: RpcWriter, { existing, replay }: JoinRequest): void {
  writer.map(2)
  writer.field('Existing').texts(existing)
  writer.field('Replay').bool(replay)
}

export function readJoin(record: unknown): JoinRequest {
  const fields = new Fields(record, ['Existing', 'Replay'])
  return { existing: fields.texts('Existing'), replay: fields.bool('Replay') }
}

export function writeMembersFilter(writer: RpcWriter, { tags, status, name }: MembersFilter): void {
  writer.map(3)
  writer.field('Name').text(name)
  writer.field('Status').text(status)
  writer.field('Tags').tags(tags)
}

export function readMembersFilter(record: unknown): MembersFilter {
  const fields = new Fields(record, ['Tags', 'Status', 'Name'])
  return { tags: fields.tags('Tags'), status: fields.text('Status'), name: fields.text('Name') }
}

export function writeTags(writer: RpcWriter, { tags, deleteTags }: TagsRequest): void {
  writer.map(2)
  writer.field('DeleteTags').texts(deleteTags)
  writer.field('Tags').tags(tags)
}

export function readTags(record: unknown): TagsRequest {
  const fields = new Fields(record, ['Tags', 'DeleteTags'])
  const deleteTags = fields.record('DeleteTags') === null ? null : fields.texts('DeleteTags')
  return { tags: fields.tags('Tags'), deleteTags }
}

export function writeRespond(writer: RpcWriter, { id, payload }: RespondRequest): void {
  writer.map(2)
  writer.field('ID').uint(id)
  writer.field('Payload').bin(payload)
}

export function readRespond(record: unknown): RespondRequest {
  const fields = new Fields(record, ['ID', 'Payload'])
  return { id: fields.long('ID', 0n, U64_MAX), payload: fields.bytes('Payload') }
}

/** A request whose body is one text: `AuthKey`, `Type`, `LogLevel`, `Key` or `Node`. */
export function writeOneText(writer: RpcWriter, field: string, text: string): void {
  writer.map(1)
  writer.field(field).text(text)
}

export function readOneText(record: unknown, field: string): string {
  return new Fields(record, [field]).text(field)
}

export function writeHandshake(writer: RpcWriter, version: number): void {
  writer.map(1)
  writer.field('Version').int(version)
}

export function readHandshake(record: unknown): number {
  return new Fields(record, ['Version']).int('Version', -(2 ** 31), 2 ** 31 - 1)
}

export function writeStop(writer: RpcWriter, seq: U64): void {
  writer.map(1)
  writer.field('Stop').uint(seq)
}

export function readStop(record: unknown): U64 {
  return new Fields(record, ['Stop']).long('Stop', 0n, U64_MAX)
}

/** A rotation of keys, which only our agents know. */
export interface RotateRequest {
  /** Base64; empty for a new one. */
  key: string
  /** Milliseconds between the last confirmation and the removal of the old keys. */
  grace: number
}

export function writeRotate(writer: RpcWriter, { key, grace }: RotateRequest): void {
  writer.map(2)
  writer.field('Grace').uint(grace)
  writer.field('Key').text(key)
}

export function readRotate(record: unknown): RotateRequest {
  const fields = new Fields(record, ['Key', 'Grace'])
  return { key: fields.text('Key'), grace: fields.int('Grace', 0, 86_400_000) }
}
