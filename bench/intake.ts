/**
 * Intake of user events: a peer pours them over UDP at rising rates into one member with three threads. What share reaches
 * the listener, and what an event costs in CPU time (user and system, all threads of this process).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'folkmoot'
import { Peer } from './pool.ts'
import type { Table } from './report.ts'

const RATES = [1_000, 10_000, 50_000, 100_000, 200_000]
const SECONDS = 3

export async function intake(): Promise<Table> {
  const peer = new Peer()
  const cluster = await Cluster.create({ nodeName: 'intake', bind: '127.0.0.1:0', profile: 'lan' })
  let heard = 0
  cluster.on('user-event', () => {
    heard += 1
  })
  const { address, port } = cluster.localMember()
  const rows: Table['rows'] = []
  let from = 1_000
  for (const eventsPerSecond of RATES) {
    heard = 0
    const before = process.cpuUsage()
    const report = await peer.order({
      type: 'pour',
      ip: address,
      port,
      eventsPerSecond,
      seconds: SECONDS,
      payloadBytes: 32,
      perPacket: 10,
      from,
    })
    await sleep(500)
    const { user, system } = process.cpuUsage(before)
    const poured = report.type === 'poured' ? report.events : 0
    from += poured
    rows.push({
      'offered events/s': eventsPerSecond,
      poured,
      delivered: heard,
      'share %': (100 * heard) / poured,
      'CPU us/event': (user + system) / Math.max(1, heard),
    })
  }
  const { detector, gossip } = await cluster.stats()
  await cluster.shutdown()
  peer.stop()
  const drops = Object.entries({ ...detector, ...gossip }).filter(([name]) => name.startsWith('drop.'))
  const note = drops.length === 0 ? 'nothing dropped' : drops.map((drop) => drop.join(' = ')).join(', ')
  return { name: 'intake', title: 'Intake of user events, 10 per packet, 32-byte payload', rows, note }
}
