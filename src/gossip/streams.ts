/**
 * TCP streams: what peers ask of us, and the push/pulls that we start (protocol page 1, section 5). One message each way;
 * the sockets belong to the adapter, here are only bytes, deadlines and what they mean.
 *
 *     accepted --> message --+-- ping ------> ack
 *                            +-- push/pull -> our state, then merge theirs
 *                            +-- user ------> taken
 *     dialled  --> connected --> our state --> their state --> merged
 *
 * Every stream has one absolute deadline: a peer that drips bytes gains nothing by it.
 */
import type { Counters } from '../actors/counters.ts'
import type { Refusal, ToGossip } from '../actors/mail.ts'
import { Strangers } from '../actors/strangers.ts'
import { type Coats, labelBytes } from '../wire/packet.ts'
import { readAck, readPing, writeAck, writeError, writePing } from '../wire/probe.ts'
import { StreamSealer, sealStream } from '../wire/seal-stream.ts'
import { LARGE_STREAM, StreamAssembler, type StreamSide, type StreamStep } from '../wire/stream.ts'
import { complaintOf, KEY_REASONS, WORDLESS } from './answers.ts'
import { type Exchange, type Reason, type StreamPing, timed } from './exchange.ts'
import { type Ends, ended, type Inbound, overfull, UNENDED } from './inbound.ts'
import type { Merged, PushPull, RemoteState } from './push-pull.ts'
import type { Tasks } from './tasks.ts'
import type { GossipWorld } from './world.ts'

export interface StreamParts {
  world: GossipWorld
  pushPull: PushPull
  counters: Counters
  tasks: Tasks
  coats: Coats
  /** A user message that came over a stream. */
  userMessage(payload: Uint8Array): void
  /** A push/pull that a peer opened is over. */
  served(merged: Merged, reason: Reason): void
}

export type StreamMail = Extract<ToGossip, { type: `stream-${string}` }>

interface Stream extends Inbound, Ends {
  readonly id: number
  received: number
  /** Gone once the message is complete: its bytes should not wait for the deadline. */
  assembler: StreamAssembler | undefined
  /** Undefined on streams that peers opened. */
  readonly exchange: Exchange | StreamPing | undefined
  deadlineAt: number
  /** Its message is complete and being answered or merged: more bytes mean nothing. */
  isSettled: boolean
}

/** So many push/pulls at once, waiting for their turn included, are too many: a stream that makes them so is closed without an answer (section 5.4). */
const TOO_MANY_PUSH_PULLS = 128
/** Bytes that all unfinished streams together may hold; the one that brings them above it is dropped. */
const MOST_UNFINISHED = 256 * 1024 * 1024

export class Streams {
  readonly #timeout: number
  readonly #parts: StreamParts
  readonly #open = new Map<number, Stream>()
  readonly #strangers: Strangers
  #ownName = new Uint8Array(0)
  /** A stalled host may have us look dead: then no ping is answered, and no state is exchanged, in which we would be alive. */
  state: 'speaking' | 'mute' = 'speaking'
  #dialled = 0
  #pushPulls = 0

  constructor(tcpTimeout: number, parts: StreamParts) {
    this.#timeout = tcpTimeout
    this.#parts = parts
    this.#strangers = new Strangers(parts.world.log, parts.coats.label)
  }

  /** Who we are: pings for others are not answered. */
  begin(name: string): void {
    this.#ownName = new TextEncoder().encode(name)
  }

  get size(): number {
    return this.#open.size
  }

  get wakeAt(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { deadlineAt } of this.#open.values()) next = Math.min(next, deadlineAt)
    return next
  }

  /** Starts a push/pull with the member at an address, and gives its number. Ours are numbered downwards, accepted ones upwards. */
  exchange(ip: string, port: number, exchange: Exchange, now: number): number {
    this.#dialled -= 1
    // One that is not to speak is out of time at once.
    const { counters, tasks } = this.#parts
    this.#add(
      this.#dialled,
      timed(exchange, counters, tasks),
      ip,
      this.state === 'mute' ? now - this.#timeout : now,
    )
    if (this.state === 'mute') return this.#dialled
    this.#parts.world.dial(this.#dialled, ip, port)
    return this.#dialled
  }

  /** Asks whether a member of this name is at an address, and waits for `timeout` milliseconds at most. */
  ping(
    ip: string,
    port: number,
    name: Uint8Array,
    timeout: number,
    done: StreamPing['done'],
    now: number,
  ): void {
    this.#dialled -= 1
    const seqNo = -this.#dialled
    this.#add(this.#dialled, { reason: 'ping', seqNo, name, done }, ip, now)
    const stream = this.#open.get(this.#dialled)
    if (stream !== undefined) stream.deadlineAt = Math.min(stream.deadlineAt, now + timeout)
    this.#parts.world.dial(this.#dialled, ip, port)
  }

  /** Drops a push/pull of ours; its `done` is not called. What was already received and is being merged is not undone. */
  cancel(id: number): void {
    if (this.#open.delete(id)) this.#parts.world.destroy(id)
  }

  receive(mail: StreamMail, now: number): void {
    switch (mail.type) {
      case 'stream-accepted':
        this.#parts.counters.add('memberlist.tcp.accept')
        this.#makeRoom(mail.ip)
        return this.#add(mail.stream, undefined, mail.ip, now)
      case 'stream-connected':
        return this.#connected(mail.stream, now)
      case 'stream-data':
        return this.#received(mail.stream, mail.bytes)
      case 'stream-closed':
        return this.#closed(mail.stream, mail.error)
    }
  }

  #connected(id: number, now: number): void {
    const stream = this.#open.get(id)
    if (stream?.exchange === undefined) return
    if (stream.exchange.reason === 'ping') return this.#ping(stream, stream.exchange)
    this.#parts.counters.add('memberlist.tcp.connect')
    this.#parts.tasks.add(this.#ask(stream, stream.exchange, now))
  }

  #received(id: number, bytes: Uint8Array): void {
    const stream = this.#open.get(id)
    if (stream?.assembler === undefined || stream.isSettled) return
    stream.assembler.push(bytes)
    stream.received = stream.assembler.received
    if (this.#unfinishedBytes() <= MOST_UNFINISHED) this.#advance(stream, stream.assembler)
    else this.#giveUp(stream, 'drop.stream-memory', 'too many bytes are on their way')
  }

  /** Bytes of messages that are not complete. Streams are few, so that they can be asked each time. */
  #unfinishedBytes(): number {
    let bytes = 0
    for (const { assembler } of this.#open.values()) bytes += assembler?.received ?? 0
    return bytes
  }

  /** Peers' streams are bounded, in all and by source. */
  #makeRoom(ip: string): void {
    const full = overfull(this.#inbound(), ip)
    if (full !== undefined) this.#giveUp(full.stream, full.counter, '')
  }

  *#inbound(): Iterable<Stream> {
    for (const stream of this.#open.values()) if (stream.exchange === undefined) yield stream
  }

  #giveUp(stream: Stream, counter: string, error: string): void {
    this.#parts.counters.add(counter)
    this.#parts.world.destroy(stream.id)
    this.#open.delete(stream.id)
    stream.exchange?.done(error, {})
  }

  #closed(id: number, error: string): void {
    const stream = this.#open.get(id)
    // A peer that ends its side early still gets its answer; the deadline looks after the rest.
    if (stream?.isSettled) return ended(stream, 'theirs')
    if (stream === undefined) return
    this.#open.delete(id)
    this.#parts.world.destroy(id)
    if (stream.exchange !== undefined) {
      if (error === '') stream.exchange.done(WORDLESS, { refusal: 'label' })
      else stream.exchange.done(error, {})
    } else if ((stream.assembler?.received ?? 0) > 0) this.#parts.counters.add('drop.stream-cut-short')
  }

  /** Drops the streams whose time is up. */
  wake(now: number): void {
    for (const stream of this.#open.values()) {
      if (now < stream.deadlineAt) continue
      if (!stream.isSettled) {
        this.#giveUp(stream, 'drop.stream-timeout', `no answer within ${this.#timeout} ms`)
        continue
      }
      this.#parts.world.destroy(stream.id)
      this.#open.delete(stream.id)
    }
  }

  /** Drops everything. */
  close(): void {
    for (const stream of this.#open.values()) {
      this.#parts.world.destroy(stream.id)
      if (!stream.isSettled) stream.exchange?.done('the member was shut down', {})
    }
    this.#open.clear()
  }

  #add(id: number, exchange: Stream['exchange'], ip: string, now: number): void {
    const assembler = new StreamAssembler(this.#parts.coats, exchange === undefined ? 'opener' : 'reply')
    const deadlineAt = now + this.#timeout
    this.#open.set(id, { id, assembler, exchange, ip, received: 0, deadlineAt, isSettled: false, ...UNENDED })
  }

  #advance(stream: Stream, assembler: StreamAssembler): void {
    const step = assembler.step()
    if (step.kind === 'more') return
    if (step.kind === 'working') {
      stream.isSettled = true
      this.#parts.tasks.add(this.#expand(stream, assembler))
    } else this.#settle(stream, step)
  }

  /** A compressed message unfolds in slices; nothing else may come on this stream meanwhile. */
  *#expand(stream: Stream, assembler: StreamAssembler): Generator<void, void> {
    let step = assembler.step()
    while (step.kind === 'working') {
      yield
      step = assembler.step()
    }
    stream.isSettled = false
    if (step.kind !== 'more') this.#settle(stream, step)
  }

  #settle(stream: Stream, step: StreamStep): void {
    stream.isSettled = true
    this.#weigh(stream)
    stream.assembler = undefined
    if (stream.exchange === undefined) this.#serve(stream, step)
    else this.#conclude(stream, stream.exchange, step)
  }

  /** An encrypted message near the limit is worth a word while it can still be read (section 5.2). */
  #weigh({ assembler, ip }: Stream): void {
    const { counters, world } = this.#parts
    const bytes = assembler?.sealedLength ?? 0
    if (bytes === 0) return
    counters.observe('memberlist.size.remote', bytes)
    if (bytes > LARGE_STREAM) world.log('warn', `a stream of ${bytes} bytes from ${ip} is near the limit`)
  }

  /** What a peer asked of us. */
  #serve(stream: Stream, step: StreamStep): void {
    const { counters, userMessage } = this.#parts
    if (this.state === 'mute' && (step.kind === 'push-pull' || step.kind === 'ping')) {
      counters.add('drop.host-stalled')
      return this.#finish(stream)
    }
    switch (step.kind) {
      case 'push-pull':
        if (this.#pushPulls + 1 >= TOO_MANY_PUSH_PULLS) return this.#refuse(stream, 'too-many-push-pulls', '')
        // Counted here and not when its turn comes: behind a long merge hundreds could wait.
        this.#pushPulls += 1
        return this.#parts.tasks.add(this.#answer(stream, step))
      case 'ping':
        this.#answerPing(stream, step.bytes, step.start, step.end)
        return
      case 'user':
        if (step.payload.length > 0) userMessage(step.payload)
        this.#finish(stream)
        return
      case 'refused':
        this.#suspectStranger(stream, step.reason)
        this.#refuse(stream, step.reason, step.reply)
        return
      default:
        counters.add('drop.stream-type')
        this.#finish(stream)
    }
  }

  #answerPing(stream: Stream, bytes: Uint8Array, start: number, end: number): void {
    const ping = readPing(bytes, start, end)
    if (ping === undefined || !(ping.node.length === 0 || isSame(ping.node, this.#ownName))) {
      this.#parts.counters.add(ping === undefined ? 'drop.stream-ping' : 'drop.ping-for-another')
    } else this.#write(stream, sealStream(writeAck(ping.seqNo, null), this.#parts.coats, 'reply'))
    this.#finish(stream)
  }

  #refuse(stream: Stream, reason: string, reply: string): void {
    this.#parts.counters.add(`drop.stream-${reason}`)
    if (reply !== '') this.#write(stream, sealStream(writeError(reply), this.#parts.coats, 'reply'))
    this.#finish(stream)
  }

  /** Our own state goes first, so that the answer never contains the newcomer; then theirs is merged. */
  *#answer(stream: Stream, state: RemoteState & { join: boolean }): Generator<void, void> {
    const { pushPull, counters, tasks } = this.#parts
    const message = yield* pushPull.write(state.join ? 'join' : 'sync', stream.ip)
    const sealed = yield* this.#seal(message, 'reply')
    stream.deadlineAt = tasks.now + this.#timeout
    this.#write(stream, sealed)
    this.#finish(stream)
    const reason = state.join ? 'join' : 'sync'
    const merged = yield* pushPull.merge(state, 'unasked', reason, stream.ip)
    this.#complain(merged, counters)
    this.#parts.served(merged, reason)
    this.#pushPulls -= 1
  }

  *#ask(stream: Stream, exchange: Exchange, now: number): Generator<void, void> {
    const message = yield* this.#parts.pushPull.write(exchange.reason, stream.ip)
    const sealed = yield* this.#seal(message, 'opener')
    stream.deadlineAt = now + 2 * this.#timeout
    if (this.#open.get(stream.id) === stream) this.#write(stream, sealed)
  }

  /** Refusals that a wrong configuration brings are told to a person as well. */
  #suspectStranger({ ip }: Stream, reason: string): void {
    const { tasks } = this.#parts
    if (reason === 'label') this.#strangers.underLabel('streams', ip, undefined, tasks.now)
    if (KEY_REASONS.has(reason)) this.#strangers.unreadable('stream', ip, tasks.now)
  }

  #ping(stream: Stream, { seqNo, name }: StreamPing): void {
    const source = { sourceAddress: null, sourcePort: 0, sourceNode: this.#ownName }
    this.#write(stream, sealStream(writePing({ seqNo, node: name, ...source }), this.#parts.coats, 'opener'))
  }

  /** The answer to a push/pull or a ping of ours. */
  #conclude(stream: Stream, exchange: Exchange | StreamPing, step: StreamStep): void {
    const { world, tasks, counters } = this.#parts
    world.destroy(stream.id)
    this.#open.delete(stream.id)
    if (exchange.reason === 'ping') {
      const ack = step.kind === 'ack' ? readAck(step.bytes, step.start, step.end) : undefined
      exchange.done(ack?.seqNo === exchange.seqNo ? '' : 'answered with something else')
    } else if (step.kind === 'push-pull') tasks.add(this.#take(exchange, step))
    else {
      if (step.kind === 'refused') this.#suspectStranger(stream, step.reason)
      if (step.kind !== 'err') counters.add('drop.stream-answer')
      const { error, refusal } = complaintOf(step, this.#likelyRefusal)
      exchange.done(error, { refusal })
    }
  }

  /** What those who refuse us in words of their own are likely to mind. */
  get #likelyRefusal(): Refusal {
    const { label, encryption } = this.#parts.coats
    if (label.length > 0) return 'label'
    return encryption?.keyring.size ? 'key' : 'other'
  }

  *#take(exchange: Exchange, state: RemoteState): Generator<void, void> {
    const merged = yield* this.#parts.pushPull.merge(state, exchange.oldEvents, exchange.reason)
    this.#complain(merged, this.#parts.counters)
    exchange.done(merged.complaint, merged)
  }

  #complain({ complaint }: Merged, counters: Counters): void {
    if (complaint === '') return
    counters.add('drop.push-pull')
    this.#parts.world.log('warn', `push/pull refused: ${complaint}`)
  }

  *#seal(message: Uint8Array, side: StreamSide): Generator<void, Uint8Array> {
    const sealer = new StreamSealer(message, this.#parts.coats, side)
    while (!sealer.step()) yield
    return sealer.result()
  }

  #write(stream: Stream, bytes: Uint8Array): void {
    const { counters, world, coats } = this.#parts
    // The label's header is not counted, as in memberlist; only who opens a stream sends one.
    const label = stream.exchange === undefined ? 0 : labelBytes(coats)
    counters.add('memberlist.tcp.sent', bytes.length - label)
    world.write(stream.id, bytes)
  }

  /** Ends our side. The stream stays until its deadline, so that a peer that never reads is dropped then. */
  #finish(stream: Stream): void {
    this.#parts.world.end(stream.id)
    ended(stream, 'ours')
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
