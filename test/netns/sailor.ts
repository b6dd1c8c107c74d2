/** A member of ours in a namespace of its own: crew.ts starts it and asks it. */
import { Cluster } from 'folkmoot'
import { diagnose } from '../../src/agent/doctor.ts'
import type { Order, Word } from './crew.ts'

const cluster = await Cluster.create(JSON.parse(process.argv[2]))
const failed: string[] = []
cluster.on('member-failed', ({ members }) => failed.push(...members.map(({ name }) => name)))

async function tryToJoin(seeds: string[]): Promise<NonNullable<Word['joined']>> {
  const startedAt = performance.now()
  const error: unknown = await cluster.join(seeds).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  const field = (name: string) => String(Reflect.get(Object(error), name) ?? '')
  return { code: field('code'), reason: field('reason'), after: performance.now() - startedAt }
}

async function obey({ id, join, examine }: Order): Promise<Word> {
  // A join that reaches nobody is no news: the firewall may want it so.
  const joined = join === undefined ? undefined : await tryToJoin(join)
  const members = cluster.members().map(({ name, status }) => ({ name, status }))
  const [stats, paths] = await Promise.all([cluster.stats(), cluster.paths()])
  return {
    id,
    joined,
    members,
    failed,
    stats,
    paths,
    findings: examine ? await diagnose(cluster, Date.now) : [],
  }
}

process.on('message', async (order: Order) => process.send?.(await obey(order)))
process.once('disconnect', () => process.exit())
process.send?.({ id: 0 })
