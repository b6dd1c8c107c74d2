/** One round of codec fuzzing after the other: an input, every decoder on it, and what must hold. A failure names the input. */
import assert from 'node:assert/strict'
import type { SeededRandom } from '../../src/actors/random.ts'
import { MESSAGE } from '../../src/wire/types.ts'
import { comparePacket, compareSerf, compareStream } from './differential.ts'
import { Inputs, KEYS, LABEL } from './inputs.ts'
import { assemble, climate, lzw, PacketTarget, plainObjects, readBodies, Tally } from './targets.ts'

const HEAD = Buffer.from([MESSAGE.label, LABEL.length, ...Buffer.from(LABEL)])

/** Members that take what has no label, and those that take what has ours; with keys, and without. */
const BARE = [
  climate('', [], 'any', 'opener'),
  climate('', KEYS, 'any', 'opener'),
  climate(LABEL, KEYS, 'any', 'reply'),
]
const LABELLED = [climate(LABEL, [], 'any', 'opener'), climate(LABEL, KEYS, 'any', 'opener')]
/** A member that takes nothing but what is sealed. */
const VERIFIED = climate('', KEYS, 'verified', 'opener')

export class CodecFuzz {
  readonly tally = new Tally()
  readonly kinds = new Map<string, number>()
  inputs = 0
  bytes = 0
  readonly #random: SeededRandom
  readonly #source: Inputs
  readonly #members = new Map(
    [...BARE, ...LABELLED, VERIFIED].map((one) => [one, new PacketTarget(one.coats)]),
  )

  constructor(random: SeededRandom) {
    this.#random = random
    this.#source = new Inputs(random.fork())
  }

  /** What was dropped and why, by all members. */
  get drops(): Record<string, number> {
    const all: Record<string, number> = {}
    for (const { drops } of this.#members.values())
      for (const [name, count] of Object.entries(drops.snapshot())) all[name] = (all[name] ?? 0) + count
    return all
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
    const isOurs = HEAD.equals(bytes.subarray(0, HEAD.length))
    const isLabelled = bytes[0] === MESSAGE.label
    for (const one of isOurs ? LABELLED : BARE) {
      const leaves = this.#members.get(one)?.open(tally, bytes) ?? []
      for (const { body } of leaves) readBodies(tally, body, 0, body.length)
      // A foreign label is dropped by a member and shown by the plain codec; what the third of the bare ones gets has lost its label.
      if (isLabelled && !isOurs) assert.equal(leaves.length, 0)
      else if (one.side === 'opener') comparePacket(tally, bytes, leaves, one.options)
    }
    const verified = this.#members.get(VERIFIED)?.open(tally, bytes) ?? []
    if (verified.length > 0) comparePacket(tally, bytes, verified, VERIFIED.options)
    readBodies(tally, bytes, 0, bytes.length)
    if (bytes.length > 2) readBodies(tally, bytes, 1, bytes.length)
    plainObjects(tally, bytes)
    // The slow decoder would be most of the run.
    if (this.#random.below(16) === 0) {
      lzw(tally, bytes)
      lzw(tally, this.#source.compressed())
    }
    compareSerf(tally, bytes)
    if (!isLabelled || isOurs) this.#streams(bytes, isOurs)
  }

  #neighbour(bytes: Uint8Array): void {
    const { tally } = this
    const random = this.#random
    bytes[random.below(bytes.length)] = random.below(256)
    this.inputs += 1
    this.bytes += bytes.length
    const [plain] = BARE
    for (const { body } of this.#members.get(plain)?.open(tally, bytes) ?? [])
      if (body.length < 200) readBodies(tally, body, 0, body.length)
    readBodies(tally, bytes, Math.min(random.below(3), bytes.length), bytes.length)
    assemble(tally, bytes, [], plain)
  }

  /** Whole, and cut at a few places: the outcome is the same. */
  #streams(bytes: Uint8Array, isOurs: boolean): void {
    const { tally } = this
    const climates = isOurs ? LABELLED : BARE
    const one = climates[this.#random.below(climates.length)]
    const whole = assemble(tally, bytes, [], one)
    const kind = whole.kind === 'refused' ? `refused ${whole.reason}` : whole.kind
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1)
    const cuts = Array.from({ length: 1 + this.#random.below(3) }, () => this.#random.below(bytes.length + 1))
    const cut = assemble(
      tally,
      bytes,
      cuts.sort((a, b) => a - b),
      one,
    )
    assert.equal(cut.kind, whole.kind, `cut at ${cuts}`)
    if (cut.kind === 'refused' && whole.kind === 'refused')
      assert.equal(cut.reason, whole.reason, `cut at ${cuts}`)
    compareStream(tally, bytes, whole, one.options)
  }
}
