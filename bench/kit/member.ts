/** The process behind `FolkmootSubject`: a host program with one listener, that does what it is told. Ends with its channel. */
import type { Cluster } from 'folkmoot'
import type { MemberOrder } from './folkmoot.ts'
import { PackedCluster } from './packed.ts'
import { say } from './say.ts'

/** Of every event that it is told to send. */
const PAYLOAD = 'x'.repeat(64)

let cluster: Cluster | undefined
let heard = 0

async function started(order: Extract<MemberOrder, { type: 'start' }>): Promise<Cluster> {
  const made = await PackedCluster.create(order.options)
  made.on('user-event', () => {
    heard += 1
  })
  return made
}

async function tellDrops(member: Cluster): Promise<number> {
  const { detector, gossip, dispatch } = await member.stats()
  const drops = Object.entries({ ...detector, ...gossip, ...dispatch }).filter(([name]) =>
    name.startsWith('drop.'),
  )
  console.error(drops.map((drop) => drop.join(' = ')).join(', ') || 'nothing dropped')
  return drops.length
}

/** Says what it sees and hears from now on. */
function tell(member: Cluster): number {
  member.on('member-join', ({ members }) => {
    for (const { name } of members) say('EventMemberJoin', name)
  })
  member.on('member-failed', ({ members }) => {
    for (const { name } of members) say('EventMemberFailed', name)
  })
  member.on('user-event', ({ name }) => say('user-event', name))
  return 0
}

/** Every answer is a number: it costs nothing, and most are counts. */
async function obey(order: MemberOrder): Promise<number> {
  if (order.type === 'start') {
    cluster = await started(order)
    return cluster.localMember().port
  }
  if (cluster === undefined) throw new Error('not started')
  switch (order.type) {
    case 'join':
      await cluster.join([order.address])
      return cluster.memberCount
    case 'members':
      return cluster.memberCount
    case 'alive':
      return cluster.members({ status: 'alive' }).length
    case 'heard':
      return heard
    case 'tell':
      return tell(cluster)
    case 'event':
      return (await cluster.userEvent(order.name, PAYLOAD)).lamportTime
    case 'stats':
      return tellDrops(cluster)
    case 'collect':
      globalThis.gc?.()
      return 0
  }
}

process.on('message', async (order: MemberOrder) => {
  const answer = await obey(order).catch((error) => String(error))
  // Whoever asked may be gone: a channel that breaks is the end, which `disconnect` looks after.
  process.send?.(answer, () => undefined)
})
process.on('disconnect', async () => {
  await cluster?.shutdown()
  process.exit()
})
