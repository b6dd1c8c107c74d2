/**
 * What the worst datagram may cost: 64 KiB of everything that could be expensive, in a process that counts what is allocated. Time is told, not judged,
 * since the machine may be busy; memory is judged.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const MEBIBYTE = 1024 * 1024

test('no datagram of 64 KiB makes its readers allocate more than a small multiple of its size', (t) => {
  // A young generation so large that nothing is collected while one input is measured.
  const flags = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64']
  const script = join(import.meta.dirname, '..', 'scripts', 'large-inputs.js')
  const costs: { what: string; bytes: number; ms: number }[] = JSON.parse(
    execFileSync(process.execPath, [...flags, script], { encoding: 'utf8' }),
  )
  assert.ok(costs.length > 30)
  const [dearest] = [...costs].sort((a, b) => b.bytes - a.bytes)
  const [slowest] = [...costs].sort((a, b) => b.ms - a.ms)
  t.diagnostic(`most memory: ${dearest.what}, ${Math.round(dearest.bytes / 1024)} KiB`)
  t.diagnostic(`most time: ${slowest.what}, ${slowest.ms.toFixed(2)} ms`)
  const typical = costs.filter(({ bytes }) => bytes <= MEBIBYTE).length / costs.length
  assert.ok(typical >= 0.9, `only ${typical} of them are below a MiB: ${JSON.stringify(costs)}`)
  assert.ok(dearest.bytes < 8 * MEBIBYTE, `${dearest.what}: ${dearest.bytes}`)
})
