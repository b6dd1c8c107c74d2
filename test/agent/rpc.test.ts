/** The agent's protocol in bytes: what real clients and agents said is read, and written again to the same bytes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { Fields, U64_MAX } from '../../src/agent/rpc/fields.ts'
import { RpcMalformed, RpcReader } from '../../src/agent/rpc/reader.ts'
import * as records from '../../src/agent/rpc/records.ts'
import * as requests from '../../src/agent/rpc/requests.ts'
import { RpcWriter } from '../../src/agent/rpc/writer.ts'
import { bytesOf, transcripts } from './transcripts.ts'

/** All values of a piece of a conversation. */
function valuesOf(bytes: Uint8Array, cut = bytes.length): unknown[] {
  const reader = new RpcReader(1 << 20)
  const values: unknown[] = []
  for (let at = 0; at < bytes.length; at += cut) {
    reader.push(bytes.subarray(at, at + cut))
    for (let next = reader.next(); next !== undefined; next = reader.next()) values.push(next.value)
  }
  return values
}

function written(write: (writer: RpcWriter) => void): string {
  const writer = new RpcWriter()
  write(writer)
  return Buffer.from(writer.view()).toString('hex')
}

/** Values in the notation of the recordings. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bin: Buffer.from(value).toString('hex') }
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]))
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'bigint') return value > 2n ** 53n ? { $int: value.toString() } : Number(value)
  return value
}

/** The recordings mark doubles; a reader gives plain numbers. */
function unmarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unmarked)
  if (typeof value !== 'object' || value === null) return value
  if ('$f64' in value) return value.$f64
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unmarked(item)]))
}

for (const { name, sequence } of transcripts) {
  test(`${name}: what was said is read, in one piece and byte by byte`, () => {
    for (const step of sequence) {
      if (step.decoded === undefined || step.decoded === null) continue
      for (const cut of [1, 7, 1 << 20]) {
        assert.deepEqual(valuesOf(bytesOf(step), cut).map(plain), step.decoded.map(unmarked))
      }
    }
  })
}

/** Writers of bodies by command, from what the readers made of them. */
const BODIES: Record<string, (writer: RpcWriter, body: unknown) => void> = {
  handshake: (writer, body) => requests.writeHandshake(writer, requests.readHandshake(body)),
  auth: (writer, body) => requests.writeOneText(writer, 'AuthKey', requests.readOneText(body, 'AuthKey')),
  event: (writer, body) => requests.writeEvent(writer, requests.readEvent(body)),
  'force-leave': (writer, body) => requests.writeForceLeave(writer, requests.readForceLeave(body)),
  join: (writer, body) => requests.writeJoin(writer, requests.readJoin(body)),
  'members-filtered': (writer, body) => requests.writeMembersFilter(writer, requests.readMembersFilter(body)),
  tags: (writer, body) => requests.writeTags(writer, requests.readTags(body)),
  stream: (writer, body) => requests.writeOneText(writer, 'Type', requests.readOneText(body, 'Type')),
  monitor: (writer, body) =>
    requests.writeOneText(writer, 'LogLevel', requests.readOneText(body, 'LogLevel')),
  stop: (writer, body) => requests.writeStop(writer, requests.readStop(body)),
  query: (writer, body) => records.writeQuery(writer, records.readQuery(body)),
  respond: (writer, body) => requests.writeRespond(writer, requests.readRespond(body)),
  'get-coordinate': (writer, body) =>
    requests.writeOneText(writer, 'Node', requests.readOneText(body, 'Node')),
}
for (const command of ['install-key', 'use-key', 'remove-key']) {
  BODIES[command] = (writer, body) => requests.writeOneText(writer, 'Key', requests.readOneText(body, 'Key'))
}

/** Requests whose bytes no client library wrote, or which hold a free map of several keys in an order of Go's own choice. */
const HAND_MADE = /scripted raw socket/
const FREE_ORDER = new Set(['tags-many'])

test('every request of a real client is written again to the same bytes', () => {
  let count = 0
  for (const { name, how, sequence } of transcripts) {
    if (HAND_MADE.test(how)) continue
    for (const step of sequence) {
      if (step.from !== 'client' || step.hex === undefined) continue
      const [header, body] = valuesOf(bytesOf(step))
      const request = records.readRequestHeader(header, { command: '', seq: 0 })
      const again = written((writer) => {
        records.writeRequestHeader(writer, request)
        if (body !== undefined) BODIES[request.command](writer, body)
      })
      if (FREE_ORDER.has(name)) assert.equal(again.length, step.hex.length, name)
      else assert.equal(again, step.hex, `${name}: ${request.command}`)
      count += 1
    }
  }
  assert.ok(count > 100, `${count} requests`)
})

const ANSWERS: Record<string, (writer: RpcWriter, body: unknown) => void> = {
  Event: (writer, body) => records.writeStreamRecord(writer, records.readStreamRecord(body)),
  Num: (writer, body) => {
    writer.map(1)
    writer.field('Num').int(new Fields(body, []).int('Num', 0, 1000))
  },
  Members: (writer, body) => records.writeMembers(writer, records.readMembers(body)),
  Keys: (writer, body) => records.writeKeys(writer, records.readKeys(body)),
  Coord: (writer, body) => records.writeCoordinate(writer, records.readCoordinate(body)),
  Type: (writer, body) => records.writeQueryRecord(writer, records.readQueryRecord(body)),
  Log: (writer, body) => requests.writeOneText(writer, 'Log', requests.readOneText(body, 'Log')),
  agent: (writer, body) => records.writeStats(writer, records.readStats(body)),
}

/** Bytes whose order does not matter, since Go walks its maps in any. */
function sorted(hex: string): string {
  return [...Buffer.from(hex, 'hex')].sort((a, b) => a - b).join()
}

test('every answer of a real agent is written again to the same bytes, free maps in any order', () => {
  let count = 0
  for (const { name, sequence } of transcripts) {
    for (const step of sequence) {
      if (step.from !== 'agent' || step.hex === undefined) continue
      const [header, body] = valuesOf(bytesOf(step))
      const kind = body instanceof Map ? Object.keys(ANSWERS).find((field) => body.has(field)) : ''
      assert.ok(kind !== undefined, `${name}: an answer of an unknown kind`)
      const again = written((writer) => {
        records.writeResponseHeader(writer, records.readResponseHeader(header))
        if (body !== undefined) ANSWERS[kind](writer, body)
      })
      assert.equal(sorted(again), sorted(step.hex), `${name}: ${kind}`)
      count += 1
    }
  }
  assert.ok(count > 150, `${count} answers`)
})

test('a sloppy client is understood as long as the meaning is certain', () => {
  const pack = (value: unknown) =>
    valuesOf(Uint8Array.from(new Packr({ useRecords: false, variableMapSize: true }).pack(value)))[0]
  const bytes = (text: string) => new TextEncoder().encode(text)
  const event = requests.readEvent(pack({ Name: bytes('deploy'), Payload: 'v1', Coalesce: 1, Later: [{}] }))
  assert.deepEqual(event, { name: 'deploy', payload: bytes('v1'), coalesce: true })
  assert.deepEqual(requests.readEvent(pack(null)), { name: '', payload: null, coalesce: false })
  assert.deepEqual(requests.readEvent(pack(['deploy'])), { name: 'deploy', payload: null, coalesce: false })
  assert.deepEqual(requests.readEvent(pack({ Payload: [1, 2, 255] })).payload, Uint8Array.of(1, 2, 255))
  const double = Uint8Array.of(0x81, 0xa4, ...bytes('Stop'), 0xcb, 0x40, 0x08, 0, 0, 0, 0, 0, 0)
  assert.equal(requests.readStop(valuesOf(double)[0]), 3)
})

test('what is not certain is refused', () => {
  const wrong: unknown[] = [
    new Map([['Name', 7]]),
    new Map<string, unknown>([['Payload', 1.5]]),
    new Map<string, unknown>([['Payload', [256]]]),
    new Map<string, unknown>([['Coalesce', 2]]),
    new Map<unknown, unknown>([[1, 'deploy']]),
    'deploy',
    7,
  ]
  for (const record of wrong) assert.throws(() => requests.readEvent(record), RpcMalformed)
  const numbers = new Fields(
    new Map<string, unknown>([
      ['N', 1.5],
      ['M', -1],
      ['B', 2n ** 64n],
    ]),
    [],
  )
  assert.throws(() => numbers.int('N', 0, 9), /whole number from 0 to 9/)
  assert.throws(() => numbers.long('M', 0n, U64_MAX), RpcMalformed)
  assert.throws(() => numbers.long('B', 0n, U64_MAX), RpcMalformed)
})

test('sequence numbers of 64 bits survive', () => {
  for (const seq of [0, 127, 2 ** 32, 2 ** 53, U64_MAX, U64_MAX - 1n]) {
    const bytes = Buffer.from(
      written((writer) => records.writeResponseHeader(writer, { error: '', seq })),
      'hex',
    )
    assert.equal(BigInt(records.readResponseHeader(valuesOf(bytes)[0]).seq), BigInt(seq))
  }
})

test('tags named like parts of every object are tags and nothing else', () => {
  const tags = JSON.parse('{"__proto__":"x","constructor":"y"}')
  const hex = written((writer) => writer.tags(tags))
  const [value] = valuesOf(Buffer.from(hex, 'hex'))
  const again = requests.readTags(new Map([['Tags', value]])).tags
  assert.deepEqual(Object.entries(again ?? {}).sort(), Object.entries(tags).sort())
  assert.equal(Object.getPrototypeOf(again), null)
})

test('a value that is too long is refused while it comes, a forged length allocates nothing', () => {
  const reader = new RpcReader(1_000)
  reader.push(Uint8Array.of(0xc6, 0xff, 0xff, 0xff, 0xff))
  assert.equal(reader.next(), undefined)
  reader.push(new Uint8Array(999))
  assert.throws(() => reader.next(), /more than 1000 bytes/)
})

test('nesting without end is refused before it can fill a stack', () => {
  const reader = new RpcReader(1 << 20)
  reader.push(new Uint8Array(100_000).fill(0x91))
  assert.throws(() => reader.next(), RpcMalformed)
})

test('any bytes are read, refused or waited for, and never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 1, max: 9 }), (bytes, cut) => {
      try {
        valuesOf(bytes, cut)
      } catch (error) {
        assert.ok(error instanceof RpcMalformed, String(error))
      }
    }),
    { numRuns: 5_000 },
  )
})
