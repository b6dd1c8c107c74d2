/**
 * Plots as SVG, drawn by hand: lines with their spread over one or two axes that may be logarithmic. No script, no font and no colour that a
 * dark page would swallow, so that the same file serves the README and the report.
 */
import type { Axis, Plot, Point, Spread } from './model.ts'
import { plain } from './numbers.ts'

const WIDTH = 720
const HEIGHT = 400
const LEFT = 78
const RIGHT = 20
const TOP = 62
const BOTTOM = 52
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#8a6d00', '#56b4e9']
const MOST_TICKS = 6

interface Scale {
  place(value: number): number
  ticks: number[]
}

/** The plot as a whole SVG document. */
export function svg(plot: Plot): string {
  const points = plot.series.flatMap((series) => series.points)
  const x = scale(
    points.map((point) => point.x),
    plot.x,
    LEFT,
    WIDTH - RIGHT,
  )
  const y = scale(
    points.flatMap((point) => [lowOf(point), highOf(point)]),
    plot.y,
    HEIGHT - BOTTOM,
    TOP,
  )
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img"><title>${escaped(plot.title)}</title><rect width="100%" height="100%" fill="#fff"/>`
  const title = text(LEFT, 22, plot.title, 'font-size="15" font-weight="600"')
  const drawn = plot.series.map((series, i) => line(series.points, x, y, COLOURS[i % COLOURS.length]))
  return [head, title, legend(plot), grid(x, y, plot), ...drawn, '</svg>', ''].join('\n')
}

function lowOf({ y }: Point): number {
  return typeof y === 'number' ? y : y.low
}

function highOf({ y }: Point): number {
  return typeof y === 'number' ? y : y.high
}

function middleOf({ y }: Point): number {
  return typeof y === 'number' ? y : y.median
}

function scale(values: number[], axis: Axis, from: number, to: number): Scale {
  const known = values.filter((value) => Number.isFinite(value) && (axis.scale === 'linear' || value > 0))
  const most = Math.max(...known, axis.scale === 'log' ? 1e-9 : 0)
  const ticks = axis.scale === 'log' ? decades(Math.min(...known), most) : steps(most)
  const measure = axis.scale === 'log' ? Math.log10 : (value: number) => value
  const [first, last] = [measure(ticks[0]), measure(ticks[ticks.length - 1])]
  const place = (value: number) =>
    from + ((measure(Math.max(value, ticks[0])) - first) / (last - first || 1)) * (to - from)
  return { place, ticks }
}

/** From nothing to the most, in steps that are 1, 2 or 5 times a power of ten. */
function steps(most: number): number[] {
  const rough = (most || 1) / MOST_TICKS
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough) ?? rough
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, i) => i * step)
}

function decades(least: number, most: number): number[] {
  const first = Math.floor(Math.log10(least))
  const last = Math.max(first + 1, Math.ceil(Math.log10(most)))
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
}

function grid(x: Scale, y: Scale, plot: Plot): string {
  const bottom = HEIGHT - BOTTOM
  const rows = y.ticks.map((tick) => {
    const at = round(y.place(tick))
    return `<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#ddd"/>${text(LEFT - 8, at + 4, plain(tick), 'text-anchor="end" fill="#444"')}`
  })
  const columns = x.ticks.map((tick) => {
    const at = round(x.place(tick))
    return `<path d="M${at} ${TOP}V${bottom}" stroke="#eee"/>${text(at, bottom + 18, plain(tick), 'text-anchor="middle" fill="#444"')}`
  })
  const middle = (TOP + bottom) / 2
  return [
    ...rows,
    ...columns,
    `<path d="M${LEFT} ${TOP}V${bottom}H${WIDTH - RIGHT}" stroke="#444" fill="none"/>`,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, plot.x.label, 'text-anchor="middle"'),
    text(18, middle, plot.y.label, `text-anchor="middle" transform="rotate(-90 18 ${middle})"`),
  ].join('\n')
}

function legend({ series }: Plot): string {
  let at = LEFT
  return series
    .map(({ name }, i) => {
      const mark = `<rect x="${at}" y="36" width="12" height="12" fill="${COLOURS[i % COLOURS.length]}"/>`
      const label = text(at + 17, 46, name, '')
      at += 36 + name.length * 7
      return mark + label
    })
    .join('\n')
}

function line(points: Point[], x: Scale, y: Scale, colour: string): string {
  const places = points.filter((point) => Number.isFinite(middleOf(point)))
  const path = places.map(
    (point, i) => `${i === 0 ? 'M' : 'L'}${round(x.place(point.x))} ${round(y.place(middleOf(point)))}`,
  )
  const marks = places.map((point) => {
    const [at, middle] = [round(x.place(point.x)), round(y.place(middleOf(point)))]
    return `${whisker(point.y, at, y, colour)}<circle cx="${at}" cy="${middle}" r="3.5" fill="${colour}"><title>${plain(point.x)}: ${plain(middleOf(point))}</title></circle>`
  })
  return `<path d="${path.join('')}" fill="none" stroke="${colour}" stroke-width="2"/>\n${marks.join('\n')}`
}

function whisker(value: number | Spread, at: number, y: Scale, colour: string): string {
  if (typeof value === 'number' || value.low === value.high) return ''
  return `<path d="M${at} ${round(y.place(value.low))}V${round(y.place(value.high))}" stroke="${colour}" stroke-width="1.5" opacity="0.6"/>`
}

function text(x: number, y: number, what: string, attributes: string): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escaped(what)}</text>`
}

export function escaped(what: string): string {
  return what
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
