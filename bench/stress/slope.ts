/** A straight line through samples by least squares, with the standard error of its slope. */
import type { MemorySample } from './story.ts'

const HOUR = 3_600_000

export interface Slope {
  /** Bytes an hour. */
  perHour: number
  /** Its standard error, of the same unit; infinite for fewer than three samples. */
  error: number
}

export function slopeOf(samples: readonly MemorySample[]): Slope {
  const n = samples.length
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / n
  const hours = samples.map(({ at }) => (at - samples[0].at) / HOUR)
  const sizes = samples.map(({ bytes }) => bytes)
  const [meanHour, meanSize] = [mean(hours), mean(sizes)]
  const spread = hours.reduce((sum, hour) => sum + (hour - meanHour) ** 2, 0)
  if (n < 3 || spread === 0) return { perHour: 0, error: Number.POSITIVE_INFINITY }
  const together = hours.reduce((sum, hour, i) => sum + (hour - meanHour) * (sizes[i] - meanSize), 0)
  const perHour = together / spread
  const rest = sizes.reduce(
    (sum, size, i) => sum + (size - meanSize - perHour * (hours[i] - meanHour)) ** 2,
    0,
  )
  return { perHour, error: Math.sqrt(rest / (n - 2) / spread) }
}
