/** `compression: false` is kept: not one compressed frame leaves the node, whatever its peers do. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startMember } from './pool.ts'
import { freePort, freshIp, SerfAgent, withoutSerf } from './serf-agent.ts'
import { TYPE, typesIn, WireTap } from './wire-tap.ts'

interface Sent {
  /** Type bytes of everything our node sent in packets. */
  packetTypes: Set<number>
  /** First bytes of everything our node wrote on connections. */
  streamTypes: Set<number>
}

/** One member and one agent, each behind a tap, do all that makes a node send; gives what ours has sent. */
async function whatWeSend(
  t: TestContext,
  options: { threads: 'per-actor' | 'none'; compression: boolean },
): Promise<Sent> {
  const agentBind = await freshAddress()
  const ourBind = await freshAddress()
  const atAgent = await WireTap.start(t, agentBind)
  const atOurs = await WireTap.start(t, ourBind)
  const agent = await SerfAgent.start(t, { name: 'agent-one', bind: agentBind, advertise: atAgent.address })
  const member = await startMember(t, {
    nodeName: 'folk',
    bind: ourBind,
    advertise: atOurs.address,
    ...options,
  })
  const monitor = await agent.monitor(t)
  await member.join([atAgent.address])
  await agent.join(atOurs.address)
  await member.userEvent('deploy', Buffer.from('a'.repeat(400)), { coalesce: false })
  await member.setTags({ role: 'b'.repeat(300) })
  assert.equal((await monitor.sees('deploy')).payload, 'a'.repeat(400))
  await agent.event('reply', 'c'.repeat(300), { coalesce: false })
  // Pings, acks and gossip of a few rounds.
  await sleep(4_000)
  await member.leave()
  await agent.sees('folk', 'left')
  return {
    packetTypes: new Set(atAgent.packets.flatMap(typesIn)),
    streamTypes: new Set(
      [...atAgent.requests, ...atOurs.replies].filter(({ length }) => length > 0).map(([type]) => type),
    ),
  }
}

async function freshAddress(): Promise<string> {
  const ip = freshIp()
  return `${ip}:${await freePort(ip)}`
}

describe('on the wire', { concurrency: true, skip: withoutSerf }, () => {
  for (const threads of ['per-actor', 'none'] as const) {
    test(`compression: false sends no compressed frame (threads: ${threads})`, async (t) => {
      const { packetTypes, streamTypes } = await whatWeSend(t, { threads, compression: false })
      for (const type of [TYPE.ping, TYPE.ack, TYPE.user])
        assert.ok(packetTypes.has(type), `no packet of type ${type}`)
      assert.ok(!packetTypes.has(TYPE.compress))
      // A ping over TCP may be among them where the machine is slow.
      assert.ok(streamTypes.has(TYPE.pushPull))
      assert.ok(!streamTypes.has(TYPE.compress))
    })
  }

  test('compression: true compresses packets and streams, so the tap would have seen it', async (t) => {
    const { packetTypes, streamTypes } = await whatWeSend(t, { threads: 'none', compression: true })
    assert.ok(packetTypes.has(TYPE.compress))
    assert.deepEqual([...streamTypes], [TYPE.compress])
  })
})
