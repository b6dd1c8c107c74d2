/** Micro-benchmarks of the hot paths, by tinybench: the codec and the broadcast queue. */
import { Bench } from 'tinybench'
import { SeededRandom } from '../src/actors/random.ts'
import { Broadcasts } from '../src/gossip/broadcasts.ts'
import { MemberTable } from '../src/gossip/members.ts'
import { Claim, readAlive, writeAlive } from '../src/wire/claim.ts'
import { compress, expand } from '../src/wire/lzw.ts'
import { Writer } from '../src/wire/msgpack.ts'
import { readPing, writePing } from '../src/wire/probe.ts'
import { encodeTags, readUserEvent, UserEventCursor, writeUserEvent } from '../src/wire/serf.ts'
import type { Table } from './report.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function codec(bench: Bench): void {
  const writer = new Writer()
  const alive = {
    incarnation: 3,
    name: bytes('member-000001'),
    address: Uint8Array.of(127, 0, 0, 1),
    port: 7946,
    meta: encodeTags({ role: 'web', dc: 'east' }, 5),
    versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
  }
  writeAlive(writer.reset(), alive)
  const aliveBytes = writer.copy()
  const claim = new Claim()
  bench.add('write alive', () => writeAlive(writer.reset(), alive))
  bench.add('read alive', () => readAlive(claim, aliveBytes, 1, aliveBytes.length))
  const sourceNode = bytes('member-000002')
  const ping = { seqNo: 70_000, node: alive.name, sourceAddress: alive.address, sourcePort: 7946, sourceNode }
  const pingBytes = writePing(ping)
  bench.add('write ping', () => writePing(ping))
  bench.add('read ping', () => readPing(pingBytes, 1, pingBytes.length))
  const event = { lamportTime: 100_000, name: bytes('deploy'), payload: new Uint8Array(32), coalesce: false }
  writeUserEvent(writer.reset(), event)
  const eventBytes = writer.copy()
  const cursor = new UserEventCursor()
  bench.add('write user event', () => writeUserEvent(writer.reset(), event))
  bench.add('read user event', () => readUserEvent(cursor, eventBytes, 1, eventBytes.length))
  const packet = new Uint8Array(14 * aliveBytes.length)
  for (let i = 0; i < 14; i++) packet.set(aliveBytes, i * aliveBytes.length)
  const packed = compress(packet)
  bench.add('compress 14 alives', () => compress(packet))
  bench.add('expand 14 alives', () => expand(packed, 65_536))
}

function tables(bench: Bench): void {
  for (const depth of [10, 1_000, 100_000]) {
    const queue = new Broadcasts()
    for (let i = 0; i < depth; i++) queue.add(new Uint8Array(60 + (i % 40)), -1, depth)
    const message = new Uint8Array(80)
    bench.add(`broadcast queue of ${depth}: add`, () => queue.add(message, -1, depth))
    bench.add(`broadcast queue of ${depth}: fill a packet`, () => queue.take(1_390, 2, 1e9, () => undefined))
  }
  const table = new MemberTable(new SeededRandom(1))
  const names = Array.from({ length: 100_000 }, (_, i) => bytes(`member-${i}`))
  for (const name of names) table.add(name, 0, name.length, 0)
  let next = 0
  bench.add('find one of 100,000 members', () => {
    next = (next + 7_919) % names.length
    return table.find(names[next], 0, names[next].length)
  })
}

export async function micro(): Promise<Table> {
  const bench = new Bench({ time: 200, warmupTime: 50, throws: true })
  codec(bench)
  tables(bench)
  await bench.run()
  const rows = bench.tasks.flatMap(({ name, result }) =>
    'latency' in result
      ? [{ task: name, 'median ns': result.latency.p50 * 1e6, 'p99 ns': result.latency.p99 * 1e6 }]
      : [],
  )
  return {
    name: 'micro',
    title: 'Micro-benchmarks',
    rows,
    note: 'a call that does nothing measures about 50 ns here',
  }
}
