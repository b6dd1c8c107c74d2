/** Twenty members with `threads: 'none'`; five die. Ends by itself, since nothing may be left open. */
import { Cluster } from 'folkmoot'
import { eventually } from '../eventually.ts'

const COUNT = 20

const until = (what: string, holds: () => boolean) => eventually(what, holds, { within: 60_000, every: 50 })

const clusters = await Promise.all(
  Array.from({ length: COUNT }, (_, i) =>
    Cluster.create({ nodeName: `m${i}`, bind: '127.0.0.1:0', threads: 'none', profile: 'local' }),
  ),
)
const [first, ...rest] = clusters
const { address, port } = first.localMember()
await Promise.all(rest.map((cluster) => cluster.join([`${address}:${port}`])))
await until('one view', () =>
  clusters.every((cluster) => cluster.members({ status: 'alive' }).length === COUNT),
)
console.log(`one view of ${COUNT}`)

const dead = clusters.splice(5, 5)
await Promise.all(dead.map((cluster) => cluster.shutdown()))
await until('failures', () => clusters.every((cluster) => cluster.members({ status: 'failed' }).length === 5))
if (clusters.some((cluster) => cluster.members({ status: 'alive' }).length !== 15))
  throw new Error('somebody healthy failed')
console.log('5 failed everywhere')

await Promise.all(clusters.map((cluster) => cluster.shutdown()))
console.log('all shut down')
const timer = setTimeout(() => {
  console.log('the process did not end by itself')
  process.exit(1)
}, 5_000)
timer.unref()
