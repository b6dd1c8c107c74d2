/** What the benchmarks make of their numbers: medians and ratios, plots, the page, the comparison of two runs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare } from '../bench/report/compare.ts'
import { html } from '../bench/report/html.ts'
import type { Plot, Report } from '../bench/report/model.ts'
import { quantile, ratios, shown, spreadOf } from '../bench/report/numbers.ts'
import { svg } from '../bench/report/svg.ts'
import { show } from '../bench/report/text.ts'

const PLOT: Plot = {
  name: 'plot',
  title: 'More <is> more',
  x: { label: 'offered', scale: 'log' },
  y: { label: 'delivered', scale: 'linear' },
  series: [
    { name: 'ours', points: [1, 10, 100].map((x) => ({ x, y: { median: x, low: x - 1, high: x + 1 } })) },
    {
      name: 'theirs',
      points: [
        { x: 1, y: 1 },
        { x: 100, y: Number.NaN },
      ],
    },
  ],
}

function report(cost: number): Report {
  const table = {
    title: 'Costs',
    rows: [
      { rate: '1,000', cost },
      { rate: '2,000', cost: 7 },
    ],
    note: 'a note',
  }
  const aims = [{ aim: 'cheap', measured: `${cost} us`, verdict: 'met' }] as const
  const result = {
    name: 'one',
    title: 'One',
    method: 'by hand',
    tables: [table],
    plots: [PLOT],
    aims: [...aims],
  }
  return { machine: '2 cores', node: 'v20', serf: 'none', day: '2026-01-31', size: 'full', results: [result] }
}

test('medians, spreads and ratios are of pairs, and are shown with three digits', () => {
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5)
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, low: 1, high: 3 })
  assert.deepEqual(ratios([10, 30], [5, 10]), { median: 2.5, low: 2, high: 3 })
  assert.equal(shown({ median: 12.345, low: 1, high: 1234.5 }), '12.3 (1 to 1,235)')
  assert.equal(shown(Number.NaN), '-')
})

test('a plot draws every point that is a number, within its frame, and escapes what it is told', () => {
  const drawn = svg(PLOT)
  assert.equal([...drawn.matchAll(/<circle/g)].length, 4)
  assert.match(drawn, /More &lt;is&gt; more/)
  for (const [, x, y] of drawn.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)) {
    assert.ok(Number(x) >= 78 && Number(x) <= 700, `x ${x}`)
    assert.ok(Number(y) >= 62 && Number(y) <= 348, `y ${y}`)
  }
  assert.doesNotMatch(drawn, /NaN|undefined|Infinity/)
})

test('the page holds tables, plots and verdicts and needs no other file', () => {
  const page = html(report(5))
  for (const part of ['Costs', 'a note', '<svg', 'cheap', '5 us', 'by hand'])
    assert.ok(page.includes(part), part)
  assert.doesNotMatch(page, /<script|src=|<link/)
  assert.match(show(report(5).results[0]), /1,000 +5\n/)
})

test('a comparison tells what moved by more than a tenth, and nothing else', () => {
  const [table] = compare(report(6), report(5))
  assert.deepEqual(table.rows, [{ rate: '1,000', what: 'cost', before: 5, 'this run': 6, ratio: 1.2 }])
  assert.deepEqual(compare(report(5), report(5))[0].rows, [])
})
