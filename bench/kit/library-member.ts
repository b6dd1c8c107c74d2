/**
 * The process behind `LibraryMember`. The SWIM libraries probe fifty times a second by default and allow an answer 4 ms; here they have the rhythm
 * of Serf's LAN profile, a probe a second and half a second for its answer. Moleculer has its own.
 */
import type { LibraryOrder } from './library.ts'
import { type MoleculerBroker, moleculer, swim } from './peers.ts'
import { say } from './say.ts'

const RHYTHM = { interval: 1_000, joinTimeout: 2_000, pingTimeout: 500, pingReqTimeout: 900 }
const FAULTY = 2
const EVENT = 'said'

interface Running {
  join(address: string): Promise<void>
  event(name: string): Promise<void>
}

type Start = Extract<LibraryOrder, { type: 'start' }>

async function startSwim(library: 'happn-swim' | '@wzrdtales/swim-ng', host: string): Promise<Running> {
  const Swim = swim(library)
  if (Swim === undefined) throw new Error(`${library} is not installed`)
  const member = new Swim({ local: { host }, ...RHYTHM })
  const seen = new Set<string>()
  const gone = ({ host: other }: { host: string }) => {
    if (seen.delete(other)) say('EventMemberFailed', other)
  }
  member.on('change', (other) => {
    if (other.state === FAULTY) return gone(other)
    if (seen.has(other.host)) return
    seen.add(other.host)
    say('EventMemberJoin', other.host)
  })
  member.on('drop', gone)
  await called((done) => member.bootstrap([], done))
  return {
    join: (address) => called((done) => member.join([address], done)),
    event: async () => undefined,
  }
}

function called(call: (done: (error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())))
}

/** It learns of others from a list of addresses that it is given when it starts, so that all but the first start when they are to join. */
async function startMoleculer({ name, port, first }: Start): Promise<Running> {
  const library = moleculer()
  if (library === undefined) throw new Error('moleculer is not installed')
  const options = { udpDiscovery: false, useHostname: false, port, urls: [`tcp://${first}`] }
  const broker: MoleculerBroker = new library.ServiceBroker({
    nodeID: name,
    transporter: { type: 'TCP', options },
    logger: false,
  })
  broker.localBus.on('$node.connected', ({ node }) => say('EventMemberJoin', node.id))
  broker.localBus.on('$node.disconnected', ({ node }) => say('EventMemberFailed', node.id))
  broker.createService({
    name: 'listener',
    events: { [EVENT]: ({ params }) => say('user-event', params.name) },
  })
  const isFirst = first.endsWith(`/${name}`)
  if (isFirst) await broker.start()
  return {
    join: async () => {
      if (!isFirst) await broker.start()
    },
    event: async (event) => {
      await broker.broadcast(EVENT, { name: event })
    },
  }
}

let running: Running | undefined

async function obey(order: LibraryOrder): Promise<void> {
  if (order.type === 'start') {
    const { library, name } = order
    running = library === 'moleculer' ? await startMoleculer(order) : await startSwim(library, name)
  } else if (order.type === 'join') await running?.join(order.address)
  else await running?.event(order.name)
}

process.on('message', (order: LibraryOrder) => {
  obey(order).then(
    () => process.send?.(''),
    (error) => process.send?.(String(error)),
  )
})
process.on('disconnect', () => process.exit())
