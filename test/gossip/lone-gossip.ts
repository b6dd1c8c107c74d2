/** A gossip actor with a world that only writes down what happens: for tests in virtual time. */
import type { Envelope } from '../../src/actors/contract.ts'
import { Counters } from '../../src/actors/counters.ts'
import { FACT, FactReader, STATUS } from '../../src/actors/facts.ts'
import type { GossipCommand, Restored, ToDetector, ToDispatch, ToGossip } from '../../src/actors/mail.ts'
import { eachDelivery, eachTrayItem, Pack, packOverheard, packSource } from '../../src/actors/packed.ts'
import { fillFrom, SeededRandom } from '../../src/actors/random.ts'
import { readRosterEntries } from '../../src/actors/roster.ts'
import type { Vetoes } from '../../src/gossip/admission.ts'
import { Gossip } from '../../src/gossip/gossip.ts'
import { type ClusterOptions, settle } from '../../src/options/options.ts'
import { writeAlive, writeSuspect } from '../../src/wire/claim.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { PacketOpener } from '../../src/wire/packet.ts'
import { readPing, writeAck } from '../../src/wire/probe.ts'
import { sealStream } from '../../src/wire/seal-stream.ts'
import { writeJoin, writeLeave, writeUserEvent } from '../../src/wire/serf.ts'
import { StreamAssembler } from '../../src/wire/stream.ts'
import { MESSAGE } from '../../src/wire/types.ts'

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
export const VERSIONS = Uint8Array.of(1, 5, 2, 2, 5, 5)
const KINDS = new Map<number, string>([
  [FACT.memberJoin, 'join'],
  [FACT.memberLeave, 'leave'],
  [FACT.memberFailed, 'failed'],
  [FACT.memberUpdate, 'update'],
  [FACT.memberReap, 'reap'],
  [FACT.memberChange, 'change'],
  [FACT.userEvent, 'user'],
  [FACT.query, 'query'],
])
const STATUSES = Object.entries(STATUS)

export interface AliveWords {
  incarnation: number
  name: string
  address?: number[]
  port?: number
  meta?: Uint8Array
  versions?: Uint8Array
}

function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer()
  write(writer)
  return writer.copy()
}

export const alive = (words: AliveWords): Uint8Array =>
  written((writer) =>
    writeAlive(writer, {
      incarnation: words.incarnation,
      name: utf8(words.name),
      address: Uint8Array.from(words.address ?? [127, 0, 0, 2]),
      port: words.port ?? 7946,
      meta: words.meta ?? new Uint8Array(0),
      versions: words.versions ?? VERSIONS,
    }),
  )
export const suspect = (name: string, incarnation: number, from: string): Uint8Array =>
  written((writer) =>
    writeSuspect(writer, MESSAGE.suspect, { incarnation, name: utf8(name), from: utf8(from) }),
  )
export const dead = (name: string, incarnation: number, from: string): Uint8Array =>
  written((writer) => writeSuspect(writer, MESSAGE.dead, { incarnation, name: utf8(name), from: utf8(from) }))
export const leaveIntent = (name: string, lamportTime: number): Uint8Array =>
  written((writer) => {
    writer.byte(MESSAGE.user)
    writeLeave(writer, { lamportTime, name: utf8(name), prune: false })
  })
export const joinIntent = (name: string, lamportTime: number): Uint8Array =>
  written((writer) => {
    writer.byte(MESSAGE.user)
    writeJoin(writer, { lamportTime, name: utf8(name) })
  })
export const userEvent = (name: string, lamportTime: number, payload = ''): Uint8Array =>
  written((writer) => {
    writer.byte(MESSAGE.user)
    writeUserEvent(writer, { lamportTime, name: utf8(name), payload: utf8(payload), coalesce: false })
  })

export class LoneGossip {
  readonly toDetector: ToDetector[] = []
  readonly toDispatch: ToDispatch[] = []
  readonly replies = new Map<number, Envelope<unknown>>()
  readonly dialled: { stream: number; ip: string; port: number }[] = []
  readonly written = new Map<number, Uint8Array[]>()
  readonly closedStreams: number[] = []
  readonly logged: string[] = []
  readonly lookups: { lookup: number; host: string }[] = []
  /** Our address each time that it was looked up again. */
  readonly advertised: string[] = []
  readonly gossip: Gossip
  now = 0
  #commands = 0
  #tray: { number: number; items: number[] } = { number: 0, items: [] }
  readonly #unused: ToGossip[] = []

  constructor(options: ClusterOptions = {}, vetoes?: Vetoes, restored?: Restored) {
    const settings = settle({ nodeName: 'self', bind: '127.0.0.1:7946', ...options }, 'self')
    this.gossip = new Gossip(settings, {
      random: new SeededRandom(1),
      fillRandom: fillFrom(new SeededRandom(2)),
      clock: () => this.now,
      detector: { tell: (mail) => this.#tellDetector(mail), waiting: () => 0 },
      dispatch: { tell: (mail) => this.toDispatch.push(mail), waiting: () => 0 },
      dial: (stream, ip, port) => this.dialled.push({ stream, ip, port }),
      write: (stream, bytes) => this.written.set(stream, [...(this.written.get(stream) ?? []), bytes]),
      end: (stream) => this.closedStreams.push(stream),
      destroy: (stream) => this.closedStreams.push(stream),
      resolve: (lookup, host) => this.lookups.push({ lookup, host }),
      advertise: (current) => this.advertised.push(current),
      reply: (id, envelope) => this.replies.set(id, envelope),
      log: (_, message) => this.logged.push(message),
      vetoes: () => vetoes,
    })
    const self = { name: 'self', ip: '127.0.0.1', port: 7946, bindPort: 7946 }
    this.gossip.receive({ type: 'begin', self, ...(restored && { restored }) }, 0)
    this.advance(0)
  }

  /** The detector of this world never uses a tray: the next one gives it back as it was. */
  #tellDetector(mail: ToDetector): void {
    this.toDetector.push(mail)
    if (mail.type !== 'tray') return
    const unused = Uint8Array.from(this.#tray.items)
    this.#unused.push({ type: 'piggybacked', number: this.#tray.number, unused })
    this.#tray = { number: mail.number, items: [] }
    eachTrayItem(mail.bytes, (_message, allowance) => {
      this.#tray.items.push(allowance)
    })
  }

  /**
   * Peers answer what was dialled since the last call: at the ports given somebody of the name asked for answers pings, at all others the
   * connection is refused. Returns the ports that were dialled.
   */
  answerPings(...ports: number[]): number[] {
    const dialled = this.dialled.splice(0)
    for (const { stream, port } of dialled) {
      if (!ports.includes(port)) {
        this.gossip.receive({ type: 'stream-closed', stream, error: 'connect ECONNREFUSED' }, this.now)
        continue
      }
      this.gossip.receive({ type: 'stream-connected', stream }, this.now)
      const coats = { compression: false, label: new Uint8Array(0) }
      const assembler = new StreamAssembler(coats, 'opener')
      for (const bytes of this.written.get(stream) ?? []) assembler.push(bytes)
      let step = assembler.step()
      while (step.kind === 'working') step = assembler.step()
      const ping = step.kind === 'ping' ? readPing(step.bytes, step.start, step.end) : undefined
      if (ping === undefined) throw new Error(`not a ping but ${step.kind}`)
      const bytes = sealStream(writeAck(ping.seqNo, null), coats, 'reply')
      this.gossip.receive({ type: 'stream-data', stream, bytes }, this.now)
    }
    this.advance(0)
    return dialled.map(({ port }) => port)
  }

  /** Conflicts and refusals told to dispatch so far. */
  get notices(): string[] {
    return this.toDispatch.flatMap((mail) => {
      if (mail.type === 'refused') return [`refused ${mail.refusal.name}: ${mail.refusal.reason}`]
      if (mail.type !== 'conflict') return []
      const { about, name, existing, other } = mail.conflict
      return [`conflict about ${about} ${name}: ${existing.ip}:${existing.port}, ${other.ip}:${other.port}`]
    })
  }

  /** Messages out of a packet. */
  hear(...messages: Uint8Array[]): void {
    this.hearFrom('', ...messages)
  }

  /** Messages out of a packet from an address. */
  hearFrom(ip: string, ...messages: Uint8Array[]): void {
    const pack = new Pack()
    if (ip !== '') packSource(pack, ip)
    for (const message of messages) packOverheard(pack, message, 0, message.length)
    this.gossip.receive(
      { type: 'overheard', lane: 'others', weight: messages.length, bytes: pack.take() },
      this.now,
    )
    this.advance(0)
  }

  command(command: GossipCommand): number {
    this.#commands += 1
    this.gossip.receive({ type: 'command', id: this.#commands, command }, this.now)
    this.advance(0)
    return this.#commands
  }

  /** Lets virtual time pass, waking the actor when it wants to be woken. */
  advance(milliseconds: number): void {
    const until = this.now + milliseconds
    while (this.gossip.wakeAt <= until) {
      this.now = Math.max(this.now, this.gossip.wakeAt)
      this.gossip.wake(this.now)
      for (const mail of this.#unused.splice(0)) this.gossip.receive(mail, this.now)
    }
    this.now = until
  }

  /** All facts told so far, as «kind name status». */
  get facts(): string[] {
    this.advance(10)
    return this.toDispatch.flatMap((mail) => (mail.type === 'facts' ? factsIn(mail.bytes) : []))
  }

  /** Facts since the last call. */
  newFacts(): string[] {
    const facts = this.facts
    this.toDispatch.length = 0
    return facts
  }

  /** The roster as told: «name standing incarnation», the last word about each. */
  get roster(): string[] {
    const last = new Map<string, string>()
    for (const mail of this.toDetector) {
      if (mail.type !== 'roster') continue
      readRosterEntries(mail.bytes, 0, Number.POSITIVE_INFINITY, ({ name, standing, incarnation }) => {
        const text = new TextDecoder().decode(name)
        last.set(text, `${text} ${standing} ${incarnation}`)
      })
    }
    return [...last.values()]
  }

  /** Every message that was gossiped so far, as hex, each once. */
  get gossiped(): Set<string> {
    const messages = new Set<string>()
    const coats = { compression: true, label: new Uint8Array(0) }
    const opener = new PacketOpener(coats, new Counters(), (_type, bytes, start, end) => {
      messages.add(Buffer.from(bytes.subarray(start - 1, end)).toString('hex'))
    })
    for (const mail of this.toDetector) {
      if (mail.type === 'deliver') eachDelivery(mail.bytes, (message) => opener.open(message))
    }
    return messages
  }

  /** Packets since the last call that went straight to a port, as hex of their single message. */
  sentTo(port: number): string[] {
    const sent: string[] = []
    for (const mail of this.toDetector) {
      if (mail.type !== 'deliver') continue
      eachDelivery(mail.bytes, (message, _ip, to) => {
        if (to === port) sent.push(hex(message))
      })
    }
    this.toDetector.length = 0
    return sent
  }

  hasGossiped(message: Uint8Array): boolean {
    return this.gossiped.has(Buffer.from(message).toString('hex'))
  }

  stats(): Record<string, number> {
    const envelope = this.replies.get(this.command({ type: 'stats' }))
    if (!envelope?.ok || typeof envelope.value !== 'object') throw new Error('no stats')
    return Object.fromEntries(
      Object.entries(envelope.value ?? {}).map(([name, value]) => [name, Number(value)]),
    )
  }
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function factsIn(bytes: Uint8Array): string[] {
  const facts: string[] = []
  for (const reader = new FactReader(bytes); !reader.atEnd; reader.next()) {
    const kind = KINDS.get(reader.kind)
    const decode = (raw: Uint8Array) => new TextDecoder().decode(raw)
    if (!reader.isMember)
      facts.push(`${kind} ${decode(reader.eventName)}@${reader.lamportTime} ${decode(reader.payload)}`.trim())
    else {
      const [status] = STATUSES.find(([, number]) => number === reader.status) ?? ['?']
      facts.push(`${kind} ${decode(reader.name)} ${status}`)
    }
  }
  return facts
}
