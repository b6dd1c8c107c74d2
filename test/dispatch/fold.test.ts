/** Folding for a slow host: the table, and for any legal history a legal and shorter one with the same end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FACT } from '../../src/actors/facts.ts'
import { after, folded, isLegal, type Known } from '../../src/dispatch/fold.ts'

const {
  memberJoin: join,
  memberLeave: leave,
  memberFailed: failed,
  memberUpdate: update,
  memberReap: reap,
} = FACT
const EVENTS = [join, leave, failed, update, reap]
const KNOWN: Known[] = ['nothing', 'alive', 'failed', 'left']

test('what a slow host hears, case by case', () => {
  const table: [known: Known, happened: number[], hears: number[]][] = [
    ['nothing', [join], [join]],
    ['nothing', [join, failed, join], [join]],
    ['nothing', [join, failed], [join, failed]],
    ['nothing', [join, leave, failed, leave, reap], []],
    ['nothing', [join, update], [join]],
    ['alive', [update, update], [update]],
    ['alive', [failed], [failed]],
    ['alive', [failed, join], [failed, join]],
    ['alive', [failed, join, failed, join, update], [failed, join]],
    ['alive', [failed, leave], [leave]],
    ['alive', [failed, reap], [failed, reap]],
    ['alive', [leave, reap, join], [leave, join]],
    ['failed', [join], [join]],
    ['failed', [leave], [leave]],
    ['failed', [join, failed], [join, failed]],
    ['failed', [reap], [reap]],
    ['left', [join, failed], [join, failed]],
    ['left', [reap, join], [join]],
    ['alive', [], []],
  ]
  for (const [known, happened, hears] of table) {
    assert.deepEqual(folded(known, happened), hears, `${known}: ${happened}`)
  }
})

/** A history that could really happen to somebody who starts out as `known`. */
function legalHistory(known: Known, choices: readonly number[]): number[] {
  const history: number[] = []
  let now = known
  for (const choice of choices) {
    const possible = EVENTS.filter((event) => isLegal(now, event))
    const event = possible[choice % possible.length]
    history.push(event)
    now = after(now, event)
  }
  return history
}

test('for any history the folded one is legal, ends in the same state, and has at most two events', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KNOWN), fc.array(fc.nat(20), { maxLength: 30 }), (known, choices) => {
      const history = legalHistory(known, choices)
      const short = folded(known, history)
      assert.ok(short.length <= 2, `${short}`)
      let now = known
      for (const event of short) {
        assert.ok(isLegal(now, event), `${known}: ${history} became ${short}`)
        now = after(now, event)
      }
      const end = history.reduce(after, known)
      assert.equal(now, end)
    }),
    { numRuns: 2_000 },
  )
})

test('folding bit by bit gives a legal sequence too, as it happens while a host is slow', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KNOWN), fc.array(fc.nat(20), { maxLength: 30 }), (known, choices) => {
      const history = legalHistory(known, choices)
      let events: number[] = []
      for (const event of history) events = folded(known, [...events, event])
      let now = known
      for (const event of events) {
        assert.ok(isLegal(now, event), `${known}: ${history} became ${events}`)
        now = after(now, event)
      }
      const end = history.reduce(after, known)
      assert.equal(now, end)
    }),
    { numRuns: 2_000 },
  )
})
