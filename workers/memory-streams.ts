/** Streams of the network in memory: bytes in order, both ways, each way with a queue of its own. */
import type { StreamEvents, Streams } from '../src/cluster/transport.ts'
import { after, type Crossing, type Fate, occupy, placeOf } from './memory-places.ts'

/** Who listens where. */
export type StreamPlaces = Map<string, MemoryStreams>

type Fates = (crossing: Crossing) => Fate

/** What is lost is sent again after so many milliseconds, as TCP does. */
const SENT_AGAIN = 200

/** One end of a stream. */
class End {
  readonly streams: MemoryStreams
  readonly number: number
  /** Nothing of the other end is heard any more. */
  isGone = false
  /** What this end sent and the other has not got, oldest first: bytes, the end of its side (''), or why it broke. */
  readonly under: (Uint8Array | string)[] = []
  isMoving = false
  #other: End | undefined

  constructor(streams: MemoryStreams, number: number) {
    this.streams = streams
    this.number = number
  }

  tie(other: End): void {
    this.#other = other
    other.#other = this
    this.#move()
  }

  push(item: Uint8Array | string): void {
    this.under.push(item)
    if (!this.isMoving) this.#move()
  }

  /** Moves the oldest item to the other end, then the next: so they stay in order. */
  #move(): void {
    const [item] = this.under
    const other = this.#other
    this.isMoving = item !== undefined && other !== undefined && !other.isGone
    if (!this.isMoving || item === undefined || other === undefined) return
    const bytes = typeof item === 'string' ? 0 : item.length
    const wait = this.streams.fate(other.streams.ip, 'stream', bytes)
    if (wait === 'lost') return after(SENT_AGAIN, () => this.#move())
    after(wait, () => {
      // Unless it was dropped meanwhile.
      if (this.under[0] === item) {
        this.under.shift()
        if (!other.isGone) other.streams.hear(other.number, item)
      }
      this.#move()
    })
  }
}

export class MemoryStreams implements Streams {
  readonly ip: string
  readonly #events: StreamEvents
  readonly #places: StreamPlaces
  readonly #fate: Fates
  readonly #ends = new Map<number, End>()
  #listensAt = ''
  #accepted = 0

  constructor(ip: string, events: StreamEvents, places: StreamPlaces, fate: Fates) {
    this.ip = ip
    this.#events = events
    this.#places = places
    this.#fate = fate
  }

  async listen(ip: string, port: number): Promise<number> {
    const bound = occupy(this.#places, { own: this.ip, ip, port }, this)
    this.#listensAt = placeOf(this.ip, bound)
    return bound
  }

  dial(stream: number, ip: string, port: number): void {
    const near = new End(this, stream)
    this.#ends.set(stream, near)
    this.#knock(near, ip, port)
  }

  write(stream: number, bytes: Uint8Array): void {
    this.#ends.get(stream)?.push(bytes)
  }

  end(stream: number): void {
    this.#ends.get(stream)?.push('')
  }

  destroy(stream: number): void {
    const end = this.#ends.get(stream)
    if (end === undefined) return
    this.#ends.delete(stream)
    end.isGone = true
    end.under.length = 0
    end.push('the connection was closed')
  }

  async close(): Promise<void> {
    if (this.#places.get(this.#listensAt) === this) this.#places.delete(this.#listensAt)
    for (const stream of [...this.#ends.keys()]) this.destroy(stream)
  }

  /** Something came from the other end. */
  hear(stream: number, item: Uint8Array | string): void {
    if (typeof item === 'string') this.#events.closed(stream, item)
    else this.#events.data(stream, item)
  }

  fate(to: string, carrier: Crossing['carrier'], bytes: number): Fate {
    return this.#fate({ from: this.ip, to, carrier, bytes })
  }

  #knock(near: End, ip: string, port: number): void {
    if (near.isGone) return
    const wait = this.fate(ip, 'dial', 0)
    if (wait === 'lost') return after(SENT_AGAIN, () => this.#knock(near, ip, port))
    after(wait, () => {
      if (near.isGone) return
      const listener = this.#places.get(placeOf(ip, port))
      if (listener === undefined) return this.#events.closed(near.number, `nobody listens at ${ip}:${port}`)
      near.tie(listener.#accept(this.ip))
      this.#events.connected(near.number)
    })
  }

  #accept(ip: string): End {
    this.#accepted += 1
    const end = new End(this, this.#accepted)
    this.#ends.set(this.#accepted, end)
    this.#events.accepted(this.#accepted, ip, EPHEMERAL)
    return end
  }
}

/** The port that dialled streams seem to come from. */
const EPHEMERAL = 65_535
