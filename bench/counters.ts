/**
 * Counts that are the same on every machine: bytes of messages on the wire, bytes that a member takes where we count them, bytes of garbage that a packet
 * or an event leaves, and what a pool of the simulator sends at a seed. They are compared in CI with those in `results/counters.json`, the
 * simulator's within a quarter, garbage within 15%: who changes one says so by writing the file anew, `node dist/bench/counters.js`.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FACT, packMember, STATUS } from '../src/actors/facts.ts'

import { Pack } from '../src/actors/packed.ts'
import { SeededRandom } from '../src/actors/random.ts'
import { MemberTable } from '../src/gossip/members.ts'
import { World } from '../src/simulator/index.ts'
import { writeSuspect } from '../src/wire/claim.ts'
import { compress } from '../src/wire/lzw.ts'
import { Writer } from '../src/wire/msgpack.ts'
import { makeCompound } from '../src/wire/packet.ts'
import { writeAck, writePing } from '../src/wire/probe.ts'
import { encodeTags } from '../src/wire/serf.ts'
import { MESSAGE } from '../src/wire/types.ts'
import { ALLOCATION_FLAGS } from './kit/allocation-flags.ts'
import { aliveMessage, eventMessage, stateOf } from './kit/made-up.ts'

export type Counts = Record<string, number>

const FILE = join(import.meta.dirname, '..', '..', 'bench', 'results', 'counters.json')
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const MEMBERS = 10_000
const MINUTE = 60_000

/** Bytes of messages as they go out, memberlist's type byte in front. */
function messages(): Counts {
  const name = bytes('member-000001')
  const source = {
    sourceAddress: Uint8Array.of(127, 0, 0, 1),
    sourcePort: 7946,
    sourceNode: bytes('member-000002'),
  }
  const suspect = new Writer()
  writeSuspect(suspect, MESSAGE.suspect, { incarnation: 3, name, from: bytes('member-000002') })
  const alives = makeCompound(Array.from({ length: 13 }, (_, i) => aliveMessage(i, 7946)))
  return {
    'bytes: ping': writePing({ seqNo: 70_000, node: name, ...source }).length,
    'bytes: ack': writeAck(70_000, null).length,
    'bytes: alive, two tags': aliveMessage(1, 7946).length,
    'bytes: suspect': suspect.length,
    'bytes: user event, 32 bytes of payload': eventMessage(100_000, 32).length,
    'bytes: compound of 13 alives': alives.length,
    'bytes: the same compressed': compress(alives).length,
    'bytes: a member in a push/pull of 10,000': stateOf(MEMBERS, 7946).length / MEMBERS,
  }
}

/** Bytes that a member takes in the columns and slabs that we fill ourselves. */
function memory(): Counts {
  const table = new MemberTable(new SeededRandom(1))
  const pack = new Pack()
  const address = Uint8Array.of(127, 0, 0, 1)
  const meta = encodeTags({ role: 'web', dc: 'east-1' }, 5)
  const versions = Uint8Array.of(1, 5, 2, 2, 5, 5)
  for (let i = 0; i < MEMBERS; i++) {
    const name = bytes(`member-${String(i).padStart(6, '0')}`)
    const row = table.add(name, 0, name.length, address, meta)
    const numbers = { status: STATUS.alive, row, instance: 1, incarnation: 1, statusTime: 1, port: 7946 }
    packMember(pack, FACT.memberJoin, { ...numbers, versions, address, name, meta })
  }
  return {
    'bytes a member: name, address and tags in the table': table.slabBytes / MEMBERS,
    'bytes a member: its record on the way to the mirror': pack.length / MEMBERS,
  }
}

/** What a pool of 32 sends in five quiet minutes after all joined the first, and until one event has reached all. */
function simulated(): Counts {
  const world = new World({ seed: 7, handling: 'share' })
  const pool = world.pool(32)
  const formed = world.runUntil(() => world.isOneView(), 5 * MINUTE)
  const joined = { ...world.network.counters.snapshot() }
  world.run(5 * MINUTE)
  const rested = { ...world.network.counters.snapshot() }
  world.event(pool[0], 'deploy', 'x'.repeat(32))
  world.run(5_000)
  const told = { ...world.network.counters.snapshot() }
  const memberMinutes = 5 * pool.length
  const reached = world.transitions.filter(({ kind }) => kind === 'user').length
  return {
    'simulator, 32 members: ms until all see all': Math.round(formed),
    'simulator, 32 members: datagrams to form the pool': joined.sent,
    'simulator, 32 members: datagrams a member-minute at rest': (rested.sent - joined.sent) / memberMinutes,
    'simulator, 32 members: bytes a member-minute at rest': Math.round(
      (rested.bytes - joined.bytes) / memberMinutes,
    ),
    'simulator, 32 members: members that heard one event in 5 s': reached,
    'simulator, 32 members: datagrams in the 5 s of that event': told.sent - rested.sent,
  }
}

/** Bytes that packets and events leave behind for the collector: in a process with flags of its own. */
function allocations(): Counts {
  const script = join(import.meta.dirname, 'kit', 'allocations.js')
  return JSON.parse(execFileSync(process.execPath, [...ALLOCATION_FLAGS, script], { encoding: 'utf8' }))
}

export function count(): Counts {
  return { ...messages(), ...memory(), ...allocations(), ...simulated() }
}

if (process.argv[1] === import.meta.filename) writeFileSync(FILE, `${JSON.stringify(count(), null, 2)}\n`)
