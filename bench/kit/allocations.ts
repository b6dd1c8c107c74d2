/**
 * Bytes of heap and buffers that a packet or an event costs in garbage, once the code for it is optimized: `node FLAGS allocations.js` (`allocation-flags.ts`), the
 * counts as JSON. With V8 in one thread most are the same in every run, none moves by more than a tenth.
 */
import type { Outlet } from '../../src/actors/contract.ts'
import { Counters } from '../../src/actors/counters.ts'
import type { ToDetector, ToGossip } from '../../src/actors/mail.ts'
import { fillFrom, SeededRandom } from '../../src/actors/random.ts'
import { Detector } from '../../src/detector/detector.ts'
import { Gossip } from '../../src/gossip/gossip.ts'
import { settle } from '../../src/options/options.ts'
import { Claim, readAlive } from '../../src/wire/claim.ts'
import { makeCompound, PacketOpener } from '../../src/wire/packet.ts'
import { readPing, writeAck, writePing } from '../../src/wire/probe.ts'
import { aliveMessage, eventMessage } from './made-up.ts'

/** So often until all of it is optimized. */
const WARM = 4_000
/** How often actors do a thing, and decoders, which leave less behind: all of it fits the nursery. */
const TIMES = 1_000
const MANY_TIMES = 40_000
const EVENTS = 10
/** From here Lamport times take equally many bytes. */
const FIRST_TIME = 100_000
const COATS = { compression: false, label: new Uint8Array(0) }
const SELF = { name: 'self', ip: '127.0.0.1', port: 7946, bindPort: 7946 }
const SETTINGS = settle({ nodeName: 'self', compression: false, hostStall: { after: 0 } }, 'self')

/** Bytes that one call of `run` leaves behind, on average over many. */
function allocated(run: (i: number) => void, times = TIMES): number {
  for (let i = 0; i < WARM; i++) run(i)
  globalThis.gc?.()
  const before = process.memoryUsage()
  for (let i = WARM; i < WARM + times; i++) run(i)
  const after = process.memoryUsage()
  const bytes = after.heapUsed - before.heapUsed + (after.arrayBuffers - before.arrayBuffers)
  return Math.round(bytes / times)
}

const nowhere = <Mail>(take: (mail: Mail) => void = () => undefined): Outlet<Mail> => ({
  tell: take,
  waiting: () => 0,
})

function detectorWith(gossip: Outlet<ToGossip>): Detector {
  const detector = new Detector(SETTINGS, {
    random: new SeededRandom(1),
    fillRandom: fillFrom(new SeededRandom(2)),
    gossip,
    send: () => undefined,
    dialPing: () => undefined,
    closePing: () => undefined,
    host: { beats: () => 0, changed: () => undefined },
    reply: () => undefined,
    log: () => undefined,
  })
  detector.receive({ type: 'begin', self: SELF }, 0)
  return detector
}

function lonelyGossip(): Gossip {
  const gossip = new Gossip(SETTINGS, {
    random: new SeededRandom(3),
    fillRandom: fillFrom(new SeededRandom(4)),
    clock: () => 0,
    detector: nowhere<ToDetector>(),
    dispatch: nowhere(),
    dial: () => undefined,
    write: () => undefined,
    end: () => undefined,
    destroy: () => undefined,
    resolve: () => undefined,
    reply: () => undefined,
    log: () => undefined,
  })
  gossip.receive({ type: 'begin', self: SELF }, 0)
  return gossip
}

const packetOfEvents = (first: number): Uint8Array =>
  makeCompound(Array.from({ length: EVENTS }, (_, j) => eventMessage(first + j, 32)))

function codec(): Record<string, number> {
  const opener = new PacketOpener(COATS, new Counters(), () => undefined)
  const packet = packetOfEvents(FIRST_TIME)
  const source = { sourceAddress: Uint8Array.of(127, 0, 0, 1), sourcePort: 7946 }
  const name = new TextEncoder().encode('self')
  const ping = writePing({ seqNo: 70_000, node: name, sourceNode: name, ...source })
  const alive = aliveMessage(1, 7946)
  const claim = new Claim()
  return {
    'allocated: opening a packet of 10 events': allocated(() => opener.open(packet), MANY_TIMES),
    'allocated: reading a ping': allocated(() => readPing(ping, 1, ping.length), MANY_TIMES),
    'allocated: writing an ack': allocated((i) => writeAck(70_000 + i, null), MANY_TIMES),
    'allocated: reading an alive': allocated(() => readAlive(claim, alive, 1, alive.length), MANY_TIMES),
  }
}

function actors(): Record<string, number> {
  const overheard: ToGossip[] = []
  const taking = detectorWith(nowhere((mail) => overheard.push(mail)))
  const packets = Array.from({ length: WARM + TIMES }, (_, i) => packetOfEvents(FIRST_TIME + i * EVENTS))
  const ping = writePing({
    seqNo: 70_000,
    node: new TextEncoder().encode('self'),
    sourceAddress: Uint8Array.of(127, 0, 0, 1),
    sourcePort: 7946,
    sourceNode: new TextEncoder().encode('other'),
  })
  const from = { ip: '127.0.0.1', port: 7946 }
  const answering = detectorWith(nowhere())
  const pings = allocated((i) => answering.receive({ type: 'packet', bytes: ping, ...from }, i))
  // One packet in 50 ms, so that each is handed on by itself.
  const reading = allocated((i) => taking.receive({ type: 'packet', bytes: packets[i], ...from }, 50 * i))
  const gossip = lonelyGossip()
  const mail = overheard.filter(({ type }) => type === 'overheard')
  if (mail.length < WARM + TIMES) throw new Error('the detector kept something back')
  const telling = allocated((i) => gossip.receive(mail[i], 10 * i))
  const known = mail[WARM + TIMES - 1]
  const knowing = allocated((i) => gossip.receive(known, 10 * (i + WARM + TIMES)))
  return {
    'allocated: the detector answers a ping': pings,
    'allocated: the detector hands on a packet of 10 events': reading,
    'allocated: gossip takes in 10 new events': telling,
    'allocated: gossip knows 10 events already': knowing,
  }
}

console.log(JSON.stringify({ ...codec(), ...actors() }))
