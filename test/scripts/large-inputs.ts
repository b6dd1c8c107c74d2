/** Opens and reads hostile datagrams of 64 KiB, and prints what each allocated and how long it took. Run with a large young generation. */
import { Counters } from '../../src/actors/counters.ts'
import { Claim, readAlive, readSuspect } from '../../src/wire/claim.ts'
import { encodeTree } from '../../src/wire/encode.ts'
import { compress } from '../../src/wire/lzw.ts'
import { PacketOpener, wrapCompressed } from '../../src/wire/packet.ts'
import { readAck, readIndirectPing, readNack, readPing } from '../../src/wire/probe.ts'
import { AnswerCursor, QueryCursor, readAnswer, readQuery } from '../../src/wire/query.ts'
import { IntentCursor, readIntent, readUserEvent, UserEventCursor } from '../../src/wire/serf.ts'
import { asBytes } from '../fuzz/inputs.ts'

const SIZE = 65_000
const filled = (fill: number, ...head: number[]) => {
  const bytes = new Uint8Array(SIZE).fill(fill)
  bytes.set(head)
  return bytes
}

const inputs: [what: string, bytes: Uint8Array][] = []
for (const type of [0, 1, 2, 3, 4, 5, 8, 11])
  for (const fill of [0x80, 0x91, 0xa0, 0xc0, 0xdd])
    inputs.push([`type ${type} full of ${fill.toString(16)}`, filled(fill, type)])
for (const serf of [0, 1, 3, 4, 5])
  for (const fill of [0x80, 0x91, 0xa0, 0xc0, 0xdd])
    inputs.push([`Serf's type ${serf} full of ${fill.toString(16)}`, filled(fill, 8, serf, 0xde, 0xff, 0xff)])
inputs.push(['255 parts of nothing', filled(0, 7, 255)])
inputs.push([
  'a list of sixty thousand numbers for bytes',
  filled(1, 4, 0x81, 0xa4, 0x4d, 0x65, 0x74, 0x61, 0xdc, 0xfd, 0xc0),
])
inputs.push(['a bomb', wrapCompressed(compress(new Uint8Array(20_000_000)))])
inputs.push(['a compression of 64,000 bytes', wrapCompressed(compress(filled(7).subarray(0, 64_000)))])
inputs.push(['LZW data that is none', wrapCompressed(filled(0xaa).subarray(0, 64_900))])
const ping = Uint8Array.of(0, 0x81, 0xa5, 0x53, 0x65, 0x71, 0x4e, 0x6f, 5)
const pings = encodeTree({ type: 'compound', parts: Array.from({ length: 255 }, () => asBytes(ping)) })
inputs.push([
  'compounds in compounds of pings',
  encodeTree({ type: 'compound', parts: Array.from({ length: 22 }, () => asBytes(pings)) }),
])

const coats = { compression: true, label: new Uint8Array(0) }
const claim = new Claim()
const intent = new IntentCursor()
const event = new UserEventCursor()
const query = new QueryCursor()
const answer = new AnswerCursor()

type Read = (bytes: Uint8Array, start: number, end: number) => unknown
const intents: Read = (bytes, start, end) => readIntent(intent, bytes, start + 1, end)
const SERF_READS: Readonly<Record<number, Read>> = {
  0: intents,
  1: intents,
  3: (bytes, start, end) => readUserEvent(event, bytes, start + 1, end),
  4: (bytes, start, end) => readQuery(query, bytes, start + 1, end),
  5: (bytes, start, end) => readAnswer(answer, bytes, start + 1, end),
}
const suspects: Read = (bytes, start, end) => readSuspect(claim, bytes, start, end)
const READS: Readonly<Record<number, Read>> = {
  0: readPing,
  1: readIndirectPing,
  2: readAck,
  3: suspects,
  4: (bytes, start, end) => readAlive(claim, bytes, start, end),
  5: suspects,
  8: (bytes, start, end) => SERF_READS[bytes[start]]?.(bytes, start, end),
  11: readNack,
}
const opener = new PacketOpener(coats, new Counters(), (type, bytes, start, end) => {
  READS[type]?.(bytes, start, end)
})

const used = () => {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function measured(bytes: Uint8Array): { bytes: number; ms: number } {
  for (let warm = 0; warm < 3; warm++) opener.open(bytes)
  globalThis.gc?.()
  const before = used()
  const startedAt = performance.now()
  opener.open(bytes)
  const ms = performance.now() - startedAt
  return { bytes: used() - before, ms }
}

console.log(JSON.stringify(inputs.map(([what, bytes]) => ({ what, ...measured(bytes) }))))
