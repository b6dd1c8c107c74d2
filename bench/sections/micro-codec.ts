/** Micro-benchmarks of the codec: every message both ways, and msgpackr and JSON beside ours where they do the same work. */
import { Packr } from 'msgpackr'
import type { Bench } from 'tinybench'
import { Claim, readAlive, readSuspect, writeAlive, writeSuspect } from '../../src/wire/claim.ts'
import { compress, expand } from '../../src/wire/lzw.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { readAck, readNack, readPing, writeAck, writeNack, writePing } from '../../src/wire/probe.ts'
import {
  encodeTags,
  IntentCursor,
  readIntent,
  readUserEvent,
  UserEventCursor,
  writeJoin,
  writeUserEvent,
} from '../../src/wire/serf.ts'
import { decodeTags } from '../../src/wire/tags.ts'
import { MESSAGE } from '../../src/wire/types.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const name = bytes('member-000001')
const tags = { role: 'web', dc: 'east' }
const writer = new Writer()

function written(write: () => void): Uint8Array {
  writer.reset()
  write()
  return writer.copy()
}

export function claims(bench: Bench): void {
  const alive = {
    ...{ incarnation: 3, name, address: Uint8Array.of(127, 0, 0, 1), port: 7946 },
    ...{ meta: encodeTags(tags, 5), versions: Uint8Array.of(1, 5, 2, 2, 5, 5) },
  }
  const aliveBytes = written(() => writeAlive(writer, alive))
  const claim = new Claim()
  bench.add('write alive', () => writeAlive(writer.reset(), alive))
  bench.add('read alive', () => readAlive(claim, aliveBytes, 1, aliveBytes.length))
  const others = new Packr({ useRecords: false })
  const { incarnation, address, port, meta, versions } = alive
  const record = {
    Addr: address,
    Incarnation: incarnation,
    Meta: meta,
    Node: 'member-000001',
    Port: port,
    Vsn: versions,
  }
  const packed = others.pack(record)
  bench.add('write alive, msgpackr', () => others.pack(record))
  bench.add('read alive, msgpackr', () => others.unpack(packed))
  const shown = { ...record, Addr: '127.0.0.1', Meta: tags, Vsn: [...versions] }
  const json = JSON.stringify(shown)
  bench.add('write alive, JSON', () => JSON.stringify(shown))
  bench.add('read alive, JSON', () => JSON.parse(json))
  const suspect = { incarnation: 3, name, from: bytes('member-000002') }
  const suspectBytes = written(() => writeSuspect(writer, MESSAGE.suspect, suspect))
  bench.add('write suspect', () => writeSuspect(writer.reset(), MESSAGE.suspect, suspect))
  bench.add('read suspect', () => readSuspect(claim, suspectBytes, 1, suspectBytes.length))
  const metaBytes = encodeTags(tags, 5)
  bench.add('write tags', () => encodeTags(tags, 5))
  bench.add('read tags', () => decodeTags(metaBytes))
}

export function probes(bench: Bench): void {
  const sourceNode = bytes('member-000002')
  const ping = {
    seqNo: 70_000,
    node: name,
    sourceAddress: Uint8Array.of(127, 0, 0, 1),
    sourcePort: 7946,
    sourceNode,
  }
  const pingBytes = writePing(ping)
  const ackBytes = writeAck(70_000, null)
  const nackBytes = writeNack(70_000)
  bench.add('write ping', () => writePing(ping))
  bench.add('read ping', () => readPing(pingBytes, 1, pingBytes.length))
  bench.add('write ack', () => writeAck(70_000, null))
  bench.add('read ack', () => readAck(ackBytes, 1, ackBytes.length))
  bench.add('write nack', () => writeNack(70_000))
  bench.add('read nack', () => readNack(nackBytes, 1, nackBytes.length))
}

export function serf(bench: Bench): void {
  const event = { lamportTime: 100_000, name: bytes('deploy'), payload: new Uint8Array(32), coalesce: false }
  const eventBytes = written(() => writeUserEvent(writer, event))
  const cursor = new UserEventCursor()
  bench.add('write user event', () => writeUserEvent(writer.reset(), event))
  bench.add('read user event', () => readUserEvent(cursor, eventBytes, 1, eventBytes.length))
  const others = new Packr({ useRecords: false })
  const record = { LTime: event.lamportTime, Name: 'deploy', Payload: event.payload, CC: false }
  const packed = others.pack(record)
  bench.add('write user event, msgpackr', () => others.pack(record))
  bench.add('read user event, msgpackr', () => others.unpack(packed))
  const join = { lamportTime: 100_000, name }
  const joinBytes = written(() => writeJoin(writer, join))
  const intent = new IntentCursor()
  bench.add('write join intent', () => writeJoin(writer.reset(), join))
  bench.add('read join intent', () => readIntent(intent, joinBytes, 1, joinBytes.length))
}

export function compression(bench: Bench): void {
  const alive = written(() =>
    writeSuspect(writer, MESSAGE.suspect, { incarnation: 3, name, from: bytes('member-000002') }),
  )
  const packet = new Uint8Array(24 * alive.length)
  for (let i = 0; i < 24; i++) packet.set(alive, i * alive.length)
  const packed = compress(packet)
  bench.add('compress 24 suspects', () => compress(packet))
  bench.add('expand 24 suspects', () => expand(packed, 65_536))
}
