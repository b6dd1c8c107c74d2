/**
 * A fence round a transport that the host has written. Whatever it does, the actor behind it goes on: what it throws is counted and
 * warned of, what it tells in the midst of a call is told when the actor's turn is over, what makes no sense is dropped, and what
 * never ends is not waited for.
 */
import { isIP } from 'node:net'
import type { PacketEvents, Packets, StreamEvents, Streams, Transport } from '../src/cluster/transport.ts'

/** How long the transport may take to bind, and to close. */
const PATIENCE = { bind: 10_000, close: 1_000 }
/** Events that wait for the end of a turn. What comes on top is lost: a packet may be, and a stream is then closed. */
const MOST_HELD = 65_536

/** Hears of a fault of the transport: in which of its functions, and what. */
export type Complain = (where: string, error: unknown) => void

/** Calls into the transport, and the events that come out of it: never one inside the other. One for all that an actor has of it. */
class Gate {
  readonly complain: Complain
  #calls = 0
  readonly #held: (() => void)[] = []

  constructor(complain: Complain) {
    this.complain = complain
  }

  /** Calls the transport. Says whether it went well. */
  call(where: string, run: () => unknown): boolean {
    this.#calls += 1
    try {
      const result = run()
      // A function that should answer at once and is async all the same.
      if (result instanceof Promise) result.catch((error: unknown) => this.complain(where, error))
      return true
    } catch (error) {
      this.complain(where, error)
      return false
    } finally {
      this.#calls -= 1
    }
  }

  /** Passes on an event, in order: at once, or when no call is under way. Says whether there was room. */
  tell(event: () => void): boolean {
    if (this.#calls > 0 || this.#held.length > 0) return this.later(event)
    event()
    return true
  }

  later(event: () => void): boolean {
    if (this.#held.length >= MOST_HELD) return false
    this.#held.push(event)
    if (this.#held.length === 1) setImmediate(() => this.#release())
    return true
  }

  /** Those that come meanwhile wait for the next round, or two members that answer each other at once would never end. */
  #release(): void {
    const count = this.#held.length
    for (let i = 0; i < count; i++) this.#held[i]()
    this.#held.splice(0, count)
    if (this.#held.length > 0) setImmediate(() => this.#release())
  }
}

/** Waits for what the transport promised, but not for ever. */
async function within<Value>(where: 'bind' | 'close', run: () => Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const text = `the transport's ${where} took more than ${PATIENCE[where]} ms`
    timer = setTimeout(() => reject(new Error(text)), PATIENCE[where])
  })
  try {
    return await Promise.race([run(), late])
  } finally {
    clearTimeout(timer)
  }
}

/** The transport behind the fence. `complain` hears of its faults. */
export function guarded(transport: Transport, complain: Complain): Transport {
  const gate = new Gate(complain)
  return {
    packets: (events) => new GuardedPackets(transport, gate, events),
    streams: (events) => new GuardedStreams(transport, gate, events),
  }
}

class GuardedPackets implements Packets {
  readonly #gate: Gate
  readonly #events: PacketEvents
  readonly #packets: Packets
  #isClosed = false

  constructor(transport: Transport, gate: Gate, events: PacketEvents) {
    this.#gate = gate
    this.#events = events
    this.#packets = transport.packets({
      packet: (bytes, ip, port) => {
        if (!(bytes instanceof Uint8Array) || !isPlace(ip, port)) return gate.complain('packet', NO_SENSE)
        const isHeard = gate.tell(() => {
          if (!this.#isClosed) events.packet(bytes, ip, port)
        })
        if (!isHeard) gate.complain('packet', TOO_MUCH)
      },
      unsent: (seqNo, error) => {
        if (Number.isInteger(seqNo)) gate.tell(() => this.#unsent(seqNo, error))
        else gate.complain('unsent', NO_SENSE)
      },
    })
  }

  bind(ip: string, port: number): Promise<void> {
    return within('bind', async () => this.#packets.bind(ip, port))
  }

  send(packet: Uint8Array, ip: string, port: number, seqNo: number): void {
    if (this.#isClosed) return
    if (this.#gate.call('send', () => this.#packets.send(packet, ip, port, seqNo)) || seqNo === 0) return
    this.#gate.later(() => this.#unsent(seqNo, new Error('the transport threw')))
  }

  close(): Promise<void> {
    this.#isClosed = true
    return closed(this.#gate, () => this.#packets.close())
  }

  #unsent(seqNo: number, error: Error): void {
    if (!this.#isClosed) this.#events.unsent(seqNo, error)
  }
}

class GuardedStreams implements Streams {
  readonly #gate: Gate
  readonly #events: StreamEvents
  readonly #streams: Streams
  /** Those that are open as far as the actor knows: events of others are late, or made up. */
  readonly #open = new Set<number>()

  constructor(transport: Transport, gate: Gate, events: StreamEvents) {
    this.#gate = gate
    this.#events = events
    this.#streams = transport.streams({
      accepted: (stream, ip, port) => {
        const isNew = Number.isSafeInteger(stream) && stream > 0 && !this.#open.has(stream)
        if (!isNew || !isPlace(ip, port)) return gate.complain('accepted', NO_SENSE)
        this.#open.add(stream)
        this.#tell(stream, () => events.accepted(stream, ip, port))
      },
      connected: (stream) => this.#tell(stream, () => events.connected(stream)),
      data: (stream, bytes) => {
        if (bytes instanceof Uint8Array) this.#tell(stream, () => events.data(stream, bytes))
        else gate.complain('data', NO_SENSE)
      },
      closed: (stream, error) => this.#tell(stream, () => events.closed(stream, String(error))),
    })
  }

  listen(ip: string, port: number): Promise<number> {
    return within('bind', async () => {
      const bound = await this.#streams.listen(ip, port)
      if (isPort(bound)) return bound
      throw new TypeError(`the transport gave ${String(bound)} as the port that it listens on`)
    })
  }

  dial(stream: number, ip: string, port: number): void {
    this.#open.add(stream)
    if (!this.#gate.call('dial', () => this.#streams.dial(stream, ip, port))) this.#break(stream)
  }

  write(stream: number, bytes: Uint8Array): void {
    if (!this.#gate.call('write', () => this.#streams.write(stream, bytes))) this.#break(stream)
  }

  end(stream: number): void {
    if (!this.#gate.call('end', () => this.#streams.end(stream))) this.#break(stream)
  }

  destroy(stream: number): void {
    this.#open.delete(stream)
    this.#gate.call('destroy', () => this.#streams.destroy(stream))
  }

  close(): Promise<void> {
    this.#open.clear()
    return closed(this.#gate, () => this.#streams.close())
  }

  #tell(stream: number, event: () => void): void {
    const isHeard = this.#gate.tell(() => {
      if (this.#open.has(stream)) event()
    })
    if (isHeard) return
    this.#gate.complain('streams', TOO_MUCH)
    this.#break(stream)
  }

  /** The stream is of no use any more: the actor hears of it once its turn is over. */
  #break(stream: number): void {
    setImmediate(() => {
      if (this.#open.has(stream)) this.#events.closed(stream, 'the transport failed')
    })
  }
}

async function closed(gate: Gate, run: () => Promise<void>): Promise<void> {
  try {
    await within('close', async () => run())
  } catch (error) {
    gate.complain('close', error)
  }
}

const NO_SENSE = new TypeError('an event with arguments that make no sense')
const TOO_MUCH = new Error('more events than can wait')

function isPlace(ip: unknown, port: unknown): boolean {
  return typeof ip === 'string' && isIP(ip) !== 0 && isPort(port)
}

function isPort(port: unknown): boolean {
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= 65_535
}
