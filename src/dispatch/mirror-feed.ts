/**
 * The mirror's way out of dispatch while listeners are slow: pictures of members go on without the events that they belong to, on a
 * credit of their own, which comes back as soon as they are applied. So `members()` is true however slow a listener is, and while the
 * host's thread stands still altogether, one picture a row waits here and no more.
 */
import { FactReader } from '../actors/facts.ts'
import type { MirrorNews } from '../actors/mail.ts'
import { copy, Pack } from '../actors/packed.ts'
import { addTo } from './retold.ts'

/** Mirror news that may be on their way to the host. */
const MOST_UNTAKEN = 8

export class MirrorFeed {
  readonly #send: (news: MirrorNews) => void
  /** Pictures that wait, by row. */
  readonly #pictures = new Map<number, Uint8Array>()
  #through = 0
  #sentThrough = 0
  #sent = 0
  #taken = 0

  constructor(send: (news: MirrorNews) => void) {
    this.#send = send
  }

  /** Rows whose picture waits for the host. */
  get waiting(): number {
    return this.#pictures.size
  }

  /** Facts whose events wait. */
  facts(bytes: Uint8Array, through: number): void {
    this.#through = through
    const mayGo = this.#sent - this.#taken < MOST_UNTAKEN
    // All of it is about members, and both sides read it in place.
    if (mayGo && bytes.buffer instanceof SharedArrayBuffer) return this.#tell(bytes)
    const pack = new Pack()
    for (const reader = new FactReader(bytes); !reader.atEnd; reader.next()) {
      if (!reader.isMember) continue
      if (mayGo) addSlice(pack, reader)
      else this.#pictures.set(reader.row, bytes.slice(reader.at, reader.at + reader.length))
    }
    if (mayGo) this.#tell(pack.take())
  }

  /** The host has applied mirror news up to this number. */
  taken(number: number): void {
    this.#taken = Math.max(this.#taken, Math.min(number, this.#sent))
    if (this.#sent - this.#taken < MOST_UNTAKEN && this.#through > this.#sentThrough) this.#tell(this.rest())
  }

  /** All that waits, for who takes it along. */
  rest(): Uint8Array {
    const pack = new Pack()
    for (const picture of this.#pictures.values()) addTo(pack, picture)
    this.#pictures.clear()
    this.#sentThrough = this.#through
    return pack.take()
  }

  #tell(bytes: Uint8Array): void {
    this.#sent += 1
    this.#sentThrough = this.#through
    this.#send({ type: 'mirror', number: this.#sent, through: this.#through, bytes })
  }
}

function addSlice(pack: Pack, { bytes, at, length }: FactReader): void {
  const to = pack.claim(length)
  copy(pack.bytes, to, bytes, at, at + length)
}
