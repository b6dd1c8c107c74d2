/**
 * A Folkmoot member in a process of its own, for tests that kill it or keep its main thread busy. `MemberProcess`
 * (member.ts) starts it and speaks to it over Node's IPC; this is the other end.
 */
import { pbkdf2 } from 'node:crypto'
import { Cluster } from 'folkmoot'
import type { MemberAnswer, MemberOrder, MemberReport } from './member.ts'

const options = JSON.parse(process.argv[2])
const cluster = await Cluster.create(options)
const events: MemberReport['events'] = []
for (const type of ['member-join', 'member-leave', 'member-failed', 'member-update'] as const) {
  cluster.on(type, ({ members }) => {
    for (const { name } of members) events.push({ type, name })
  })
}

const TURN = 20

function tell(answer: MemberAnswer): void {
  process.send?.(answer)
}

/** Holds the main thread: nothing here runs before it is over, not even the answer to a question. */
function block(duration: number, meanwhile: () => void): void {
  const endsAt = performance.now() + duration
  while (performance.now() < endsAt) meanwhile()
}

/** More jobs than the pool's four threads can finish in the time: whoever else needs the pool waits behind them. */
function floodPool(duration: number): void {
  const endsAt = performance.now() + duration
  const more = () => {
    if (performance.now() < endsAt) pbkdf2('password', 'salt', 400_000, 64, 'sha512', more)
  }
  for (let job = 0; job < Math.max(64, duration / 100); job++) more()
}

/** A loop that turns, and never quickly. */
async function turns(duration: number): Promise<void> {
  for (let done = 0; done < duration; done += TURN) {
    await new Promise((resolve) => setImmediate(resolve))
    block(TURN, () => {})
  }
}

function report(): MemberReport {
  return { events, members: cluster.members().map(({ name, status }) => ({ name, status })) }
}

async function obey(order: MemberOrder): Promise<void> {
  switch (order.type) {
    case 'join':
      await cluster.join(order.seeds)
      return
    case 'block':
      return block(order.duration, () => {})
    case 'flood':
      floodPool(order.duration)
      return block(order.duration, () => {})
    case 'chatter':
      return block(order.duration, () => console.log(`much to say at ${performance.now()}`))
    case 'turns':
      return turns(order.duration)
    case 'leave':
      await cluster.leave()
      await cluster.shutdown()
      return
    case 'report':
      return
  }
}

process.on('message', async ({ id, order }: { id: number; order: MemberOrder }) => {
  try {
    await obey(order)
    tell(order.type === 'report' ? { id, report: report() } : { id })
  } catch (error) {
    tell({ id, error: String(error) })
  }
  // The last handle: after a leave the process ends by itself.
  if (order.type === 'leave') process.disconnect()
})
// The test is gone: so are we.
process.once('disconnect', () => process.exit())

const { address, port } = cluster.localMember()
tell({ id: 0, address: `${address}:${port}` })
