/** A member that is ended by signals, as `handleSignals` does it. Its arguments: a seed, and how long it drains, or `leave`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, handleSignals } from '../../src/index.ts'

const [seed, how] = process.argv.slice(2)
const cluster = await Cluster.create({
  nodeName: 'signalled',
  bind: '127.0.0.1:0',
  profile: 'local',
  threads: 'one',
})
handleSignals(cluster, {
  ...(how !== 'leave' && { drain: { until: () => sleep(Number(how)), deadline: 60_000 } }),
  ended: () => console.log(`ended, ${process.listenerCount('SIGTERM')} handlers are left`),
})
await cluster.join([seed])
console.log('ready')
