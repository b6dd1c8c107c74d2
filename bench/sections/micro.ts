/** Micro-benchmarks of the hot paths, by tinybench: the codec, coats, tables, and what lies between them and the host. */
import { randomFillSync } from 'node:crypto'
import { Bench } from 'tinybench'
import { Counters } from '../../src/actors/counters.ts'
import { SeededRandom } from '../../src/actors/random.ts'
import { type Broadcast, Broadcasts } from '../../src/gossip/broadcasts.ts'
import { MemberTable } from '../../src/gossip/members.ts'
import { Keyring } from '../../src/wire/keyring.ts'
import { type Coats, PacketOpener, sealPacket } from '../../src/wire/packet.ts'
import type { Context, Result, Section } from '../report/model.ts'
import { claims, compression, probes, serf } from './micro-codec.ts'
import { facade, listeners, mail, rings } from './micro-house.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Coats of a ping and of a full gossip packet; sealing is on the path of every ack in an encrypted pool. */
function coats(bench: Bench): void {
  const fill = (target: Uint8Array) => void randomFillSync(target)
  const ping = fillWith(120)
  const packet = fillWith(1_300)
  for (const [name, size] of [
    ['AES-128', 16],
    ['AES-256', 32],
  ] as const) {
    const keyring = new Keyring([fillWith(size)], fill)
    const dressed: Coats = {
      compression: false,
      label: new Uint8Array(0),
      encryption: { keyring, version: 1, incoming: 'verified', outgoing: 'sealed' },
    }
    bench.add(`seal a packet of 120 bytes, ${name}`, () => sealPacket(ping, 'plain', dressed))
    bench.add(`seal a packet of 1,300 bytes, ${name}, checksum`, () => sealPacket(packet, 'crc', dressed))
    const opener = new PacketOpener(dressed, new Counters(), () => undefined)
    const sealed = sealPacket(ping, 'plain', dressed)
    bench.add(`open a packet of 120 bytes, ${name}`, () => opener.open(sealed))
  }
  const keyring = new Keyring([fillWith(16), fillWith(16), fillWith(16)], fill)
  const junk = fillWith(120)
  junk[0] = 1
  bench.add('refuse junk of 120 bytes, three keys', () => keyring.open(junk, new Uint8Array(0)))
  const plain: Coats = { compression: false, label: new Uint8Array(0) }
  bench.add('dress a packet of 120 bytes, no coat', () => sealPacket(ping, 'plain', plain))
  bench.add('dress a packet of 120 bytes, label and checksum', () =>
    sealPacket(ping, 'crc', { ...plain, label: bytes('east') }),
  )
}

/** Bytes that no compression shortens. */
function fillWith(length: number): Uint8Array {
  const some = new Uint8Array(length)
  randomFillSync(some)
  return some
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
  for (const name of names) table.add(name, 0, name.length)
  bench.add('100,000 members added to a table', () => {
    const fresh = new MemberTable(new SeededRandom(1))
    for (const name of names) fresh.add(name, 0, name.length)
  })
  bench.add('100,000 broadcasts about members, each replaced once', () => {
    const fresh = new Broadcasts()
    for (let i = 0; i < 200_000; i++) fresh.add(names[i % names.length], i % names.length, 1e9)
  })
  const lender = new Broadcasts()
  const random = new SeededRandom(1)
  for (let i = 0; i < 10_000; i++) lender.add(new Uint8Array(80), -1, 10_000)
  bench.add('10,000 broadcasts of one length lent and given back in any order', () => {
    const loans: { item: Broadcast; sends: number }[] = []
    lender.lend(1e9, 2, 1e9, 2, (item, sends) => void loans.push({ item, sends }))
    while (loans.length > 0) {
      const [{ item, sends }] = loans.splice(random.below(loans.length), 1)
      lender.giveBack(item, sends, sends, 1e9)
    }
  })
  let next = 0
  bench.add('find one of 100,000 members', () => {
    next = (next + 7_919) % names.length
    return table.find(names[next], 0, names[next].length)
  })
}

async function run({ size }: Context): Promise<Result> {
  const isQuick = size === 'quick'
  const [time, warmupTime, iterations] = isQuick ? [20, 5, 8] : [200, 50, 16]
  const bench = new Bench({ time, warmupTime, iterations, warmupIterations: 4, throws: true })
  claims(bench)
  probes(bench)
  serf(bench)
  compression(bench)
  coats(bench)
  tables(bench)
  rings(bench)
  facade(bench)
  listeners(bench)
  const end = mail(bench)
  await bench.run()
  await end()
  const rows = bench.tasks.flatMap(({ name, result }) =>
    'latency' in result
      ? [{ task: name, 'median ns': result.latency.p50 * 1e6, 'p99 ns': result.latency.p99 * 1e6 }]
      : [],
  )
  return {
    name: 'micro',
    title: 'Micro-benchmarks',
    method: 'The hot paths by themselves, by tinybench.',
    tables: [{ title: 'Micro-benchmarks', rows, note: 'a call that does nothing measures about 50 ns here' }],
    plots: [],
    aims: [],
  }
}

export const micro: Section = { name: 'micro', run }
