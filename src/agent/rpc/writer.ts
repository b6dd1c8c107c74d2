/**
 * The msgpack dialect of the agent's protocol (protocol page 3, section 1.2): as the wire's, but text longer than 31 bytes is str8 before it
 * is str16, bytes are bin, and fields stand in the order of their names. Byte for byte what Go 0.9.4 writes, which msgpackr does not give:
 * it writes whole doubles as integers, and numbers above 2^32 as doubles.
 */
import { Writer } from '../../wire/msgpack.ts'

const UTF8 = new TextEncoder()

/** The tag of a length of 8, 16 or 32 bits, and the length behind it. */
function writeLength(writer: Writer, tags: readonly [number, number, number], length: number): void {
  const size = length < 0x100 ? 1 : length < 0x10000 ? 2 : 4
  writer.byte(tags[size >> 1])
  for (let shift = 8 * (size - 1); shift >= 0; shift -= 8) writer.byte((length >>> shift) & 0xff)
}

export class RpcWriter extends Writer {
  override text(text: string): void {
    const bytes = UTF8.encode(text)
    if (bytes.length < 32) this.byte(0xa0 | bytes.length)
    else writeLength(this, [0xd9, 0xda, 0xdb], bytes.length)
    this.append(bytes)
  }

  /** A byte string; null is «absent». */
  bin(bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.nil()
      return
    }
    writeLength(this, [0xc4, 0xc5, 0xc6], bytes.length)
    this.append(bytes)
  }

  /** A signed whole number, 64 bits at most; those from 0 on look like unsigned ones. */
  int(value: number | bigint): void {
    if (value >= 0) this.uint(value)
    else if (value >= -32) this.byte(Number(value) & 0xff)
    else this.#negative(BigInt(value))
  }

  /** The key of a field; its value comes next. */
  field(name: string): this {
    this.text(name)
    return this
  }

  /** A list of texts; null is «absent». */
  texts(texts: readonly string[] | null): void {
    if (texts === null) {
      this.nil()
      return
    }
    this.array(texts.length)
    for (const text of texts) this.text(text)
  }

  /** A free map from text to text; null is «absent». */
  tags(tags: Readonly<Record<string, string>> | null): void {
    if (tags === null) {
      this.nil()
      return
    }
    const entries = Object.entries(tags)
    this.map(entries.length)
    for (const [name, value] of entries) this.field(name).text(value)
  }

  #negative(value: bigint): void {
    const size = value >= -0x80n ? 1 : value >= -0x8000n ? 2 : value >= -0x8000_0000n ? 4 : 8
    this.byte({ 1: 0xd0, 2: 0xd1, 4: 0xd2, 8: 0xd3 }[size])
    for (let shift = 8 * (size - 1); shift >= 0; shift -= 8)
      this.byte(Number((value >> BigInt(shift)) & 0xffn))
  }
}
