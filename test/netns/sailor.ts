/** A member of ours in a namespace of its own: crew.ts starts it and asks it. */
import { Cluster } from 'folkmoot'
import { diagnose } from '../../src/agent/doctor.ts'
import type { Order, Word } from './crew.ts'

const cluster = await Cluster.create(JSON.parse(process.argv[2]))
const failed: string[] = []
cluster.on('member-failed', ({ members }) => failed.push(...members.map(({ name }) => name)))

async function obey({ id, join, examine }: Order): Promise<Word> {
  // A join that reaches nobody is no news: the firewall may want it so.
  if (join !== undefined) await cluster.join(join).catch(() => undefined)
  const members = cluster.members().map(({ name, status }) => ({ name, status }))
  const [stats, paths] = await Promise.all([cluster.stats(), cluster.paths()])
  return { id, members, failed, stats, paths, findings: examine ? await diagnose(cluster, Date.now) : [] }
}

process.on('message', async (order: Order) => process.send?.(await obey(order)))
process.once('disconnect', () => process.exit())
process.send?.({ id: 0 })
