/** A thread with a detector in it that counts what its event loop is asked for, by kind: for the test of the ack path. */
import { createHook } from 'node:async_hooks'
import { lookup } from 'node:dns'
import { stat } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { Pack } from '../../src/actors/packed.ts'
import { packRosterEntry } from '../../src/actors/roster.ts'
import { settle } from '../../src/options/options.ts'
import { DetectorBody } from '../../workers/detector-body.ts'

const kinds: Record<string, number> = {}

const settings = settle(
  {
    nodeName: 'counted',
    bind: '127.0.0.1:0',
    probeInterval: 200,
    probeTimeout: 100,
    hostStall: { after: 0 },
  },
  'counted',
)
const body = new DetectorBody(
  settings,
  { tell: () => undefined, waiting: () => 0 },
  {
    log: () => undefined,
    mailboxes: () => ({}),
    beats: () => 0,
    stalled: () => undefined,
    crashed: (error) => {
      throw error
    },
  },
)

/** A port that was free for a moment. */
const port = 20_000 + (process.pid % 20_000)
let bound = await body.bind('127.0.0.1', port)
for (let next = port + 1; !bound.ok; next++) bound = await body.bind('127.0.0.1', next)

// From here on everything is counted.
createHook({
  init: (_id, kind) => {
    kinds[kind] = (kinds[kind] ?? 0) + 1
  },
}).enable()

body.begin({ name: 'counted', ip: '127.0.0.1', port: bound.port, bindPort: bound.port })
const pack = new Pack()
for (const row of [1, 2, 3]) {
  packRosterEntry(pack, {
    row,
    instance: 1,
    incarnation: 1,
    port: 9,
    standing: 'alive',
    protocolMax: 5,
    address: Uint8Array.of(127, 0, 0, 1),
    name: new TextEncoder().encode(`silent-${row}`),
  })
}
body.receive({ type: 'roster', bytes: pack.take(), expected: 0 })

parentPort?.on('message', async (order: 'count' | 'sin') => {
  if (order === 'sin') {
    await new Promise<void>((resolve) => lookup('localhost', () => resolve()))
    await new Promise<void>((resolve) => stat('.', () => resolve()))
  }
  const envelope = await body.command({ type: 'stats' })
  parentPort?.postMessage({ kinds, stats: envelope.ok ? envelope.value : {} })
})
parentPort?.postMessage({ port: bound.port })
