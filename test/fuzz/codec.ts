/** One round of codec fuzzing after the other: an input, every decoder on it, and what must hold. A failure names the input. */
import assert from 'node:assert/strict'
import type { SeededRandom } from '../../src/actors/random.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { comparePacket, compareSerf, compareStream } from './differential.ts'
import { Inputs, LABEL } from './inputs.ts'
import { assemble, COATS, lzw, PacketTarget, plainObjects, readBodies, Tally } from './targets.ts'

const HEAD = Buffer.from([MESSAGE.label, LABEL.length, ...Buffer.from(LABEL)])

function isLabelled(bytes: Uint8Array): boolean {
  return HEAD.equals(bytes.subarray(0, HEAD.length))
}

export class CodecFuzz {
  readonly tally = new Tally()
  readonly kinds = new Map<string, number>()
  inputs = 0
  bytes = 0
  readonly #random: SeededRandom
  readonly #source: Inputs
  readonly #packets = new PacketTarget()
  readonly #labelled = new PacketTarget({ ...COATS, label: Buffer.from(LABEL) })

  constructor(random: SeededRandom) {
    this.#random = random
    this.#source = new Inputs(random.fork())
  }

  get drops(): Record<string, number> {
    return this.#packets.drops.snapshot()
  }

  /** An input, judged by everything; then as many neighbours of it, a byte apart each, judged by the actors' decoders alone. */
  round(neighbours: number): void {
    const bytes = this.#source.next()
    this.inputs += 1
    this.bytes += bytes.length
    try {
      this.#judge(bytes)
      for (let i = 0; i < neighbours && bytes.length > 0; i++) this.#neighbour(bytes)
    } catch (error) {
      throw new Error(`input ${Buffer.from(bytes).toString('hex')}`, { cause: error })
    }
  }

  #judge(bytes: Uint8Array): void {
    const { tally } = this
    const isOurs = isLabelled(bytes)
    const leaves = (isOurs ? this.#labelled : this.#packets).open(tally, bytes)
    for (const { body } of leaves) readBodies(tally, body, 0, body.length)
    readBodies(tally, bytes, 0, bytes.length)
    if (bytes.length > 2) readBodies(tally, bytes, 1, bytes.length)
    // Another label is dropped by a member and shown by the plain codec.
    if (isOurs || bytes[0] !== MESSAGE.label) comparePacket(tally, bytes, leaves)
    else assert.equal(leaves.length, 0)
    plainObjects(tally, bytes)
    // The slow decoder would be most of the run.
    if (this.#random.below(16) === 0) {
      lzw(tally, bytes)
      lzw(tally, this.#source.compressed())
    }
    compareSerf(tally, bytes)
    this.#streams(bytes)
  }

  #neighbour(bytes: Uint8Array): void {
    const random = this.#random
    bytes[random.below(bytes.length)] = random.below(256)
    this.inputs += 1
    this.bytes += bytes.length
    for (const { body } of this.#packets.open(this.tally, bytes))
      if (body.length < 200) readBodies(this.tally, body, 0, body.length)
    readBodies(this.tally, bytes, Math.min(random.below(3), bytes.length), bytes.length)
    assemble(this.tally, bytes)
  }

  /** Whole, and cut at a few places: the outcome is the same. */
  #streams(bytes: Uint8Array): void {
    const whole = assemble(this.tally, bytes)
    const kind = whole.kind === 'refused' ? `refused ${whole.reason}` : whole.kind
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1)
    const cuts = Array.from({ length: 1 + this.#random.below(3) }, () => this.#random.below(bytes.length + 1))
    const cut = assemble(
      this.tally,
      bytes,
      cuts.sort((a, b) => a - b),
    )
    assert.equal(cut.kind, whole.kind, `cut at ${cuts}`)
    if (cut.kind === 'refused' && whole.kind === 'refused')
      assert.equal(cut.reason, whole.reason, `cut at ${cuts}`)
    compareStream(this.tally, bytes, whole)
  }
}
