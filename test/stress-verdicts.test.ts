/** What a stress run is judged by: every verdict is shown a story that it must condemn, beside one that it must not. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { html } from '../bench/report/html.ts'
import { isMet, lineOf, played } from '../bench/stress/played.ts'
import { SCENARIOS } from '../bench/stress/scenarios.ts'
import { slopeOf } from '../bench/stress/slope.ts'
import { type MemorySeries, Story, wallClock } from '../bench/stress/story.ts'
import { resultOf, summaryOf } from '../bench/stress/summary.ts'
import {
  flatMemory,
  noFalseFailure,
  noLostSnapshot,
  noMishap,
  nothingTwice,
  oneView,
  verdictsOf,
} from '../bench/stress/verdicts.ts'

const MIB = 2 ** 20
const MINUTE = 60_000

function story(): Story {
  const told = new Story()
  for (const name of ['folk-1', 'folk-2', 'serf-1']) told.members.add(name)
  told.calms.push({ bound: 20_000, agreedAfter: 900, differing: [] })
  return told
}

/** A process that holds so much, by minutes; `ripple`: what a heap goes up and down. */
function series(minutes: number, at: (minute: number) => number, kind: MemorySeries['kind'] = 'ours') {
  const samples = Array.from({ length: minutes + 1 }, (_, i) => ({ at: i * MINUTE, bytes: at(i) * MIB }))
  return { who: 'folk-1', kind, samples }
}

describe('no false failure', () => {
  test('of a member that nobody harmed', () => {
    const told = story()
    assert.equal(noFalseFailure(told).verdict, 'met')
    told.failed({ who: 'folk-2', by: 'serf-1', at: 5 })
    assert.deepEqual(noFalseFailure(told), {
      aim: 'no false failure of a healthy member',
      measured: '1 of 3 members: folk-2 by serf-1',
      verdict: 'not met',
    })
  })

  test('an excuse holds for its time, for whom it names, and in whose eyes it says', () => {
    const told = story()
    told.excuses.push({ who: new Set(['folk-2']), by: new Set(['serf-1']), from: 10, until: 20 })
    told.failed({ who: 'folk-2', by: 'serf-1', at: 10 })
    told.failed({ who: 'folk-2', by: 'serf-1', at: 20 })
    assert.equal(noFalseFailure(told).verdict, 'met')
    for (const [who, by, at] of [
      ['folk-2', 'serf-1', 9],
      ['folk-2', 'serf-1', 21],
      ['folk-2', 'folk-1', 15],
      ['folk-1', 'serf-1', 15],
    ] as const) {
      const other = story()
      other.excuses.push(...told.excuses)
      other.failed({ who, by, at })
      assert.equal(noFalseFailure(other).verdict, 'not met', `${who} by ${by} at ${at}`)
    }
  })

  test('one without an excuse is told of at once, a few are traced', () => {
    const told = story()
    const suspicious: string[] = []
    told.onSuspicious(({ who }) => suspicious.push(who))
    told.excuse(['folk-1'])
    for (const who of ['folk-1', 'folk-2', 'guest-1']) told.failed({ who, by: 'serf-1', at: wallClock() })
    assert.deepEqual(suspicious, ['folk-2'])
    assert.equal(played('mix', 1, 10, told).traces, undefined)
    const [failure] = told.falseFailures
    for (let i = 0; i < 50; i++) told.trace({ failure, excuses: [], witness: [], accused: [] })
    assert.equal(played('mix', 1, 10, told).traces?.length, 20)
  })

  test('guests may fail; failures too many to be kept may not', () => {
    const told = story()
    for (let i = 0; i < 20_000; i++) told.failed({ who: 'guest-1', by: 'serf-1', at: i })
    assert.equal(noFalseFailure(told).verdict, 'met')
    told.failed({ who: 'guest-1', by: 'serf-1', at: 1 })
    assert.equal(noFalseFailure(told).verdict, 'not met')
  })
})

test('a member of ours that crashes, or logs an error, is a mishap', () => {
  const told = story()
  assert.equal(noMishap(told).verdict, 'met')
  told.mishaps.push('folk-1: the gossip actor has ended')
  assert.equal(noMishap(told).verdict, 'not met')
  assert.match(noMishap(told).measured, /1 things: folk-1: the gossip actor has ended/)
})

test('no event twice in one life; once in each of two lives is none', () => {
  const told = story()
  told.eventsSent = 3_000
  assert.equal(nothingTwice(told).verdict, 'not met', 'nobody heard anything: nothing is shown')
  for (const event of [0, 1_500, 2_999]) told.hear('folk-1', event)
  told.hear('folk-1, life 2', 1_500)
  assert.equal(nothingTwice(told).verdict, 'met')
  told.hear('folk-1', 1_500)
  const { verdict, measured } = nothingTwice(told)
  assert.equal(verdict, 'not met')
  assert.match(measured, /s-1500 2 times at folk-1/)
  for (let i = 0; i < 1_000; i++) told.hear('serf-1', 7)
  assert.match(nothingTwice(told).measured, /^2 of 5 deliveries/)
  for (const life of ['folk-1', 'serf-1']) told.forget(life)
  assert.equal(told.heard.has('folk-1'), false)
  assert.match(nothingTwice(told).measured, /^2 of 5 deliveries.*: s-1500 2 times at folk-1, s-7 255 times/)
})

test('a snapshot that brings nobody back, or too late, is lost', () => {
  const told = story()
  told.restarts.push({ who: 'serf-1', backAfter: 400, within: 15_000 })
  assert.equal(noLostSnapshot(told).verdict, 'met')
  for (const backAfter of [undefined, 15_001]) {
    const other = story()
    other.restarts.push(...told.restarts, { who: 'folk-2', backAfter, within: 15_000 })
    assert.equal(noLostSnapshot(other).verdict, 'not met')
    assert.match(noLostSnapshot(other).measured, /1 of 2 restarts.*: folk-2/)
  }
})

test('one view: every time, within the bound that was stated, or it never was', () => {
  const told = story()
  assert.equal(oneView(told).verdict, 'met')
  for (const agreedAfter of [undefined, 20_001]) {
    const other = story()
    other.calms.push({ bound: 20_000, agreedAfter, differing: ['serf-1 lists folk-2 as failed'] })
    assert.equal(oneView(other).verdict, 'not met')
    assert.match(oneView(other).measured, /serf-1 lists folk-2 as failed/)
  }
  told.calms = []
  assert.equal(oneView(told).verdict, 'not met')
})

describe('memory', () => {
  const ripple = (i: number) => 100 + ((i * 7) % 5) / 10

  test('the slope of a line, and how sure it is', () => {
    const { perHour, error } = slopeOf(series(60, (i) => 100 + i / 20).samples)
    assert.ok(Math.abs(perHour / MIB - 3) < 1e-6)
    assert.ok(error < 1)
    assert.equal(slopeOf([]).error, Number.POSITIVE_INFINITY)
    assert.equal(slopeOf(series(1, () => 1).samples).error, Number.POSITIVE_INFINITY)
  })

  test('flat for an hour is met, three megabytes an hour are not, whatever the ripple', () => {
    assert.equal(flatMemory([series(60, ripple)]).verdict, 'met')
    const leak = flatMemory([series(60, ripple), series(60, (i) => ripple(i) + i / 20)])
    assert.equal(leak.verdict, 'not met')
    assert.match(leak.measured, /folk-1 2\.97 ± /)
  })

  test('what it took to warm up does not count; what is short or noisy is not judged', () => {
    assert.equal(flatMemory([series(60, (i) => (i < 15 ? 80 + i : 95))]).verdict, 'met')
    assert.equal(flatMemory([series(35, (i) => (i < 10 ? 80 + i : 90))]).verdict, 'met')
    const short = flatMemory([series(20, (i) => 100 + i)])
    assert.equal(short.verdict, 'not judged')
    assert.match(short.measured, /too short to tell; MB an hour: folk-1 60/)
    const noisy = flatMemory([series(40, (i) => 100 + (i % 2) * 20)])
    assert.equal(noisy.verdict, 'not judged')
    assert.match(noisy.measured, /too noisy/)
  })

  test('what threads hold is judged, and what is resident is told', () => {
    const growing = series(60, (i) => 100 + i)
    const held = growing.samples.map((sample, i) => ({ ...sample, held: ripple(i) * MIB }))
    const found = flatMemory([{ ...growing, samples: held }])
    assert.equal(found.verdict, 'met')
    assert.match(found.measured, /resident at most 160 MiB/)
    const compiling = held.map((sample, i) => ({ ...sample, code: i * 2 ** 15 }))
    assert.match(flatMemory([{ ...growing, samples: compiling }]).measured, / \(and code 1\.88\)/)
    const leaking = series(60, ripple).samples.map((sample, i) => ({ ...sample, held: (50 + i / 20) * MIB }))
    assert.equal(flatMemory([{ ...growing, samples: leaking }]).verdict, 'not met')
  })

  test('what real agents do is not ours to answer for, and is no proof either', () => {
    const theirs = series(60, (i) => 100 + i, 'agent')
    assert.equal(flatMemory([series(60, ripple), theirs]).verdict, 'met')
    assert.equal(flatMemory([theirs]).verdict, 'not judged')
  })
})

test('one verdict of many decides: of the scenario, of its line, of the status', () => {
  const good = story()
  good.check('somebody was killed', '1 time', 'met')
  good.check('somebody was killed', '2 times', 'met')
  const bad = story()
  bad.check('somebody was killed', 'nobody', 'not met')
  bad.check('somebody was killed', '2 times', 'met')
  assert.deepEqual(verdictsOf(good).at(2), {
    aim: 'somebody was killed',
    measured: '2 times; 2 times',
    verdict: 'met',
  })
  const [one, other] = [played('mix', 1, 10, good), played('churn', 1, 10, bad)]
  assert.match(lineOf(one), /^mix +met, 10 s: no false failure/)
  assert.match(lineOf(other), /^churn +NOT MET, 10 s: somebody was killed \(2 times; nobody\)$/)
  assert.deepEqual([isMet([one]), isMet([one, other]), isMet([])], [true, false, false])
  const results = [summaryOf([one, other]), resultOf(SCENARIOS[0], one), resultOf(SCENARIOS[1], other)]
  const report = { machine: '', node: '', serf: '', day: '2026-01-31', size: 'full', results } as const
  assert.match(html({ ...report, results }), /churn: somebody was killed<\/td>.*class="not-met"/)
})

test('what was excused by the time it was calm is only counted, what was not is kept', () => {
  const told = story()
  const excuse = told.excuse(['folk-2'])
  for (let i = 0; i < 30_000; i++) {
    if (i % 10_000 === 0) told.settleFailures()
    told.failed({ who: 'folk-2', by: 'folk-1', at: excuse.from })
  }
  excuse.until = excuse.from + 1
  told.failed({ who: 'folk-2', by: 'folk-1', at: excuse.from + 2 })
  told.settleFailures()
  assert.deepEqual([told.failures.length, told.failuresSettled, told.failuresLeftOut], [1, 30_000, 0])
  assert.equal(noFalseFailure(told).verdict, 'not met')
})

test('the share that heard an event counts a member once, in whichever of its lives', () => {
  const told = story()
  told.eventsSent = 2
  for (const life of ['folk-1', 'folk-1, life 2', 'serf-1', 'visitor-3']) told.hear(life, 0)
  told.hear('folk-1, life 2', 1)
  assert.equal(played('restart', 1, 1, told).numbers['heard by, %'], 50)
})

test('scenarios have names of one word, each once', () => {
  const names = SCENARIOS.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  for (const name of names) assert.match(name, /^[a-z]+$/)
})
