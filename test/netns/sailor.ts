/** A member in a namespace of its own: harbour.ts starts it, and asks it for its members and counters. */
import { Cluster } from 'folkmoot'

const cluster = await Cluster.create(JSON.parse(process.argv[2]))
process.on('message', async () => {
  const members = cluster.members().map(({ name, status }) => ({ name, status }))
  process.send?.({ members, stats: await cluster.stats() })
})
process.once('disconnect', () => process.exit())
process.send?.('ready')
