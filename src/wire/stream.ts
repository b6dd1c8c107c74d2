/**
 * One message of a stream, put together from the chunks that TCP gives (protocol page 1, section 5). Nobody waits for the end of a
 * stream: where a message ends is found by reading it, and reading goes on where it stopped.
 *
 *     [label] [encrypt] [compress] message
 *
 * Only what opens a stream has the label header; the label is authenticated by the encryption of a reply too.
 */
import { type Keyring, SEAL_OVERHEAD } from './keyring.ts'
import { Expander } from './lzw.ts'
import { Malformed, Reader, UNFINISHED } from './msgpack.ts'
import { type Coats, readCompressed, unsealing } from './packet.ts'
import { Fields, shape } from './record.ts'
import { SEAL_SLICE, SEALED_HEAD, sealedExtra, Unsealing } from './sliced-seal.ts'
import { MESSAGE } from './types.ts'

/** What a stream's message is: its first, or the answer. */
export type StreamSide = 'opener' | 'reply'

/** Why a stream is given up; `reply` is the text of the err that the peer gets, empty for none. */
export interface Refusal {
  kind: 'refused'
  reason: string
  reply: string
}

export type StreamStep =
  /** More bytes are needed. */
  | { kind: 'more' }
  /** A slice of work is done: call `step` again. */
  | { kind: 'working' }
  /** Members follow from `nodesStart` on, then the user state. */
  | {
      kind: 'push-pull'
      join: boolean
      nodes: number
      bytes: Uint8Array
      nodesStart: number
      userStateLength: number
    }
  | { kind: 'ping' | 'ack' | 'err'; bytes: Uint8Array; start: number; end: number }
  | { kind: 'user'; payload: Uint8Array }
  | Refusal

const MEBIBYTE = 1024 * 1024
/** Announced length of an encrypted or compressed message, a user state, a user message. */
const MOST_ANNOUNCED = 20 * MEBIBYTE
/** From here on an encrypted message comes near to what everybody refuses. */
export const LARGE_STREAM = 0.6 * MOST_ANNOUNCED
const MOST_EXPANDED = 40 * MEBIBYTE
const MOST_NODES = 1 << 20
/** Bytes of a whole stream: members of 40 bytes at least and the state behind them. */
const MOST_RECEIVED = 64 * MEBIBYTE
/** Bytes expanded or compressed in one slice: a few milliseconds. */
const SLICE = 256 * 1024
/**
 * Room is made for all that a push/pull announces, by the length of the members that have come, but never for more than so many times what has come:
 * growing by and by would leave twice its length behind, as garbage that nobody collects once it is quiet again.
 */
const MOST_AHEAD = 16
const ENOUGH_NODES = 64
/** Later members may have longer names. */
const SPARE = 1.02
/** A map of one of the small messages is never longer. */
const SMALL = 65_536

const PUSH_PULL = new Fields(shape(['Join', 'Nodes', 'UserStateLen'], ['Nodes', 'UserStateLen', 'Join']))
const USER = new Fields(shape(['UserMsgLen']))

const MORE: StreamStep = { kind: 'more' }
const WORKING: StreamStep = { kind: 'working' }

/** The same text whatever the reason, so that nobody learns from it which part was wrong. */
const CANNOT_DECRYPT = 'no installed key could decrypt the message'

const refused = (reason: string, reply = ''): Refusal => ({ kind: 'refused', reason, reply })

/** How the bytes that are read lie: under no coat, so that more may come; all of them under encryption; under compression too. */
type Layer = 'outer' | 'whole' | 'expanded'

export class StreamAssembler {
  readonly #coats: Coats
  readonly #reader = new Reader()
  #bytes = new Uint8Array(0)
  #length = 0
  #isLabelRead = false
  /** First byte of the message behind the label. */
  #start = 0
  /** Length of the encrypted message; 0: there is none, or it is not known yet. */
  sealedLength = 0
  /** While a message unfolds. */
  #unsealing: Unsealing | undefined
  #expander: Expander | undefined
  #expanded: Uint8Array | undefined
  /** A push/pull in the clear: its head, and how many members were stepped over up to where. */
  #head: { join: boolean; nodes: number; userStateLength: number; nodesStart: number } | undefined
  #nodesPassed = 0
  #passedAt = 0
  /** Bytes without which the next look would find nothing new. */
  #wanted = 1

  /** `side` is that of the peer. */
  constructor(coats: Coats, side: StreamSide) {
    this.#coats = coats
    // A reply has no label header.
    this.#isLabelRead = side === 'reply'
  }

  /** Bytes that have come. */
  get received(): number {
    return this.#length
  }

  push(chunk: Uint8Array): void {
    if (this.#length + chunk.length > MOST_RECEIVED) {
      // Beyond the bound the bytes are not kept; the next step refuses the stream.
      this.#length = MOST_RECEIVED + 1
      return
    }
    const needed = this.#length + chunk.length
    if (needed > this.#bytes.length) {
      const likely = Math.max(this.#bytes.length * 2, Math.min(this.#announced(), needed * MOST_AHEAD))
      const grown = new Uint8Array(Math.max(needed, Math.min(MOST_RECEIVED, likely)))
      grown.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = grown
    }
    this.#bytes.set(chunk, this.#length)
    this.#length = needed
  }

  /** How long a push/pull in the clear will be if its members go on as they began; 0 while too few of them have come. */
  #announced(): number {
    if (this.#head === undefined || this.#nodesPassed < ENOUGH_NODES) return 0
    const { nodes, nodesStart, userStateLength } = this.#head
    const perNode = (this.#passedAt - nodesStart) / this.#nodesPassed
    return Math.ceil(nodesStart + nodes * perNode * SPARE + userStateLength)
  }

  /** Goes on as far as the bytes allow. After a message or a refusal it is not to be called again. */
  step(): StreamStep {
    if (this.#length > MOST_RECEIVED) return refused('too-large')
    if (this.#expander !== undefined) return this.#expandOn(this.#expander)
    if (this.#unsealing !== undefined) return this.#unsealOn(this.#unsealing)
    if (this.#length < this.#wanted) return MORE
    if (!this.#isLabelRead) {
      const step = this.#readLabel()
      if (step !== undefined) return step
    }
    return this.#outer()
  }

  /** Undefined once the label is read and right. */
  #readLabel(): StreamStep | undefined {
    const { label, inboundLabel } = this.#coats
    const hasLabel = this.#bytes[0] === MESSAGE.label
    if (inboundLabel === 'stripped') {
      this.#isLabelRead = !hasLabel
      return hasLabel ? refused('label') : undefined
    }
    if (hasLabel && this.#length < 2) return this.#want(2)
    const length = hasLabel ? this.#bytes[1] : 0
    const head = hasLabel ? 2 + length : 0
    // The label is a write of its own, so the message may well come in a later chunk.
    if (this.#length < head + 1) return this.#want(head + 1)
    const isOurs = length === label.length && label.every((byte, i) => this.#bytes[2 + i] === byte)
    if (!isOurs || (hasLabel && length === 0)) return refused('label')
    this.#isLabelRead = true
    this.#start = head
    return undefined
  }

  #want(bytes: number): StreamStep {
    this.#wanted = bytes
    return MORE
  }

  /** What stands behind the label: encrypted or not, as we want it. */
  #outer(): StreamStep {
    const seal = unsealing(this.#coats)
    if (this.#bytes[this.#start] === MESSAGE.encrypt) {
      if (seal !== undefined) return this.#sealed(seal.keyring)
      return refused('encrypted', 'Remote state is encrypted and encryption is not configured')
    }
    if (seal?.incoming === 'verified') {
      return refused('unencrypted', 'Encryption is configured but remote state is not encrypted')
    }
    return this.#message(this.#bytes, this.#start, this.#length, 'outer')
  }

  #sealed(keyring: Keyring): StreamStep {
    const start = this.#start + SEALED_HEAD
    if (this.#length < start) return this.#want(start)
    const length = new DataView(this.#bytes.buffer).getUint32(start - 4)
    if (length > MOST_ANNOUNCED) return refused('too-large', 'the encrypted message is too large')
    if (length < SEAL_OVERHEAD[1]) return refused('decrypt', CANNOT_DECRYPT)
    this.sealedLength = length
    if (this.#length < start + length) return this.#want(start + length)
    const { label } = this.#coats
    const extra = sealedExtra(this.#bytes, start - SEALED_HEAD, label)
    this.#unsealing = new Unsealing(keyring, this.#bytes.subarray(start, start + length), extra)
    return this.#unsealOn(this.#unsealing)
  }

  #unsealOn(unsealing: Unsealing): StreamStep {
    const outcome = unsealing.step(SEAL_SLICE)
    if (outcome === 'working') return WORKING
    if (outcome === 'failed') return refused('decrypt', CANNOT_DECRYPT)
    const plain = unsealing.result()
    if (plain.length === 0) return refused('empty', 'the encrypted message is empty')
    return this.#message(plain, 0, plain.length, 'whole')
  }

  #message(bytes: Uint8Array, start: number, end: number, layer: Layer): StreamStep {
    switch (bytes[start]) {
      case MESSAGE.pushPull:
        return this.#pushPull(bytes, start + 1, end, layer)
      case MESSAGE.ping:
        return this.#small('ping', bytes, start + 1, end, layer)
      case MESSAGE.ack:
        return this.#small('ack', bytes, start + 1, end, layer)
      case MESSAGE.err:
        return this.#small('err', bytes, start + 1, end, layer)
      case MESSAGE.user:
        return this.#user(bytes, start + 1, end, layer)
      case MESSAGE.compress:
        if (layer === 'expanded') return refused('compress-in-compress')
        return this.#compressed(bytes, start + 1, end, layer)
      default:
        return refused('type')
    }
  }

  /** Runs a read that may hit the end of what has come: then more is wanted, or inside a coat the message is malformed. */
  #read<Value>(
    bytes: Uint8Array,
    start: number,
    end: number,
    layer: Layer,
    read: (reader: Reader) => Value,
  ): Value | StreamStep {
    const reader = this.#reader.reset(bytes, start, end)
    try {
      return read(reader)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      if (error.reason === UNFINISHED && layer === 'outer') return this.#want(this.#length + 1)
      return refused('malformed')
    }
  }

  #small(
    kind: 'ping' | 'ack' | 'err',
    bytes: Uint8Array,
    start: number,
    end: number,
    layer: Layer,
  ): StreamStep {
    return this.#read(bytes, start, end, layer, (reader): StreamStep => {
      if (end - start > SMALL) return refused('too-large')
      reader.skip()
      return { kind, bytes: bytes.subarray(0, reader.at), start, end: reader.at }
    })
  }

  #user(bytes: Uint8Array, start: number, end: number, layer: Layer): StreamStep {
    return this.#read(bytes, start, end, layer, (reader): StreamStep => {
      let length = 0
      USER.begin(reader)
      while (USER.next(reader) >= 0) length = Number(reader.int64())
      if (length < 0 || length > MOST_ANNOUNCED) return refused('user-message-length')
      if (reader.at + length <= end)
        return { kind: 'user', payload: bytes.slice(reader.at, reader.at + length) }
      return layer === 'outer' ? this.#want(reader.at + length) : refused('malformed')
    })
  }

  #pushPull(bytes: Uint8Array, start: number, end: number, layer: Layer): StreamStep {
    const head = this.#head
    if (head === undefined) {
      const step = this.#read(bytes, start, end, layer, (reader): StreamStep => this.#readHead(reader))
      if (step !== WORKING) return step
      return this.#pushPull(bytes, start, end, layer)
    }
    // What had a coat is all there, and whoever merges it reads every member anyhow.
    if (layer !== 'outer') return { kind: 'push-pull', bytes: bytes.subarray(0, end), ...head }
    return this.#passNodes(bytes, end, head)
  }

  /** `working` when the head is read and fit. */
  #readHead(reader: Reader): StreamStep {
    let join = false
    let nodes = 0
    let userStateLength = 0
    PUSH_PULL.begin(reader)
    for (let field = PUSH_PULL.next(reader); field >= 0; field = PUSH_PULL.next(reader)) {
      if (field === 0) join = reader.bool()
      else if (field === 1) nodes = Number(reader.int64())
      else userStateLength = Number(reader.int64())
    }
    if (nodes < 0 || nodes > MOST_NODES) return refused('node-count')
    if (userStateLength < 0 || userStateLength > MOST_ANNOUNCED) return refused('user-state-length')
    this.#head = { join, nodes, userStateLength, nodesStart: reader.at }
    this.#passedAt = reader.at
    return WORKING
  }

  /** Steps over the members that have come, from where it stopped last time. */
  #passNodes(
    bytes: Uint8Array,
    end: number,
    head: { join: boolean; nodes: number; userStateLength: number; nodesStart: number },
  ): StreamStep {
    return this.#read(bytes, this.#passedAt, end, 'outer', (reader): StreamStep => {
      for (; this.#nodesPassed < head.nodes; this.#nodesPassed++) {
        reader.skip()
        this.#passedAt = reader.at
      }
      const whole = this.#passedAt + head.userStateLength
      return whole > end ? this.#want(whole) : { kind: 'push-pull', bytes: bytes.subarray(0, whole), ...head }
    })
  }

  #compressed(bytes: Uint8Array, start: number, end: number, layer: Layer): StreamStep {
    const step = this.#read(bytes, start, end, layer, (reader): StreamStep => {
      if (end - start > MOST_ANNOUNCED + SMALL) return refused('too-large', 'compressed message is too large')
      reader.skip()
      return WORKING
    })
    if (step.kind === 'refused' && step.reason === 'malformed')
      return refused('compress', 'cannot decompress the message')
    if (step !== WORKING) return step
    const data = readCompressed(bytes, start, this.#reader.at)
    if (data === undefined) return refused('compress', 'cannot decompress the message')
    if (data.length === 0) return refused('compress', 'compressed message is empty')
    this.#expander = new Expander(data, MOST_EXPANDED)
    return this.#expandOn(this.#expander)
  }

  #expandOn(expander: Expander): StreamStep {
    if (this.#expanded !== undefined)
      return this.#message(this.#expanded, 0, this.#expanded.length, 'expanded')
    const expansion = expander.step(SLICE)
    if (expansion === 'more') return WORKING
    if (expansion !== 'done') return refused('compress', 'cannot decompress the message')
    this.#expanded = expander.result()
    if (this.#expanded.length === 0) return refused('compress', 'compressed message is empty')
    return this.#message(this.#expanded, 0, this.#expanded.length, 'expanded')
  }
}
