/**
 * The process behind `WebHost`: an HTTP server that answers with a little JSON, with or without a cluster beside it. What it is asked and answers
 * goes over its IPC channel; it ends with it.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Cluster } from 'folkmoot'
import { PackedCluster } from './packed.ts'
import { moleculer, swim } from './peers.ts'

export type Beside =
  | 'nothing'
  | 'moleculer'
  | 'happn-swim'
  | '@wzrdtales/swim-ng'
  | 'per-actor'
  | 'one'
  | 'none'

export type HostOrder =
  | { type: 'start'; beside: Beside }
  | { type: 'join'; address: string }
  /** Forgets what was measured of the loop. */
  | { type: 'begin' }
  /** 99% of the delays of the loop since, in milliseconds. */
  | { type: 'delay' }

export interface Started {
  http: number
  gossip: number
}

const NANO = 1e6
/** Port of a member that nobody joins. */
const ALONE = 21_990
/** The rhythm of Serf's LAN profile, as everything else here has. */
const RHYTHM = { interval: 1_000, joinTimeout: 2_000, pingTimeout: 500, pingReqTimeout: 900 }
const BODY = JSON.stringify({
  hello: 'world',
  items: Array.from({ length: 20 }, (_, i) => ({ id: i, name: `item ${i}` })),
})

const delays = monitorEventLoopDelay({ resolution: 5 })
let cluster: Cluster | undefined

async function start(beside: Beside): Promise<Started> {
  const server = createServer((_request, response) => {
    // As a handler does: something is made of objects.
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(JSON.parse(BODY)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const gossip = await startBeside(beside)
  delays.enable()
  const address: AddressInfo | string | null = server.address()
  return { http: address !== null && typeof address === 'object' ? address.port : 0, gossip }
}

async function startBeside(beside: Beside): Promise<number> {
  if (beside === 'nothing') return 0
  if (beside === 'moleculer') {
    const library = moleculer()
    if (library === undefined) throw new Error('moleculer is not installed')
    await new library.ServiceBroker({ nodeID: 'web', transporter: 'TCP', logger: false }).start()
    return 0
  }
  if (beside === 'happn-swim' || beside === '@wzrdtales/swim-ng') {
    const Swim = swim(beside)
    if (Swim === undefined) throw new Error(`${beside} is not installed`)
    const member = new Swim({ local: { host: `127.0.0.1:${ALONE}` }, ...RHYTHM })
    await new Promise<void>((resolve, reject) =>
      member.bootstrap([], (error) => (error ? reject(error) : resolve())),
    )
    return 0
  }
  cluster = await PackedCluster.create({ nodeName: 'web', bind: '127.0.0.1:0', threads: beside })
  cluster.on('user-event', () => undefined)
  return cluster.localMember().port
}

async function obey(order: HostOrder): Promise<Started | number> {
  switch (order.type) {
    case 'start':
      return start(order.beside)
    case 'join':
      await cluster?.join([order.address])
      return cluster?.memberCount ?? 0
    case 'begin':
      delays.reset()
      return 0
    case 'delay':
      return delays.percentile(99) / NANO
  }
}

process.on('message', async (order: HostOrder) => {
  process.send?.(await obey(order).catch((error) => String(error)))
})
process.on('disconnect', () => process.exit())
