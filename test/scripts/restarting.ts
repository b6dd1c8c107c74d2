/** A member that writes down the name of every user event it hears, at once and for good, until it is killed. */
import { appendFileSync } from 'node:fs'
import { Cluster } from 'folkmoot'

const [, , bind, snapshotPath, heard, seed] = process.argv
const cluster = await Cluster.create({ nodeName: 'restarting', profile: 'local', bind, snapshotPath })
cluster.on('user-event', ({ name }) => appendFileSync(heard, `${name}\n`))
await cluster.join([seed])
console.log('joined')
