/**
 * Merging the state of a large pool: one member joins a made-up pool of 1,000, 10,000 and 100,000. CPU time per member until
 * the host's view is complete, and the memory that stays. Each size in a process of its own, so that memory is its own.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Cluster } from 'folkmoot'
import { Peer } from './pool.ts'
import type { Table } from './report.ts'

const SIZES = [1_000, 10_000, 100_000]

export async function state(): Promise<Table> {
  const rows: Table['rows'] = []
  for (const size of SIZES) {
    const child = fork(fileURLToPath(import.meta.url), [String(size)], { execArgv: ['--expose-gc'] })
    const [row]: Table['rows'] = await once(child, 'message')
    rows.push(row)
  }
  return {
    name: 'state',
    title: 'Merging a push/pull, 118 bytes a member',
    rows,
    note: 'CPU of all threads until join() resolves, which is when the mirror is complete; memory is what RSS grew by, after a collection',
  }
}

async function measure(size: number): Promise<Table['rows'][number]> {
  const peer = new Peer()
  const report = await peer.order({ type: 'serve', members: size })
  if (report.type !== 'serving') throw new Error('the peer does not serve')
  const cluster = await Cluster.create({
    nodeName: 'state',
    bind: '127.0.0.1:0',
    probeInterval: 60_000,
    probeTimeout: 30_000,
  })
  await sleep(200)
  globalThis.gc?.()
  const rssBefore = process.memoryUsage.rss()
  const before = process.cpuUsage()
  const startedAt = performance.now()
  await cluster.join([`127.0.0.1:${report.port}`])
  const joined = cluster.memberCount
  const wall = performance.now() - startedAt
  const { user, system } = process.cpuUsage(before)
  if (joined !== size + 1) throw new Error(`the mirror holds ${joined} members instead of ${size + 1}`)
  await sleep(500)
  globalThis.gc?.()
  await sleep(500)
  const rss = process.memoryUsage.rss()
  await cluster.shutdown()
  peer.stop()
  return {
    members: size,
    'state bytes': report.bytes,
    'join() ms': wall,
    'CPU us/member': (user + system) / size,
    'RSS bytes/member': (rss - rssBefore) / size,
  }
}

const [, script, size] = process.argv
if (script === fileURLToPath(import.meta.url)) {
  process.send?.(await measure(Number(size)))
  process.disconnect()
}
