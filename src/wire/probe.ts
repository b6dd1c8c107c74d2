/** The messages of the failure detector: ping, indirectPing, ack, nack, and the err of streams (protocol page 1, section 3). */
import { Slab } from '../actors/slab.ts'
import { formatIp } from './address.ts'
import { key, Malformed, Reader, Writer } from './msgpack.ts'
import { Fields, shape } from './record.ts'
import { MESSAGE } from './types.ts'

const U16 = 0xffff
const U32 = 0xffff_ffff
const EMPTY = new Uint8Array(0)
const READER = new Reader()
const WRITER = new Writer()
/** Pings and acks are many and live until they are sent: a buffer for each would cost more than writing it. */
const SLAB = new Slab()
const ADDRESS = new Malformed('an address that is neither 4 nor 16 bytes')

export interface Ping {
  seqNo: number
  /** Name of the intended receiver, a view into the packet; empty: whoever reads it. */
  node: Uint8Array
  /** Where the answer goes, as text; empty when absent: to where the packet came from. */
  sourceIp: string
  sourcePort: number
  sourceNode: Uint8Array
}

export interface IndirectPing extends Ping {
  /** The member to be probed for the asker, whose name is `node`. */
  targetIp: string
  /** Port of that member; 0: our own bind port. */
  port: number
  /** Whether the asker wants to hear of a failure. */
  nack: boolean
}

export interface Ack {
  seqNo: number
  payload: Uint8Array | null
}

const PING = new Fields(
  shape(
    ['Node', 'SeqNo', 'SourceAddr', 'SourceNode', 'SourcePort'],
    ['SeqNo', 'Node', 'SourceAddr', 'SourcePort', 'SourceNode'],
  ),
)
const INDIRECT = new Fields(
  shape(
    ['Nack', 'Node', 'Port', 'SeqNo', 'SourceAddr', 'SourceNode', 'SourcePort', 'Target'],
    ['SeqNo', 'Target', 'Port', 'Node', 'Nack', 'SourceAddr', 'SourcePort', 'SourceNode'],
  ),
)
const ACK = new Fields(shape(['Payload', 'SeqNo'], ['SeqNo', 'Payload']))
const NACK = new Fields(shape(['SeqNo']))
const ERR = new Fields(shape(['Error']))

/** Body of a ping; undefined when malformed. */
export function readPing(bytes: Uint8Array, start: number, end: number): Ping | undefined {
  return attempt(bytes, start, end, (reader) => {
    const ping: Ping = { seqNo: 0, node: EMPTY, sourceIp: '', sourcePort: 0, sourceNode: EMPTY }
    PING.begin(reader)
    for (let field = PING.next(reader); field >= 0; field = PING.next(reader)) {
      if (field === 0) ping.node = view(reader)
      else if (field === 1) ping.seqNo = reader.uint(U32)
      else if (field === 2) ping.sourceIp = ip(reader)
      else if (field === 3) ping.sourceNode = view(reader)
      else ping.sourcePort = reader.uint(U16)
    }
    return ping
  })
}

/** Body of an indirectPing; undefined when malformed. */
export function readIndirectPing(bytes: Uint8Array, start: number, end: number): IndirectPing | undefined {
  return attempt(bytes, start, end, (reader) => {
    const ask: IndirectPing = {
      seqNo: 0,
      node: EMPTY,
      targetIp: '',
      port: 0,
      nack: false,
      sourceIp: '',
      sourcePort: 0,
      sourceNode: EMPTY,
    }
    INDIRECT.begin(reader)
    for (let field = INDIRECT.next(reader); field >= 0; field = INDIRECT.next(reader))
      indirectField(ask, field, reader)
    if (ask.targetIp === '') throw ADDRESS
    return ask
  })
}

function indirectField(ask: IndirectPing, field: number, reader: Reader): void {
  if (field === 0) ask.nack = reader.bool()
  else if (field === 1) ask.node = view(reader)
  else if (field === 2) ask.port = reader.uint(U16)
  else if (field === 3) ask.seqNo = reader.uint(U32)
  else if (field === 4) ask.sourceIp = ip(reader)
  else if (field === 5) ask.sourceNode = view(reader)
  else if (field === 6) ask.sourcePort = reader.uint(U16)
  else ask.targetIp = ip(reader)
}

/** Body of an ack; undefined when malformed. */
export function readAck(bytes: Uint8Array, start: number, end: number): Ack | undefined {
  return attempt(bytes, start, end, (reader) => {
    const ack: Ack = { seqNo: 0, payload: null }
    ACK.begin(reader)
    for (let field = ACK.next(reader); field >= 0; field = ACK.next(reader)) {
      if (field === 1) ack.seqNo = reader.uint(U32)
      else {
        const payload = view(reader)
        ack.payload = reader.rawNil ? null : payload
      }
    }
    return ack
  })
}

/** Sequence number of a nack; undefined when malformed. */
export function readNack(bytes: Uint8Array, start: number, end: number): number | undefined {
  return attempt(bytes, start, end, (reader) => {
    let seqNo = 0
    NACK.begin(reader)
    while (NACK.next(reader) >= 0) seqNo = reader.uint(U32)
    return seqNo
  })
}

/** Text of an err; undefined when malformed. */
export function readError(bytes: Uint8Array, start: number, end: number): string | undefined {
  return attempt(bytes, start, end, (reader) => {
    let text = ''
    ERR.begin(reader)
    while (ERR.next(reader) >= 0) text = new TextDecoder().decode(view(reader))
    return text
  })
}

const [NODE, SEQ_NO, SOURCE_ADDR, SOURCE_NODE, SOURCE_PORT] = [
  'Node',
  'SeqNo',
  'SourceAddr',
  'SourceNode',
  'SourcePort',
].map(key)
const [NACK_KEY, PORT, TARGET, PAYLOAD, ERROR] = ['Nack', 'Port', 'Target', 'Payload', 'Error'].map(key)

interface Source {
  /** 4 or 16 bytes; null: left out. */
  sourceAddress: Uint8Array | null
  /** 0: left out. */
  sourcePort: number
  /** Empty: left out. */
  sourceNode: Uint8Array
}

export function writePing(ping: Source & { seqNo: number; node: Uint8Array }): Uint8Array {
  const writer = WRITER.reset()
  writer.byte(MESSAGE.ping)
  writer.map(2 + sourceFields(ping))
  writer.key(NODE)
  writer.raw(ping.node)
  writer.key(SEQ_NO)
  writer.uint(ping.seqNo)
  writeSource(writer, ping)
  return SLAB.keep(writer.bytes, 0, writer.length)
}

export function writeIndirectPing(
  ask: Source & { seqNo: number; node: Uint8Array; target: Uint8Array; port: number; nack: boolean },
): Uint8Array {
  const writer = WRITER.reset()
  writer.byte(MESSAGE.indirectPing)
  writer.map(5 + sourceFields(ask))
  writer.key(NACK_KEY)
  writer.bool(ask.nack)
  writer.key(NODE)
  writer.raw(ask.node)
  writer.key(PORT)
  writer.uint(ask.port)
  writer.key(SEQ_NO)
  writer.uint(ask.seqNo)
  writeSource(writer, ask)
  writer.key(TARGET)
  writer.raw(ask.target)
  return writer.copy()
}

export function writeAck(seqNo: number, payload: Uint8Array | null): Uint8Array {
  const writer = WRITER.reset()
  writer.byte(MESSAGE.ack)
  writer.map(2)
  writer.key(PAYLOAD)
  writer.raw(payload)
  writer.key(SEQ_NO)
  writer.uint(seqNo)
  return SLAB.keep(writer.bytes, 0, writer.length)
}

export function writeNack(seqNo: number): Uint8Array {
  const writer = WRITER.reset()
  writer.byte(MESSAGE.nack)
  writer.map(1)
  writer.key(SEQ_NO)
  writer.uint(seqNo)
  return writer.copy()
}

export function writeError(text: string): Uint8Array {
  const writer = WRITER.reset()
  writer.byte(MESSAGE.err)
  writer.map(1)
  writer.key(ERROR)
  writer.text(text)
  return writer.copy()
}

function sourceFields(source: Source): number {
  return (
    Number(source.sourceAddress !== null) +
    Number(source.sourceNode.length > 0) +
    Number(source.sourcePort > 0)
  )
}

function writeSource(writer: Writer, source: Source): void {
  if (source.sourceAddress !== null) {
    writer.key(SOURCE_ADDR)
    writer.raw(source.sourceAddress)
  }
  if (source.sourceNode.length > 0) {
    writer.key(SOURCE_NODE)
    writer.raw(source.sourceNode)
  }
  if (source.sourcePort > 0) {
    writer.key(SOURCE_PORT)
    writer.uint(source.sourcePort)
  }
}

function attempt<Message>(
  bytes: Uint8Array,
  start: number,
  end: number,
  read: (reader: Reader) => Message,
): Message | undefined {
  try {
    return read(READER.reset(bytes, start, end))
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

function view(reader: Reader): Uint8Array {
  reader.raw()
  return reader.rawBytes.subarray(reader.rawStart, reader.rawEnd)
}

/** Text of an address; empty when it is absent or empty. */
function ip(reader: Reader): string {
  reader.raw()
  if (reader.rawStart === reader.rawEnd) return ''
  const text = formatIp(reader.rawBytes, reader.rawStart, reader.rawEnd)
  if (text === '') throw ADDRESS
  return text
}
