/** A join through a wall that packets pass in one direction only: TCP works, the original says "joined", and ours says what is wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutSerf } from '../interop/serf-agent.ts'
import { Ours, Real } from './crew.ts'
import { Harbour, withoutNamespaces } from './harbour.ts'

test('packets come to us from nobody: the join of a real agent is unconfirmed, and its neighbour without a wall joins', {
  skip: withoutNamespaces || withoutSerf,
}, async (t) => {
  const harbour = new Harbour(t)
  const [pier, walled, open] = [harbour.berth(), harbour.berth(), harbour.berth()]
  harbour.wall({ to: walled, protocol: 'udp' })
  await Real.start(t, pier, 'agent')
  const behind = await Ours.start(t, walled, 'behind-the-wall')
  const free = await Ours.start(t, open, 'in-the-open')
  const join = [`${pier.ip}:7946`]
  const { joined: doubted } = await behind.word({ join })
  assert.deepEqual([doubted?.code, doubted?.reason], ['ERR_JOIN_UNCONFIRMED', 'firewall'])
  // It is decided at two probe intervals, which are 2 s; the rest is what a loaded machine may add.
  const after = doubted?.after ?? 0
  assert.ok(after >= 1_900 && after < 20_000, `${after} ms`)
  const { joined } = await free.word({ join })
  assert.deepEqual([joined?.code, joined?.reason], ['', ''])
})
