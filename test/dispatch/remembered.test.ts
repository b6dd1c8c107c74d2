/** The snapshot's lines: files of real Serf both ways, and every kind of damage at every place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromLatin } from '../../src/actors/latin.ts'
import { aliveLine, failedLines, goneLine, Remembered } from '../../src/dispatch/remembered.ts'
import { serfVectors } from '../vectors.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)

function vector(name: string): string {
  const { text } = serfVectors.find((one) => one.name === name)?.decoded ?? {}
  if (typeof text !== 'string') throw new Error(`no vector ${name}`)
  return text
}

function plain({ alive, failed, clocks }: Remembered) {
  return { alive: Object.fromEntries(alive), failed: Object.fromEntries(failed), clocks: { ...clocks } }
}

test('the snapshot of a running agent is read as it was meant', () => {
  const { remembered, damaged } = Remembered.read(bytesOf(vector('snapshot-running')), 'forget')
  assert.equal(damaged, 0)
  const lines = vector('snapshot-running').split('\n')
  const last = (prefix: string) =>
    Number(lines.findLast((line) => line.startsWith(prefix))?.slice(prefix.length))
  const { alive, clocks } = plain(remembered)
  assert.deepEqual(clocks, {
    member: last('clock: '),
    event: last('event-clock: '),
    query: last('query-clock: '),
  })
  assert.equal(alive.alpha, '127.0.1.1:7946')
})

test('the snapshot of an agent that left: only the clock of members is left, or all with rejoinAfterLeave', () => {
  const file = bytesOf(vector('snapshot-after-leave'))
  const forgotten = plain(Remembered.read(file, 'forget').remembered)
  assert.deepEqual(forgotten.alive, {})
  assert.equal(forgotten.clocks.event, 0)
  const kept = plain(Remembered.read(file, 'keep').remembered)
  assert.equal(kept.alive.alpha, '127.0.1.1:7946')
  assert.ok(kept.clocks.event >= 70_001)
})

test('what an agent compacted is, byte for byte, what we would write', () => {
  const text = vector('snapshot-compacted')
  assert.equal(Remembered.read(bytesOf(text), 'forget').remembered.lines(), text)
})

const name = fc.oneof(
  fc
    .string({ minLength: 1, maxLength: 12, unit: 'binary' })
    .map((text) => Buffer.from(text).toString('latin1')),
  fc.constantFrom('a', 'b', 'c d', 'x\nclock: 9', '%0A', '1:2'),
)
const address = fc.constantFrom('10.0.0.1:7946', '[fd00::1]:80', '127.0.0.9:1')
const line = fc.oneof(
  fc.tuple(name, address).map(([who, where]) => aliveLine(who, where)),
  fc.tuple(name, address).map(([who, where]) => failedLines(who, where)),
  name.map(goneLine),
  fc.nat().map((time) => `clock: ${time}\n`),
  fc.nat().map((time) => `event-clock: ${time}\n`),
  fc.nat().map((time) => `query-clock: ${time}\n`),
)

test('what is written is read again: lines() of any state gives that state', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
      const { remembered, damaged } = Remembered.read(fromLatin(lines.join('')), 'forget')
      assert.equal(damaged, 0)
      assert.deepEqual(
        plain(Remembered.read(fromLatin(remembered.lines()), 'forget').remembered),
        plain(remembered),
      )
    }),
  )
})

/** A file, and what reading it must come to when only the lines that are untouched count. */
const damagedFile = fc
  .tuple(
    fc.array(line, { minLength: 1, maxLength: 20 }),
    fc.nat(),
    fc.nat(),
    fc.constantFrom('cut', 'zeroed'),
  )
  .map(([parts, a, b, how]) => {
    const lines = parts.join('').split('\n').slice(0, -1)
    const text = `${lines.join('\n')}\n`
    const from = a % (text.length + 1)
    const to = how === 'cut' ? text.length : Math.min(text.length, from + (b % 64))
    const file = fromLatin(text)
    const damaged = how === 'cut' ? file.slice(0, from) : file.fill(0, from, to)
    // A line is whole when neither it nor the line feed on either side of it was touched.
    let at = 0
    const whole = lines.filter((one) => {
      const start = at
      at += one.length + 1
      return at <= from || (how === 'zeroed' && (to === from || start > to || (start === to && from === to)))
    })
    return { damaged, whole }
  })

test('a file cut off or zeroed anywhere is read, and only what is damaged is lost', () => {
  fc.assert(
    fc.property(damagedFile, ({ damaged, whole }) => {
      const expected = new Remembered('forget')
      for (const one of whole) expected.take(one)
      const { remembered } = Remembered.read(damaged, 'forget')
      assert.deepEqual(plain(remembered), plain(expected))
    }),
    { numRuns: 2_000 },
  )
})

test('any bytes at all are read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      Remembered.read(bytes, 'forget')
    }),
  )
})
