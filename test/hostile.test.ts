/**
 * Malformed packets and streams on the sockets of a live member: it answers what is to be answered, drops the rest, counts what it dropped
 * by reason, and is afterwards the member that it was.
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, type Threads } from 'folkmoot'
import { ask, listener } from './hostile-tools.ts'
import { fromHex, inputVectors } from './vectors.ts'

/** How long a stream may be left open. */
const PATIENCE = 1_000

/** The first of the recorded inputs is an ordinary ping. */
async function assertAnswersPing(t: TestContext, address: string, port: number): Promise<void> {
  const { socket, heard } = await listener(t)
  socket.send(fromHex(inputVectors[0].hex), port, address)
  for (let waited = 0; waited < 1_000 && heard.length === 0; waited += 10) await sleep(10)
  assert.equal(heard.length, 1, 'after all of it a ping is answered')
}

for (const threads of ['per-actor', 'none'] satisfies Threads[]) {
  test(`${threads}: the recorded hostile packets and streams have the effect of the newest original, and none does harm`, async (t) => {
    const cluster = await Cluster.create({
      nodeName: 'alpha',
      bind: '127.0.0.1:0',
      threads,
      compression: false,
    })
    t.after(() => cluster.shutdown())
    const { address, port } = cluster.localMember()
    for (const { name, transport, hex, effect } of inputVectors) {
      const expected = effect['memberlist-newest']
      if (transport === 'udp') {
        const { socket, heard } = await listener(t)
        // Pings with a source of their own are answered there, so their acks do not come back here.
        const isSentElsewhere = name.startsWith('ping-source')
        socket.send(fromHex(hex), port, address)
        for (let waited = 0; waited < 250 && heard.length === 0; waited += 10) {
          await sleep(10)
          if (expected !== 'ack' && waited >= 50) break
        }
        if (!isSentElsewhere) assert.equal(heard.length > 0, expected === 'ack', name)
        continue
      }
      const { answer, isClosed } = await ask({ address, port }, fromHex(hex), PATIENCE)
      assert.ok(isClosed, `${name}: the stream is left open`)
      if (expected === 'pushpull-reply') assert.equal(answer[0], 6, name)
      else if (expected === 'ack') assert.equal(answer[0], 2, name)
      else if (expected === 'error-reply') assert.equal(answer[0], 13, name)
      else assert.equal(answer.length, 0, name)
    }
    assert.deepEqual(
      cluster.members().map(({ name }) => name),
      ['alpha'],
      'nobody was let in',
    )
    await assertAnswersPing(t, address, port)
    const { detector, gossip } = await cluster.stats()
    for (const reason of ['compress', 'compound', 'crc', 'empty', 'ping-for-another']) {
      assert.ok(detector[`drop.${reason}`] > 0, `packets dropped for ${reason}: ${JSON.stringify(detector)}`)
    }
    for (const reason of ['stream-node-count', 'stream-type', 'stream-compress', 'push-pull']) {
      assert.ok(gossip[`drop.${reason}`] > 0, `streams dropped for ${reason}: ${JSON.stringify(gossip)}`)
    }
  })
}

test('two hundred streams that say nothing are dropped at their deadline, and members still join meanwhile', async (t) => {
  const options = { threads: 'none', profile: 'local', tcpTimeout: 1_500 } as const
  const cluster = await Cluster.create({ nodeName: 'alpha', bind: '127.0.0.1:0', ...options })
  const other = await Cluster.create({ nodeName: 'beta', bind: '127.0.0.1:0', ...options })
  t.after(() => Promise.all([cluster.shutdown(), other.shutdown()]))
  const { address, port } = cluster.localMember()
  let closed = 0
  const sockets = Array.from({ length: 200 }, () => connect({ host: address, port }))
  for (const socket of sockets) {
    socket.on('error', () => undefined)
    socket.once('close', () => {
      closed += 1
    })
    t.after(() => socket.destroy())
  }
  await sleep(200)
  await other.join([`${address}:${port}`])
  assert.equal(cluster.memberCount, 2)
  for (let waited = 0; waited < 5_000 && closed < 200; waited += 50) await sleep(50)
  assert.equal(closed, 200)
  const { gossip } = await cluster.stats()
  // All come from one address: some give way to those that come later.
  assert.equal(gossip['drop.stream-timeout'] + gossip['drop.stream-source-full'], 200)
  assert.ok(gossip['drop.stream-timeout'] >= 100)
})
