/**
 * Encrypted pools with real agents, and a pool of ours that is switched from plain to encrypted and back, one member after the other. Agents
 * have no such switches, so they join the plain pool before and the encrypted one afterwards.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import { Cluster, type ClusterOptions } from 'folkmoot'
import { addressOf, listed, memberEvents, startMember } from './pool.ts'
import { eventually, freshIp, SerfAgent, withoutSerf } from './serf-agent.ts'
import { WireTap } from './wire-tap.ts'

const keyOf = (bytes: 16 | 24 | 32) => randomBytes(bytes).toString('base64')

describe('encryption', { concurrency: true, skip: withoutSerf }, () => {
  for (const bytes of [16, 24, 32] as const) {
    test(`with one key of ${bytes} bytes agents and members join both ways, hear events, leave and fail`, async (t) => {
      const key = keyOf(bytes)
      const threads = bytes === 16 ? 'per-actor' : 'none'
      const one = await SerfAgent.start(t, { name: 'one', encrypt: key })
      const two = await SerfAgent.start(t, { name: 'two', encrypt: key, compression: 'off' })
      // Another key may stand behind ours: the first one encrypts.
      const member = await startMember(t, { nodeName: 'folk', threads, encryptionKeys: [key, keyOf(32)] })
      await member.join([one.address])
      await two.join(addressOf(member))
      for (const name of ['one', 'two']) await listed(member, name, 'alive')
      for (const agent of [one, two])
        for (const name of ['one', 'two', 'folk']) await agent.sees(name, 'alive')

      const monitor = await two.monitor(t)
      const heard: string[] = []
      member.on('user-event', ({ name }) => heard.push(name))
      await member.userEvent('from-us', 'sealed')
      assert.equal((await monitor.sees('from-us')).payload, 'sealed')
      await two.event('from-them', 'sealed', { coalesce: false })
      await eventually('the event of the agent', () => heard.includes('from-them'))

      // Two are left to confirm each other's suspicion: a third of the time that one alone would need.
      await two.kill9()
      await listed(member, 'two', 'failed', 40_000)
      await one.sees('two', 'failed', 40_000)
      await one.leave()
      await listed(member, 'one', 'left')
      assert.equal((await member.stats()).detector['drop.decrypt'], undefined)
    })
  }

  test('nothing readable passes the wire, and whoever has no key of ours stays outside', async (t) => {
    const key = keyOf(16)
    const ip = freshIp()
    const tap = await WireTap.start(t, `${ip}:7946`)
    const said: string[] = []
    const log = (message: string) => said.push(message)
    const logger = { debug: log, info: log, warn: log, error: log }
    const options = { bind: `${ip}:7946`, advertise: tap.address, compression: false, logger }
    const member = await startMember(t, { nodeName: 'folk-moot', encryptionKeys: [key], ...options })
    const agent = await SerfAgent.start(t, { name: 'agent-with-key', encrypt: key })
    const outsider = await SerfAgent.start(t, { name: 'plain-agent' })
    const stranger = await SerfAgent.start(t, { name: 'other-key', encrypt: keyOf(16) })
    await agent.join(tap.address)
    await listed(member, 'agent-with-key', 'alive')
    await member.userEvent('not-for-everybody', 'secret')
    await assert.rejects(outsider.join(tap.address))
    // Our refusal is sealed too, so that is all it can say.
    await eventually('our refusal in its log', () => outsider.log.includes('encryption is not configured'))
    await assert.rejects(stranger.join(tap.address))
    await assert.rejects(member.join([outsider.address]), /remote state is not encrypted/)
    await eventually('packets and streams', () => tap.packets.length > 5 && tap.requests.length >= 3)
    const wire = Buffer.concat([...tap.packets, ...tap.replies]).toString('latin1')
    for (const word of ['folk-moot', 'agent-with-key', 'not-for-everybody', 'Incarnation', 'SeqNo']) {
      assert.ok(!wire.includes(word), word)
    }
    assert.deepEqual(
      member
        .members()
        .map(({ name }) => name)
        .sort(),
      ['agent-with-key', 'folk-moot'],
    )
    const { gossip } = await member.stats()
    assert.ok(gossip['drop.stream-unencrypted'] >= 1 && gossip['drop.stream-decrypt'] >= 1)
    assert.ok(
      said.some((line) => line.includes('same keys')),
      said.join('\n'),
    )
    assert.ok(!said.join('\n').includes(key) && !JSON.stringify(await member.stats()).includes(key))
  })

  test('five members are switched from plain to encrypted and back, one by one, and nobody is called failed', async (t) => {
    const key = keyOf(32)
    const pool = await SwitchedPool.start(t)
    await pool.welcomes(t, { name: 'plain-agent' })
    const encryptionKeys = [key]
    await pool.switchAll({ encryptionKeys, verifyIncoming: false, verifyOutgoing: false })
    await pool.switchAll({ encryptionKeys, verifyIncoming: false, verifyOutgoing: true })
    await pool.switchAll({ encryptionKeys })
    await pool.welcomes(t, { name: 'agent-with-key', encrypt: key })
    await pool.switchAll({ encryptionKeys, verifyIncoming: false, verifyOutgoing: true })
    await pool.switchAll({ encryptionKeys, verifyIncoming: false, verifyOutgoing: false })
    await pool.switchAll({})
    await pool.welcomes(t, { name: 'plain-again' })
    assert.deepEqual(pool.failures, [])
  })
})

const NAMES = ['a', 'b', 'c', 'd', 'e']

/** Five members whose options are changed by restarts, one at a time, all others watching. */
class SwitchedPool {
  readonly #members = new Map<string, Cluster>()
  readonly #heard: string[][] = []
  readonly #addresses = new Map<string, string>()

  static async start(t: TestContext): Promise<SwitchedPool> {
    const pool = new SwitchedPool()
    t.after(() => Promise.all([...pool.#members.values()].map((member) => member.shutdown())))
    for (const name of NAMES) {
      pool.#addresses.set(name, `${freshIp()}:7946`)
      await pool.#begin(name, {})
    }
    return pool
  }

  /** What any member ever heard of a failure. */
  get failures(): string[] {
    return this.#heard.flat().filter((event) => event.startsWith('member-failed'))
  }

  async switchAll(options: ClusterOptions): Promise<void> {
    for (const name of NAMES) {
      const member = this.#members.get(name)
      await member?.leave()
      await member?.shutdown()
      this.#members.delete(name)
      await this.#begin(name, options)
      await this.#agrees()
    }
  }

  /** A real agent joins, is a member like any other, and leaves. */
  async welcomes(t: TestContext, options: { name: string; encrypt?: string }): Promise<void> {
    const agent = await SerfAgent.start(t, options)
    await agent.join(this.#addresses.get('a') ?? '')
    for (const name of NAMES) await agent.sees(name, 'alive')
    for (const member of this.#members.values()) await listed(member, options.name, 'alive')
    await agent.leave()
    for (const member of this.#members.values()) await listed(member, options.name, 'left')
  }

  async #begin(name: string, options: ClusterOptions): Promise<void> {
    const member = await Cluster.create({
      nodeName: name,
      bind: this.#addresses.get(name) ?? '',
      profile: 'local',
      threads: 'none',
      gossipInterval: 20,
      // With five members a broadcast misses one now and then; a push/pull finds what is missing.
      pushPullInterval: 1_000,
      retransmitMult: 4,
      leavePropagateDelay: 100,
      ...options,
    })
    this.#heard.push(memberEvents(member))
    const others = [...this.#members.values()].map(addressOf)
    this.#members.set(name, member)
    if (others.length > 0) await member.join(others)
  }

  /** Everybody lists everybody as alive. */
  async #agrees(): Promise<void> {
    for (const member of this.#members.values()) {
      for (const name of NAMES) await listed(member, name, 'alive')
    }
  }
}
