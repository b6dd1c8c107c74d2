/** Metrics in the lines of statsd and statsite (protocol page 3, section 5.2): `name:value|type`. */
import type { Reading } from './readings.ts'

/** One line for each reading; single samples are not kept, so the mean of those since the last time stands for them. */
export function sinkLines(readings: readonly Reading[]): string[] {
  return readings.map((reading) => {
    if (reading.kind === 'gauge') return line(reading.name, reading.value, 'g')
    if (reading.kind === 'counter') return line(reading.name, reading.value, 'c')
    return line(reading.name, reading.value.sum / reading.value.count, 'ms')
  })
}

function line(name: string, value: number, kind: 'c' | 'g' | 'ms'): string {
  return `${name}:${value.toFixed(6)}|${kind}\n`
}

/** Lines in packets of at most so many bytes. */
export function packets(lines: readonly string[], most: number): string[] {
  const filled: string[] = []
  let packet = ''
  let size = 0
  for (const text of lines) {
    const bytes = Buffer.byteLength(text)
    if (packet !== '' && size + bytes > most) {
      filled.push(packet)
      packet = ''
      size = 0
    }
    packet += text
    size += bytes
  }
  return packet === '' ? filled : [...filled, packet]
}
