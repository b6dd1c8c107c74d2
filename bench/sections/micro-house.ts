/** Micro-benchmarks of what lies between the codec and the host: rings, suspicions, mail between threads, the mirror, listeners. */
import { MessageChannel, Worker } from 'node:worker_threads'
import type { Bench } from 'tinybench'
import { FACT, packMember, packUserEvent, STATUS } from '../../src/actors/facts.ts'
import type { News } from '../../src/actors/mail.ts'
import { Pack } from '../../src/actors/packed.ts'
import { Stage } from '../../src/cluster/events.ts'
import { Mirror } from '../../src/cluster/mirror.ts'
import { Told } from '../../src/cluster/told.ts'
import { type SeenEvent, SeenEvents } from '../../src/gossip/seen.ts'
import { Suspicions } from '../../src/gossip/suspicions.ts'
import { encodeTags } from '../../src/wire/serf.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const MEMBERS = 10_000
const EVENTS = 1_000
const RING = 512

/** A member of the made-up pool, as a fact. */
function member(pack: Pack, row: number, statusTime: number): void {
  packMember(pack, FACT.memberJoin, {
    ...{ status: STATUS.alive, row, instance: 1, incarnation: 1, statusTime, port: 7946 },
    versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
    address: Uint8Array.of(10, 0, row >> 8, row & 255),
    name: bytes(`member-${String(row).padStart(6, '0')}`),
    meta: encodeTags({ role: 'web', dc: `east-${row % 5}` }, 5),
  })
}

function mirrorOf(facts: Uint8Array): Mirror {
  const mirror = new Mirror()
  mirror.apply(facts, MEMBERS)
  return mirror
}

/** All members in shared memory, as those of a large pool come. */
function poolFacts(): Uint8Array {
  const pack = new Pack()
  for (let row = 0; row < MEMBERS; row++) member(pack, row, 1)
  const facts = pack.take()
  const shared = new Uint8Array(new SharedArrayBuffer(facts.length))
  shared.set(facts)
  return shared
}

export function facade(bench: Bench): void {
  const facts = poolFacts()
  const mirror = mirrorOf(facts)
  let time = 1
  bench.add('members() of 10,000, nothing changed', () => mirror.members())
  bench.add('members() of 10,000, one changed', () => {
    time += 1
    const pack = new Pack()
    member(pack, time % MEMBERS, time)
    mirror.apply(pack.take(), MEMBERS + time)
    return mirror.members()
  })
  bench.add('member(name) of 10,000', () => mirror.member('member-005000'))
  bench.add('a mirror filled with 10,000', () => mirrorOf(facts))
}

/** User events out of news to one listener, as the host's thread does it. */
export function listeners(bench: Bench): void {
  const pack = new Pack()
  const event = bytes('deploy')
  const payload = new Uint8Array(32)
  const all = new Uint8Array([...event, ...payload])
  for (let i = 0; i < EVENTS; i++) packUserEvent(pack, i, 'single', all, 0, 6, 6, all.length)
  const buffer = pack.take()
  let heard = 0
  const audience = {
    isThere: true,
    wants: (type: string) => type === 'user-event',
    hear: () => {
      heard += 1
    },
    renewed: () => undefined,
    thinned: () => undefined,
    respond: async () => undefined,
  }
  let run: (() => void) | undefined
  const later = (work: () => void) => {
    run = work
  }
  const turns = { now: () => 0, date: () => 0, later }
  const stage = new Stage(audience, turns, new Told(new Mirror()), () => undefined)
  stage.open()
  const rest = { type: 'news', through: 0, told: 'all', fresh: 0, lagged: 0, folded: 0, notices: [] } as const
  bench.add('1,000 user events to a listener', () => {
    const news: News = { ...rest, number: 1, buffers: [buffer], runs: [0, 0, EVENTS], notices: [] }
    stage.add(news)
    while (run !== undefined) {
      const work = run
      run = undefined
      work()
    }
    return heard
  })
}

export function rings(bench: Bench): void {
  const seen = new SeenEvents(RING)
  const message = bytes('deploy 0123456789abcdef0123456789abcdef')
  const event: SeenEvent = {
    ...{ bytes: message, nameStart: 0, nameEnd: 6, payloadStart: 7, payloadEnd: message.length },
    payloadNil: false,
  }
  let time = 0
  bench.add('ring of events: a new one', () => {
    time += 1
    const novelty = seen.novelty(time, time + 1, event)
    seen.remember(time, event)
    return novelty
  })
  bench.add('ring of events: one seen before', () => seen.novelty(time, time + 1, event))
  const suspicions = new Suspicions({ probeInterval: 1_000, suspicionMult: 4, suspicionMaxTimeoutMult: 6 })
  let row = 0
  bench.add('a suspicion among 1,000: started, confirmed, ended', () => {
    row = (row + 1) % 1_000
    suspicions.start(row, 'accuser', 1_000, row)
    suspicions.confirm(row, 'another')
    suspicions.end(row)
  })
}

const ECHO = `const { workerData } = require('node:worker_threads')
workerData.on('message', (mail) => workerData.postMessage(mail, [mail.bytes.buffer]))`

/** To another thread and back, a packed buffer that is handed over each way. Ends with what is returned. */
export function mail(bench: Bench): () => Promise<void> {
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(ECHO, { eval: true, workerData: port2, transferList: [port2] })
  let answered: (buffer: Uint8Array) => void = () => undefined
  let buffer = new Uint8Array(4_096)
  port1.on('message', (back: { bytes: Uint8Array<ArrayBuffer> }) => answered(back.bytes))
  bench.add('mail of 4 KiB to another thread and back', async () => {
    port1.postMessage({ type: 'overheard', lane: 'others', weight: 50, bytes: buffer }, [buffer.buffer])
    buffer = await new Promise<Uint8Array<ArrayBuffer>>((resolve) => {
      answered = (bytes) => resolve(new Uint8Array(bytes))
    })
  })
  return async () => {
    port1.close()
    await worker.terminate()
  }
}
