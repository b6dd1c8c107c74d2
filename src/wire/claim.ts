/**
 * Claims about members: alive, suspect, dead, and the members of a push/pull (protocol page 1, section 3). One reusable cursor
 * holds where the fields stand, so that reading a claim makes no objects and copies nothing.
 */
import { key, Malformed, Reader as MsgpackReader, type Reader, type Writer } from './msgpack.ts'
import { Fields, shape } from './record.ts'
import { MESSAGE } from './types.ts'

const U16 = 0xffff
const U32 = 0xffff_ffff
const EMPTY = new Uint8Array(0)
const LARGEST_PACKET = 65_536
const LIST = new Malformed('bytes as a list of numbers')

/** What somebody says of a member: offsets into `bytes`. */
export class Claim {
  bytes: Uint8Array = EMPTY
  incarnation = 0
  /** One of STATE; only members of a push/pull have it. */
  state = 0
  port = 0
  nodeStart = 0
  nodeEnd = 0
  fromStart = 0
  fromEnd = 0
  addressStart = 0
  addressEnd = 0
  metaStart = 0
  metaEnd = 0
  /** Whether meta was absent rather than empty. */
  metaNil = true
  versionsStart = 0
  versionsEnd = 0

  reset(bytes: Uint8Array): void {
    this.bytes = bytes
    this.incarnation = 0
    this.state = 0
    this.port = 0
    this.nodeStart = this.nodeEnd = 0
    this.fromStart = this.fromEnd = 0
    this.addressStart = this.addressEnd = 0
    this.metaStart = this.metaEnd = 0
    this.metaNil = true
    this.versionsStart = this.versionsEnd = 0
  }
}

const ALIVE_FIELDS = ['Addr', 'Incarnation', 'Meta', 'Node', 'Port', 'Vsn']
const ALIVE = new Fields(shape(ALIVE_FIELDS, ['Incarnation', 'Node', 'Addr', 'Port', 'Meta', 'Vsn']))
const SUSPECT = new Fields(shape(['From', 'Incarnation', 'Node'], ['Incarnation', 'Node', 'From']))
const NODE_FIELDS = ['Addr', 'Incarnation', 'Meta', 'Name', 'Port', 'State', 'Vsn']
const NODE = new Fields(shape(NODE_FIELDS, ['Name', 'Addr', 'Port', 'Meta', 'Incarnation', 'State', 'Vsn']))
const READER = new MsgpackReader()

/** Reads the body of an alive message; false when it is malformed. */
export function readAlive(claim: Claim, bytes: Uint8Array, start: number, end: number): boolean {
  return attempt(claim, bytes, start, end, aliveFields)
}

/** Reads the body of a suspect or dead message; false when it is malformed. */
export function readSuspect(claim: Claim, bytes: Uint8Array, start: number, end: number): boolean {
  return attempt(claim, bytes, start, end, suspectFields)
}

/** Reads one member of a push/pull and moves the reader behind it; false when it is malformed. */
export function readPushPullNode(claim: Claim, reader: Reader): boolean {
  claim.reset(reader.bytes)
  try {
    nodeFields(claim, reader)
    return true
  } catch (error) {
    return refused(error)
  }
}

function attempt(
  claim: Claim,
  bytes: Uint8Array,
  start: number,
  end: number,
  fields: (claim: Claim, reader: Reader) => void,
): boolean {
  claim.reset(bytes)
  try {
    fields(claim, READER.reset(bytes, start, end))
    return true
  } catch (error) {
    return refused(error)
  }
}

function refused(error: unknown): false {
  if (error instanceof Malformed) return false
  throw error
}

function aliveFields(claim: Claim, reader: Reader): void {
  ALIVE.begin(reader)
  for (let field = ALIVE.next(reader); field >= 0; field = ALIVE.next(reader)) {
    if (field === 0) address(claim, reader)
    else if (field === 1) claim.incarnation = reader.uint(U32)
    else if (field === 2) meta(claim, reader)
    else if (field === 3) node(claim, reader)
    else if (field === 4) claim.port = reader.uint(U16)
    else versions(claim, reader)
  }
}

function suspectFields(claim: Claim, reader: Reader): void {
  SUSPECT.begin(reader)
  for (let field = SUSPECT.next(reader); field >= 0; field = SUSPECT.next(reader)) {
    if (field === 0) from(claim, reader)
    else if (field === 1) claim.incarnation = reader.uint(U32)
    else node(claim, reader)
  }
}

function nodeFields(claim: Claim, reader: Reader): void {
  NODE.begin(reader)
  for (let field = NODE.next(reader); field >= 0; field = NODE.next(reader)) {
    if (field === 0) address(claim, reader)
    else if (field === 1) claim.incarnation = reader.uint(U32)
    else if (field === 2) meta(claim, reader)
    else if (field === 3) node(claim, reader)
    else if (field === 4) claim.port = reader.uint(U16)
    else if (field === 5) claim.state = Number(reader.int64())
    else versions(claim, reader)
  }
}

function node(claim: Claim, reader: Reader): void {
  const shift = placed(claim, reader)
  claim.nodeStart = reader.rawStart + shift
  claim.nodeEnd = reader.rawEnd + shift
}

function from(claim: Claim, reader: Reader): void {
  const shift = placed(claim, reader)
  claim.fromStart = reader.rawStart + shift
  claim.fromEnd = reader.rawEnd + shift
}

function address(claim: Claim, reader: Reader): void {
  const shift = placed(claim, reader)
  claim.addressStart = reader.rawStart + shift
  claim.addressEnd = reader.rawEnd + shift
}

function meta(claim: Claim, reader: Reader): void {
  const shift = placed(claim, reader)
  claim.metaStart = reader.rawStart + shift
  claim.metaEnd = reader.rawEnd + shift
  claim.metaNil = reader.rawNil
}

function versions(claim: Claim, reader: Reader): void {
  const shift = placed(claim, reader)
  claim.versionsStart = reader.rawStart + shift
  claim.versionsEnd = reader.rawEnd + shift
}

/**
 * Reads a byte string and says by how much its offsets move to be offsets into the claim's bytes: 0, except for the rare one that
 * came as a list of numbers. That one is put behind a copy of the message.
 */
function placed(claim: Claim, reader: Reader): number {
  reader.raw()
  if (reader.rawBytes === reader.bytes) return 0
  const shift = claim.bytes.length
  // Nobody writes that form in a push/pull, where a copy for each member would be a way to hurt us.
  if (shift > LARGEST_PACKET) throw LIST
  const longer = new Uint8Array(shift + reader.rawEnd)
  longer.set(claim.bytes)
  longer.set(reader.rawBytes.subarray(0, reader.rawEnd), shift)
  claim.bytes = longer
  return shift
}

export interface AliveFields {
  incarnation: number
  name: Uint8Array
  /** 4 or 16 bytes. */
  address: Uint8Array
  port: number
  /** Null is «absent». */
  meta: Uint8Array | null
  /** pmin, pmax, pcur, dmin, dmax, dcur. */
  versions: Uint8Array
}

const [ADDR, INCARNATION, META, NODE_KEY, PORT, VSN] = ALIVE_FIELDS.map(key)
const [FROM, NAME, STATE_KEY] = ['From', 'Name', 'State'].map(key)

/** Writes an alive message, the type byte in front. */
export function writeAlive(writer: Writer, fields: AliveFields): void {
  writer.byte(MESSAGE.alive)
  writer.map(6)
  writeCommon(writer, fields)
  writer.key(NODE_KEY)
  writer.raw(fields.name)
  writer.key(PORT)
  writer.uint(fields.port)
  writer.key(VSN)
  writer.raw(fields.versions)
}

/** Writes a suspect or dead message, the type byte in front. */
export function writeSuspect(
  writer: Writer,
  type: typeof MESSAGE.suspect | typeof MESSAGE.dead,
  fields: { incarnation: number; name: Uint8Array; from: Uint8Array },
): void {
  writer.byte(type)
  writer.map(3)
  writer.key(FROM)
  writer.raw(fields.from)
  writer.key(INCARNATION)
  writer.uint(fields.incarnation)
  writer.key(NODE_KEY)
  writer.raw(fields.name)
}

const [JOIN, NODES, USER_STATE_LENGTH] = ['Join', 'Nodes', 'UserStateLen'].map(key)

/** Writes the head of a push/pull, the type byte in front. */
export function writePushPullHeader(
  writer: Writer,
  head: { join: boolean; nodes: number; userStateLength: number },
): void {
  writer.byte(MESSAGE.pushPull)
  writer.map(3)
  writer.key(JOIN)
  writer.bool(head.join)
  writer.key(NODES)
  writer.uint(head.nodes)
  writer.key(USER_STATE_LENGTH)
  writer.uint(head.userStateLength)
}

/** Writes one member of a push/pull. */
export function writePushPullNode(writer: Writer, fields: AliveFields & { state: number }): void {
  writer.map(7)
  writeCommon(writer, fields)
  writer.key(NAME)
  writer.raw(fields.name)
  writer.key(PORT)
  writer.uint(fields.port)
  writer.key(STATE_KEY)
  writer.uint(fields.state)
  writer.key(VSN)
  writer.raw(fields.versions)
}

function writeCommon(writer: Writer, fields: AliveFields): void {
  writer.key(ADDR)
  writer.raw(fields.address)
  writer.key(INCARNATION)
  writer.uint(fields.incarnation)
  writer.key(META)
  writer.raw(fields.meta)
}
