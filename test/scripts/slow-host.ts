/**
 * The host of the proof of slow listeners: a member with a listener that can be told to take a tenth of a second for every event. It keeps a
 * picture of the pool by events alone, and says by messages to its parent how it is.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, type Member } from '../../src/index.ts'
import { allSettled } from './memory-probe.ts'

/** How long the listener takes for an event, in milliseconds; undefined: it does not listen. */
let pace: number | undefined
let heard = 0
let lagged = 0
const seen = new Map<string, string>()

const [bind] = process.argv.slice(2)
const cluster = await Cluster.create({ nodeName: 'host', bind, threads: 'per-actor' })

function block(milliseconds: number): void {
  for (const endsAt = performance.now() + milliseconds; performance.now() < endsAt; );
}

function see({ name, status, incarnation }: Member): void {
  seen.set(name, `${status} ${incarnation}`)
}

async function listen(): Promise<void> {
  for await (const event of cluster.events({
    types: [
      'members',
      'member-join',
      'member-failed',
      'member-leave',
      'member-update',
      'member-reap',
      'lagged',
    ],
  })) {
    if (!('members' in event)) continue
    if (event.type === 'lagged') lagged += event.count
    if (event.type === 'members' || event.type === 'lagged') seen.clear()
    for (const member of event.members) see(member)
    heard += 1
    if (event.type !== 'members') block(pace ?? 0)
    // A reader that takes its time, in the loop that its host lives in.
    await sleep(0)
  }
}

process.on('message', async (order: { type: string; pace?: number }) => {
  if (order.type === 'listen') {
    pace = order.pace
    void listen()
  } else if (order.type === 'pace') pace = order.pace
  const threads = order.type === 'memory' ? await allSettled() : []
  const stats = order.type === 'view' ? await cluster.stats() : undefined
  process.send?.({
    type: order.type,
    heard,
    lagged,
    rss: process.memoryUsage.rss(),
    threads,
    ...(order.type === 'view' && {
      members: cluster.members().map(({ name, status, incarnation }) => [name, `${status} ${incarnation}`]),
      seen: [...seen],
      stats,
    }),
  })
})
process.send?.({ type: 'ready', port: cluster.localMember().port })
