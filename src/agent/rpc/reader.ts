/**
 * Values of the agent's protocol out of a stream of bytes. msgpackr decodes what the scanner found complete: maps as `Map`, since keys
 * come from strangers; integers of 64 bits as bigint; text as string and bytes as `Uint8Array`.
 */
import { Unpackr } from 'msgpackr'
import { type Scanned, ValueScanner } from './scan.ts'

/** A peer sent what is no msgpack, or more of it than we are ready to hold. */
export class RpcMalformed extends Error {
  override readonly name = 'RpcMalformed'
}

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: false })

export class RpcReader {
  /** The most bytes one value may have; a longer one is refused as soon as so much of it has come. */
  limit: number
  readonly #scanner = new ValueScanner()
  #bytes = new Uint8Array(0)
  #start = 0
  #end = 0

  constructor(limit: number) {
    this.limit = limit
  }

  push(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#bytes.length) this.#makeRoom(chunk.length)
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /** The next complete value, in an envelope since nil is one too. Throws RpcMalformed. */
  next(): { value: unknown } | undefined {
    const found = this.#scan()
    if (found === 'malformed') throw new RpcMalformed('not msgpack, or nested too deeply')
    const length = (found === 'complete' ? this.#scanner.at : this.#end) - this.#start
    if (length > this.limit) throw new RpcMalformed(`a value of more than ${this.limit} bytes`)
    if (found === 'incomplete') return undefined
    const value = decoded(this.#bytes.slice(this.#start, this.#scanner.at))
    this.#start = this.#scanner.at
    this.#scanner.reset(this.#start)
    return { value }
  }

  #scan(): Scanned {
    return this.#scanner.scan(this.#bytes.subarray(0, this.#end))
  }

  /** What was read goes, and the rest moves to the front of a buffer that is large enough. */
  #makeRoom(more: number): void {
    const held = this.#end - this.#start
    const bytes = new Uint8Array(Math.max(256, 2 * (held + more)))
    bytes.set(this.#bytes.subarray(this.#start, this.#end))
    this.#scanner.at -= this.#start
    this.#bytes = bytes
    this.#start = 0
    this.#end = held
  }
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return unpackr.unpack(bytes)
  } catch (error) {
    throw new RpcMalformed(error instanceof Error ? error.message : String(error))
  }
}
