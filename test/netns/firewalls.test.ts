/** Real processes in real networks: what is lost or blocked on the way, and who stays alive all the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { allAlive, Harbour, withoutNamespaces } from './harbour.ts'

const CASES = [
  { what: 'with 30% of all packets lost', rule: 'meta l4proto udp numgen random mod 100 < 30', walled: 3 },
  { what: 'with UDP wholly blocked and TCP open', rule: 'meta l4proto udp', walled: 3 },
  { what: 'with UDP towards one of them blocked', rule: 'meta l4proto udp', walled: 1 },
]

for (const { what, rule, walled } of CASES) {
  test(`${what} three members stay alive`, { skip: withoutNamespaces }, async (t) => {
    const harbour = new Harbour(t)
    const isBlocked = rule === 'meta l4proto udp'
    const berths = [harbour.berth(), harbour.berth(), harbour.berth()]
    for (const { namespace } of berths.slice(0, walled)) harbour.drop(namespace, rule)
    const seeds = [`${berths[0].ip}:7946`]
    const asks = await Promise.all(
      berths.map((berth, i) =>
        harbour.start(t, berth, {
          nodeName: `m${i}`,
          pushPullInterval: 2_000,
          rejoin: { seeds, minInterval: 200 },
        }),
      ),
    )
    await allAlive(asks)
    await sleep(6_000)
    for (const [i, ask] of asks.entries()) {
      const { members, stats } = await ask()
      assert.deepEqual(
        members.map(({ status }) => status),
        ['alive', 'alive', 'alive'],
      )
      const text = Object.entries(stats.gossip).filter(([name]) => name === 'serf.member.failed')
      assert.deepEqual(text, [], 'somebody was failed meanwhile')
      // What names the cause: nothing comes directly, TCP answers, and every path is known to be impaired.
      if (isBlocked && i < walled) {
        assert.equal(stats.detector['probe.acked-direct'], undefined)
        assert.ok(stats.detector['probe.acked-stream'] > 0)
        assert.equal(stats.detector['paths.impaired'], 2)
      } else assert.ok(stats.detector['memberlist.udp.received'] > 0)
    }
  })
}
