/**
 * Every recorded byte of real Serf: decoded to what the recording says it is, and encoded again to the same bytes. By the plain-object codec,
 * and by the hand-made one of the actors for the messages that it reads and writes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../src/wire/address.ts'
import { Claim, readAlive, readSuspect, writeAlive, writeSuspect } from '../../src/wire/claim.ts'
import { decodePacket, decodeSerf, decodeStream } from '../../src/wire/decode.ts'
import { encodeSerf, encodeTree } from '../../src/wire/encode.ts'
import { encodeNameFilter, encodeTagFilter, readFilters } from '../../src/wire/filter.ts'
import { Reader, Writer } from '../../src/wire/msgpack.ts'
import {
  readAck,
  readIndirectPing,
  readNack,
  readPing,
  writeAck,
  writeIndirectPing,
  writeNack,
  writePing,
} from '../../src/wire/probe.ts'
import {
  AnswerCursor,
  QueryCursor,
  RelayCursor,
  readAnswer,
  readQuery,
  readRelay,
  writeAnswer,
  writeConflict,
  writeQuery,
  writeRelay,
} from '../../src/wire/query.ts'
import {
  IntentCursor,
  readIntent,
  readUserEvent,
  UserEventCursor,
  writeJoin,
  writeLeave,
  writeUserEvent,
} from '../../src/wire/serf.ts'
import { decodeTags, encodeTags } from '../../src/wire/tags.ts'
import { type SerfTree, stopsIn, type Tree, toJson } from '../../src/wire/tree.ts'
import { MESSAGE, SERF } from '../../src/wire/types.ts'
import { fromHex, memberlistVectors, serfVectors, toHex } from '../vectors.ts'

/** Recordings that are no message, and where they are shown: a name that is not recorded is an error. */
const ELSEWHERE: Record<string, string> = {
  'snapshot-running': 'dispatch/remembered.test.ts',
  'snapshot-after-leave': 'dispatch/remembered.test.ts',
  'snapshot-compacted': 'dispatch/remembered.test.ts',
}

/** A value as the recordings write it: bytes as { hex }, numbers beyond 2^53 as text. */
function recorded(value: unknown): unknown {
  return JSON.parse(JSON.stringify(toJson(value)))
}

/** The recording without what only tells how it was written, and without what is inside payloads. */
function bare(decoded: unknown): unknown {
  if (typeof decoded !== 'object' || decoded === null) return decoded
  const {
    type,
    layer,
    fields,
    header,
    nodes,
    userState,
    parts,
    inner,
    payload,
    label,
    valid,
    plainLength,
    version,
    nonce,
  } = Object.fromEntries(Object.entries(decoded))
  if (layer === 'encryption') return { type: 'encrypt', version, nonce, inner: bare(inner) }
  if (layer === 'label') return { type: 'label', label, inner: bare(inner) }
  if (type === 'compound') return { type, parts: parts.map(bare) }
  if (type === 'compress') return { type, plainLength, inner: bare(inner) }
  if (type === 'hasCrc') return { type: valid ? type : 'malformed', inner: bare(inner) }
  if (type === 'user')
    return header === undefined ? { type, payload } : { type: 'userStream', header: header.fields, payload }
  if (type === 'pushPull') {
    return {
      type,
      header: header.fields,
      nodes: nodes.map((node: { fields: unknown }) => node.fields),
      userState,
    }
  }
  return { type: 'message', name: type, fields }
}

function shownTree(tree: Tree): unknown {
  switch (tree.type) {
    case 'label':
      return { type: 'label', label: tree.label, inner: shownTree(tree.inner) }
    case 'encrypt': {
      const { type, version, nonce, inner } = tree
      return { type, version, nonce: toHex(nonce), inner: shownTree(inner) }
    }
    case 'hasCrc':
    case 'compress':
      return { ...tree, inner: shownTree(tree.inner) }
    case 'compound':
      return { type: 'compound', parts: tree.parts.map(shownTree) }
    case 'user':
      return { type: 'user', payload: recorded(tree.payload) }
    case 'userStream':
      return { type: 'userStream', header: recorded(tree.header), payload: recorded(tree.payload) }
    case 'pushPull': {
      const { header, nodes, userState } = tree
      // A pool without Serf has no user state; the recording says null.
      return {
        type: 'pushPull',
        header: recorded(header),
        nodes: nodes.map(recorded),
        userState: recorded(userState),
      }
    }
    case 'message':
      return { type: 'message', name: tree.name, fields: recorded(tree.fields) }
    default:
      return tree
  }
}

function withUserState(tree: unknown): unknown {
  return JSON.parse(JSON.stringify(tree), (name, value) =>
    name === 'userState' && value === null ? { hex: '' } : value,
  )
}

test('the table of what is shown elsewhere names only what is recorded', () => {
  const names = new Set([...memberlistVectors, ...serfVectors].map(({ name }) => name))
  assert.deepEqual(
    Object.keys(ELSEWHERE).filter((name) => !names.has(name)),
    [],
  )
  assert.equal(memberlistVectors.length + serfVectors.length, 124)
})

for (const vector of memberlistVectors) {
  if (vector.name in ELSEWHERE) continue
  test(`memberlist ${vector.name} decodes to what was recorded and encodes to the same bytes`, () => {
    const bytes = fromHex(vector.hex)
    const decode = vector.transport === 'udp' ? decodePacket : decodeStream
    const options = {
      keys: vector.key === undefined ? [] : [fromHex(vector.key.hex)],
      label: vector.label ?? '',
    }
    const tree = decode(bytes, { ...options, payloads: 'bytes' })
    // The largest recording leaves its members out: there the bytes that come back are the proof.
    if (vector.name === 'pushpull-compressed-large') assert.equal(tree.type, 'compress')
    else assert.deepEqual(withUserState(shownTree(tree)), withUserState(bare(vector.decoded)))
    assert.equal(toHex(encodeTree(tree, options)), vector.hex)
    // What Serf says inside is shown as well, and loses nothing.
    assert.equal(toHex(encodeTree(decode(bytes, options), options)), vector.hex)
    for (const message of messagesIn(tree)) rewriteByHand(encodeTree(message))
  })
}

/** All messages with a record for a body inside a tree. */
function messagesIn(tree: Tree): Tree[] {
  if ('inner' in tree) return messagesIn(tree.inner)
  if (tree.type === 'compound') return tree.parts.flatMap(messagesIn)
  return tree.type === 'message' ? [tree] : []
}

/** The same message read and written by the code of the actors. */
function rewriteByHand(bytes: Uint8Array): void {
  const writer = new Writer()
  const end = bytes.length
  const claim = new Claim()
  let again: Uint8Array | undefined
  if (bytes[0] === MESSAGE.ping) {
    const ping = readPing(bytes, 1, end)
    assert.ok(ping)
    again = writePing({ ...ping, sourceAddress: parseIp(ping.sourceIp) ?? null })
  } else if (bytes[0] === MESSAGE.indirectPing) {
    const ask = readIndirectPing(bytes, 1, end)
    const target = parseIp(ask?.targetIp ?? '')
    assert.ok(ask && target)
    again = writeIndirectPing({ ...ask, target, sourceAddress: parseIp(ask.sourceIp) ?? null })
  } else if (bytes[0] === MESSAGE.ack) {
    const ack = readAck(bytes, 1, end)
    assert.ok(ack)
    again = writeAck(ack.seqNo, ack.payload)
  } else if (bytes[0] === MESSAGE.nack) {
    again = writeNack(readNack(bytes, 1, end) ?? -1)
  } else if (bytes[0] === MESSAGE.alive) {
    assert.ok(readAlive(claim, bytes, 1, end))
    const cut = (from: number, to: number) => claim.bytes.subarray(from, to)
    writeAlive(writer, {
      incarnation: claim.incarnation,
      name: cut(claim.nodeStart, claim.nodeEnd),
      address: cut(claim.addressStart, claim.addressEnd),
      port: claim.port,
      meta: claim.metaNil ? null : cut(claim.metaStart, claim.metaEnd),
      versions: cut(claim.versionsStart, claim.versionsEnd),
    })
    again = writer.copy()
  } else if (bytes[0] === MESSAGE.suspect || bytes[0] === MESSAGE.dead) {
    assert.ok(readSuspect(claim, bytes, 1, end))
    const name = claim.bytes.subarray(claim.nodeStart, claim.nodeEnd)
    const from = claim.bytes.subarray(claim.fromStart, claim.fromEnd)
    writeSuspect(writer, bytes[0] === MESSAGE.dead ? MESSAGE.dead : MESSAGE.suspect, {
      incarnation: claim.incarnation,
      name,
      from,
    })
    again = writer.copy()
  }
  if (again !== undefined) assert.equal(toHex(again), toHex(bytes))
}

function shownSerf(tree: SerfTree): unknown {
  if (tree.type === 'malformed') return tree
  if (tree.type === 'relay')
    return { kind: 'relay', header: recorded(tree.fields), inner: shownSerf(tree.inner) }
  return { kind: tree.name, body: recorded(tree.fields) }
}

/** The recording in the shape of `shownSerf`: rings spread out, filters as bytes. */
function bareSerf(decoded: Record<string, unknown>): unknown {
  const { kind, header, inner, body } = decoded
  if (kind === 'relay')
    return { kind, header, inner: bareSerf(Object.fromEntries(Object.entries(inner ?? {}))) }
  if (typeof body !== 'object' || body === null) return { kind, body }
  const { EventSlots, Events, Filters, ...rest } = Object.fromEntries(Object.entries(body))
  if (Filters)
    return { kind, body: { ...rest, Filters: Filters.map(({ hex }: { hex: string }) => ({ hex })) } }
  if (EventSlots === undefined) return { kind, body: 'Filters' in body ? { ...rest, Filters } : rest }
  const ring: unknown[] = new Array(EventSlots).fill(null)
  for (const { slot, ...record } of Events) ring[slot] = record
  return { kind, body: { ...rest, Events: ring } }
}

for (const vector of serfVectors) {
  // Coordinates have a test of their own: detector/coordinate.test.ts.
  if (vector.name in ELSEWHERE || vector.name.startsWith('tags-') || vector.name.startsWith('coordinate-'))
    continue
  test(`serf ${vector.name} decodes to what was recorded and encodes to the same bytes`, () => {
    const bytes = fromHex(vector.hex)
    const tree = decodeSerf(bytes, { payloads: 'bytes' })
    assert.deepEqual(shownSerf(tree), bareSerf(vector.decoded))
    assert.equal(toHex(encodeSerf(tree)), vector.hex)
    const inside = decodeSerf(bytes)
    assert.deepEqual(stopsIn(inside), [])
    assert.equal(toHex(encodeSerf(inside)), vector.hex)
    if (vector.decoded.payloadDecoded !== undefined) {
      assert.deepEqual(shownPayload(inside), bareSerf(Object(vector.decoded.payloadDecoded)))
    }
    rewriteSerfByHand(bytes)
  })
}

/** What is inside the payload of an answer. */
function shownPayload(tree: SerfTree): unknown {
  const payload = tree.type === 'message' ? recorded(tree.fields?.Payload) : undefined
  const { name, fields } = Object(payload)
  return { kind: name, body: fields }
}

function rewriteSerfByHand(bytes: Uint8Array): void {
  const writer = new Writer()
  const intent = new IntentCursor()
  const event = new UserEventCursor()
  const name = () => intent.bytes.subarray(intent.nodeStart, intent.nodeEnd)
  if (bytes[0] === SERF.join) {
    assert.ok(readIntent(intent, bytes, 1, bytes.length))
    writeJoin(writer, { lamportTime: intent.lamportTime, name: name() })
  } else if (bytes[0] === SERF.leave) {
    assert.ok(readIntent(intent, bytes, 1, bytes.length))
    writeLeave(writer, { lamportTime: intent.lamportTime, name: name(), prune: intent.prune })
  } else if (bytes[0] === SERF.userEvent) {
    assert.ok(readUserEvent(event, bytes, 1, bytes.length))
    writeUserEvent(writer, {
      lamportTime: event.lamportTime,
      coalesce: event.coalesce,
      name: bytes.subarray(event.nameStart, event.nameEnd),
      payload: event.payloadNil ? null : bytes.subarray(event.payloadStart, event.payloadEnd),
    })
  } else if (bytes[0] === SERF.query) rewriteQuery(writer, bytes)
  else if (bytes[0] === SERF.queryResponse) rewriteAnswer(writer, bytes)
  else if (bytes[0] === SERF.relay) rewriteRelay(writer, bytes)
  else if (bytes[0] === SERF.conflictResponse) rewriteConflict(writer, bytes)
  else return
  assert.equal(toHex(writer.view()), toHex(bytes))
}

function rewriteQuery(writer: Writer, bytes: Uint8Array): void {
  const query = new QueryCursor()
  assert.ok(readQuery(query, bytes, 1, bytes.length))
  const filters = new Reader().reset(bytes, query.filtersStart, query.filtersEnd)
  const isAbsent = bytes[query.filtersStart] === 0xc0
  const items = Array.from({ length: filters.array() }, () => {
    filters.raw()
    return bytes.subarray(filters.rawStart, filters.rawEnd)
  })
  const meant = readFilters(bytes.subarray(query.filtersStart, query.filtersEnd))
  // A filter that can be read is written again to its bytes.
  meant?.forEach((filter, i) => {
    const again =
      filter.kind === 'names' ? encodeNameFilter(filter.names) : encodeTagFilter(filter.tag, filter.pattern)
    assert.equal(toHex(again), toHex(items[i]))
  })
  const isNil = bytes[query.payloadStart - 1] === 0xc0
  writeQuery(writer, {
    ...query,
    address: bytes.subarray(query.addressStart, query.addressEnd),
    source: bytes.subarray(query.sourceStart, query.sourceEnd),
    filters: isAbsent ? null : items,
    name: bytes.subarray(query.nameStart, query.nameEnd),
    payload: isNil ? null : bytes.subarray(query.payloadStart, query.payloadEnd),
  })
}

function rewriteAnswer(writer: Writer, bytes: Uint8Array): void {
  const answer = new AnswerCursor()
  assert.ok(readAnswer(answer, bytes, 1, bytes.length))
  const isNil = bytes[answer.payloadStart - 1] === 0xc0
  writeAnswer(writer, {
    ...answer,
    from: bytes.subarray(answer.fromStart, answer.fromEnd),
    payload: isNil ? null : bytes.subarray(answer.payloadStart, answer.payloadEnd),
  })
}

/** We only write these: what is written comes from the recording, tags as the meta they came from. */
function rewriteConflict(writer: Writer, bytes: Uint8Array): void {
  const tree = decodeSerf(bytes)
  if (tree.type !== 'message' || tree.fields === null) return writeConflict(writer, undefined)
  const { Addr, Name, Port, Status, Tags, ...versions } = tree.fields
  assert.ok(Addr instanceof Uint8Array)
  const tags = Tags instanceof Map ? [...Tags].map(([name, value]) => [String(name), String(value)]) : []
  const order = ['ProtocolMin', 'ProtocolMax', 'ProtocolCur', 'DelegateMin', 'DelegateMax', 'DelegateCur']
  writeConflict(writer, {
    address: Addr,
    name: new TextEncoder().encode(String(Name)),
    port: Number(Port),
    status: Number(Status),
    versions: Uint8Array.from(order, (name) => Number(versions[name])),
    meta: encodeTags(Object.fromEntries(tags), 5),
  })
}

function rewriteRelay(writer: Writer, bytes: Uint8Array): void {
  const relay = new RelayCursor()
  assert.ok(readRelay(relay, bytes, 1, bytes.length))
  writeRelay(writer, {
    address: bytes.subarray(relay.addressStart, relay.addressEnd),
    port: relay.port,
    name: bytes.subarray(relay.nameStart, relay.nameEnd),
    inner: bytes.subarray(relay.innerStart),
  })
}

for (const vector of serfVectors.filter(({ name }) => name.startsWith('tags-'))) {
  test(`serf ${vector.name} decodes to the recorded tags and encodes to the same bytes`, () => {
    const bytes = fromHex(vector.hex)
    const tags = decodeTags(bytes)
    assert.deepEqual({ ...tags }, vector.decoded.tags)
    const protocol = vector.decoded.magic === null ? 2 : 5
    assert.equal(toHex(encodeTags(tags, protocol)), vector.hex)
  })
}
