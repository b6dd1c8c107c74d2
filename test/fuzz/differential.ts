/**
 * Two codecs read the same bytes: the actors' hand-made one and the plain-object one by table. They must agree on what is inside a packet, on
 * which bodies are malformed, and on every field of the others, except where the actors are stricter on purpose (`STRICTER`).
 */
import assert from 'node:assert/strict'
import { formatIp } from '../../src/wire/address.ts'
import type { Body, Value } from '../../src/wire/body.ts'
import { Claim, readAlive, readSuspect } from '../../src/wire/claim.ts'
import { type DecodeOptions, decodePacket, decodeSerf, decodeStream } from '../../src/wire/decode.ts'
import { readAck, readIndirectPing, readNack, readPing } from '../../src/wire/probe.ts'
import {
  AnswerCursor,
  QueryCursor,
  RelayCursor,
  readAnswer,
  readQuery,
  readRelay,
} from '../../src/wire/query.ts'
import {
  IntentCursor,
  indexPushPullState,
  readIntent,
  readUserEvent,
  UserEventCursor,
} from '../../src/wire/serf.ts'
import type { StreamStep } from '../../src/wire/stream.ts'
import type { SerfTree, Tree } from '../../src/wire/tree.ts'
import { MESSAGE, SERF } from '../../src/wire/types.ts'
import type { Leaf, Tally } from './targets.ts'

/** What the actors' codec makes of a body: its fields, or undefined when it is malformed. */
type Read = Record<string, unknown> | undefined

const claim = new Claim()
const intent = new IntentCursor()
const event = new UserEventCursor()
const query = new QueryCursor()
const answer = new AnswerCursor()
const relay = new RelayCursor()

const hex = (bytes: Uint8Array, start = 0, end = bytes.length) =>
  Buffer.from(bytes.subarray(start, end)).toString('hex')

const PACKET: Readonly<Record<number, [name: string, read: (bytes: Uint8Array) => Read]>> = {
  [MESSAGE.ping]: ['ping', (bytes) => pingFields(readPing(bytes, 0, bytes.length))],
  [MESSAGE.indirectPing]: [
    'indirectPing',
    (bytes) => {
      const ask = readIndirectPing(bytes, 0, bytes.length)
      return ask && { ...pingFields(ask), Target: ask.targetIp, Port: ask.port, Nack: ask.nack }
    },
  ],
  [MESSAGE.ack]: [
    'ackResp',
    (bytes) => {
      const ack = readAck(bytes, 0, bytes.length)
      return ack && { SeqNo: ack.seqNo, Payload: ack.payload === null ? null : hex(ack.payload) }
    },
  ],
  [MESSAGE.nack]: [
    'nackResp',
    (bytes) => {
      const SeqNo = readNack(bytes, 0, bytes.length)
      return SeqNo === undefined ? undefined : { SeqNo }
    },
  ],
  [MESSAGE.suspect]: ['suspect', (bytes) => suspectFields(bytes)],
  [MESSAGE.dead]: ['dead', (bytes) => suspectFields(bytes)],
  [MESSAGE.alive]: [
    'alive',
    (bytes) => {
      if (!readAlive(claim, bytes, 0, bytes.length)) return undefined
      const { addressStart, addressEnd, metaStart, metaEnd, nodeStart, nodeEnd, versionsStart, versionsEnd } =
        claim
      return {
        Addr: hex(claim.bytes, addressStart, addressEnd),
        Incarnation: claim.incarnation,
        Meta: claim.metaNil ? null : hex(claim.bytes, metaStart, metaEnd),
        Node: hex(claim.bytes, nodeStart, nodeEnd),
        Port: claim.port,
        Vsn: hex(claim.bytes, versionsStart, versionsEnd),
      }
    },
  ],
}

const SERF_READERS: Readonly<Record<number, [name: string, read: (bytes: Uint8Array) => Read]>> = {
  [SERF.leave]: ['leave', (bytes) => intentFields(bytes, 'leave')],
  [SERF.join]: ['join', (bytes) => intentFields(bytes, 'join')],
  [SERF.userEvent]: [
    'userEvent',
    (bytes) => {
      if (!readUserEvent(event, bytes, 1, bytes.length)) return undefined
      return {
        CC: event.coalesce,
        LTime: event.lamportTime,
        Name: hex(bytes, event.nameStart, event.nameEnd),
        Payload: event.payloadNil ? null : hex(bytes, event.payloadStart, event.payloadEnd),
      }
    },
  ],
  [SERF.query]: [
    'query',
    (bytes) => {
      if (!readQuery(query, bytes, 1, bytes.length)) return undefined
      const { flags, id, lamportTime, port, relayFactor } = query
      return {
        Addr: hex(bytes, query.addressStart, query.addressEnd),
        Flags: flags,
        ID: id,
        LTime: lamportTime,
        Name: hex(bytes, query.nameStart, query.nameEnd),
        Payload: hex(bytes, query.payloadStart, query.payloadEnd),
        Port: port,
        RelayFactor: relayFactor,
        SourceNode: hex(bytes, query.sourceStart, query.sourceEnd),
      }
    },
  ],
  [SERF.queryResponse]: [
    'queryResponse',
    (bytes) => {
      if (!readAnswer(answer, bytes, 1, bytes.length)) return undefined
      return {
        Flags: answer.flags,
        From: hex(bytes, answer.fromStart, answer.fromEnd),
        ID: answer.id,
        LTime: answer.lamportTime,
        Payload: hex(bytes, answer.payloadStart, answer.payloadEnd),
      }
    },
  ],
  [SERF.relay]: [
    'relay',
    (bytes) =>
      readRelay(relay, bytes, 1, bytes.length)
        ? { DestName: hex(bytes, relay.nameStart, relay.nameEnd) }
        : undefined,
  ],
  [SERF.pushPull]: [
    'pushPull',
    (bytes) => {
      const index = indexPushPullState(bytes, 1, bytes.length)
      return index && { LTime: index.lamportTime, EventLTime: index.eventTime, QueryLTime: index.queryTime }
    },
  ],
}

function pingFields(ping: ReturnType<typeof readPing>): Read {
  return (
    ping && {
      Node: hex(ping.node),
      SeqNo: ping.seqNo,
      SourceAddr: ping.sourceIp,
      SourceNode: hex(ping.sourceNode),
      SourcePort: ping.sourcePort,
    }
  )
}

function suspectFields(bytes: Uint8Array): Read {
  if (!readSuspect(claim, bytes, 0, bytes.length)) return undefined
  return {
    From: hex(claim.bytes, claim.fromStart, claim.fromEnd),
    Incarnation: claim.incarnation,
    Node: hex(claim.bytes, claim.nodeStart, claim.nodeEnd),
  }
}

function intentFields(bytes: Uint8Array, kind: 'join' | 'leave'): Read {
  if (!readIntent(intent, bytes, 1, bytes.length)) return undefined
  const fields = { LTime: intent.lamportTime, Node: hex(intent.bytes, intent.nodeStart, intent.nodeEnd) }
  return kind === 'join' ? fields : { ...fields, Prune: intent.prune }
}

/** The opener's leaves against the tree's, and each leaf's fields. */
export function comparePacket(
  tally: Tally,
  bytes: Uint8Array,
  leaves: readonly Leaf[],
  options: DecodeOptions,
): void {
  tally.add('decodePacket')
  const found = leavesOf(decodePacket(bytes, options))
  const handed = leaves.filter(({ type }) => type in PACKET || type === MESSAGE.user)
  assert.deepEqual(
    handed.map(({ type, body }) => (type === MESSAGE.user ? `user ${hex(body)}` : PACKET[type][0])),
    found.map(leafName),
    hex(bytes),
  )
  for (const [i, { type, body }] of handed.entries()) {
    if (type === MESSAGE.user) compareSerf(tally, body)
    else compareBody(tally, PACKET[type], body, fieldsIn(found[i]))
  }
}

/** Messages in the order of the packet; what was read before a compound broke off is as good as any. */
function leavesOf(tree: Tree): Tree[] {
  if (tree.type === 'compound') return tree.parts.flatMap(leavesOf)
  if ('inner' in tree) return leavesOf(tree.inner)
  if (tree.type !== 'malformed') return [tree]
  if (tree.partial?.type === 'compound') return leavesOf(tree.partial)
  // A malformed body is handed on, too: whoever reads it finds out.
  return tree.partial?.type === 'message' || MALFORMED.has(tree.layer) ? [tree] : []
}

const MALFORMED = new Set(Object.values(PACKET).map(([name]) => name))

function leafName(tree: Tree): string {
  if (tree.type === 'message') return tree.name
  if (tree.type === 'malformed') return tree.layer
  return tree.type === 'user' && tree.payload instanceof Uint8Array ? `user ${hex(tree.payload)}` : tree.type
}

function fieldsIn(tree: Tree | SerfTree): Body | null | undefined {
  return tree.type === 'message' || tree.type === 'relay' ? tree.fields : undefined
}

/** A Serf message, its type byte in front, by both. */
export function compareSerf(tally: Tally, body: Uint8Array): void {
  const reader = SERF_READERS[body[0]]
  if (body.length === 0 || reader === undefined) return
  tally.add('decodeSerf')
  const tree = decodeSerf(body, { payloads: 'bytes' })
  const stopped = tree.type === 'malformed' && tree.partial?.type === 'message'
  const deep = tree.type === 'malformed' && !stopped
  if (!deep) compareBody(tally, reader, body, fieldsIn(tree))
}

function compareBody(
  tally: Tally,
  [name, read]: [name: string, read: (bytes: Uint8Array) => Read],
  bytes: Uint8Array,
  fields: Body | null | undefined,
): void {
  tally.add(`read ${name}`)
  const mine = read(bytes)
  const why = `${name} ${hex(bytes)}`
  if (mine === undefined)
    assert.ok(fields === undefined || isStricter(name, fields, bytes), `only the actors refuse ${why}`)
  else {
    // What stands in parts that the actors only step over is looked at where it is used.
    if (fields === undefined) return assert.ok(SKIMMED.has(name), `only the plain codec refuses ${why}`)
    for (const [field, value] of Object.entries(mine))
      assert.equal(shown(name, field, fields?.[field]), value, `${field} of ${why}`)
  }
}

/** Messages of which the actors read at first only what they need. */
const SKIMMED = new Set(['query', 'pushPull', 'relay'])

/**
 * Where the actors refuse on purpose what Go takes: addresses that are none, Lamport times beyond 2^53 (also where the field comes twice, and the
 * last one would have counted), byte strings as lists of numbers, and a join with what only a leave has.
 */
function isStricter(name: string, fields: Body | null, bytes: Uint8Array): boolean {
  if (fields === null) return name === 'indirectPing'
  const hasTime = ['LTime', 'EventLTime', 'QueryLTime'].some((time) => time in fields)
  if (hasTime && (bytes.includes(0xcf) || bytes.includes(0xd3))) return true
  if (name === 'join' && (bytes[1] > 0x92 || Buffer.from(bytes).includes('Prune'))) return true
  if (name === 'indirectPing' && isNothing(fields.Target)) return true
  for (const field of ['SourceAddr', 'Target']) {
    const value = fields[field]
    if (value instanceof Uint8Array && ![0, 4, 16].includes(value.length)) return true
    const text = Buffer.from(bytes)
    if (text.indexOf(field) !== text.lastIndexOf(field)) return true
  }
  if (name === 'relay') return true
  return holdsList(bytes.subarray(name in SERF ? 2 : 1))
}

function isNothing(value: Value | undefined): boolean {
  return value === undefined || value === null || (value instanceof Uint8Array && value.length === 0)
}

/** Whether there is a list header: only then bytes may have come as a list. */
function holdsList(bytes: Uint8Array): boolean {
  return bytes.some((byte) => (byte & 0xf0) === 0x90 || byte === 0xdc || byte === 0xdd)
}

/** A plain value as the actors' readers show it; absent and nil are zero. */
function shown(name: string, field: string, value: Value | undefined): unknown {
  const zeros: Record<string, unknown> = { CC: false, Prune: false, Nack: false }
  const isAddress = field === 'SourceAddr' || field === 'Target'
  const isText = ['Node', 'Name', 'From', 'SourceNode', 'DestName', 'Addr', 'Vsn'].includes(field)
  if (value === undefined || value === null) {
    if (field === 'Payload' || field === 'Meta')
      return name === 'query' || name === 'queryResponse' ? '' : null
    return field in zeros ? zeros[field] : isAddress || isText ? '' : 0
  }
  // A time that no clock can follow costs a state itself alone, and is read as one beyond all.
  if (name === 'pushPull' && typeof value === 'bigint' && value > 0n) return Number.POSITIVE_INFINITY
  if (isAddress && value instanceof Uint8Array) return formatIp(value)
  if (value instanceof Uint8Array) return hex(value)
  return isText ? hex(Buffer.from(String(value))) : value
}

/** A stream's last step against its tree: they must agree on whether more is wanted, on the kind, and on what is refused. */
export function compareStream(
  tally: Tally,
  bytes: Uint8Array,
  step: StreamStep,
  options: DecodeOptions,
): void {
  tally.add('decodeStream')
  let inner = decodeStream(bytes, options)
  while ('inner' in inner) inner = inner.inner
  const layer = inner.type === 'malformed' ? inner.layer : inner.type === 'message' ? inner.name : inner.type
  if (step.kind === 'push-pull')
    return assert.ok(layer === 'pushPull', `${layer} against a push/pull: ${hex(bytes)}`)
  if (step.kind === 'user') {
    const payload = inner.type === 'userStream' ? inner.payload : undefined
    return assert.ok(payload instanceof Uint8Array && hex(payload) === hex(step.payload), hex(bytes))
  }
  // Small messages are only stepped over here; their fields are compared where they are read.
  if (step.kind === 'ping' || step.kind === 'ack' || step.kind === 'err') return
  // Stepping over a whole record counts one level more than reading its fields does.
  const isWhole = inner.type === 'message' || inner.type === 'pushPull'
  if (step.kind === 'refused' && step.reason === 'malformed' && isWhole) return
  assert.ok(inner.type === 'malformed', `${step.kind} against ${inner.type}: ${hex(bytes)}`)
}
