/**
 * Streams that mean harm, on the sockets of live members in threads of their own: bombs, lengths that are lies, silence, dripping, and far too many of
 * them. The member answers pings all the while, keeps few streams open, and counts why it dropped what it dropped.
 */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'folkmoot'
import { encodeTree } from 'folkmoot/wire'
import { MOST_INBOUND } from '../src/gossip/inbound.ts'
import { compress } from '../src/wire/lzw.ts'
import { wrapCompressed } from '../src/wire/packet.ts'
import { ask, assertAnswersPing, type Place, until } from './hostile-tools.ts'
import { fromHex } from './vectors.ts'

const MEBIBYTE = 1024 * 1024

async function member(t: TestContext, nodeName: string, tcpTimeout = 1_500): Promise<Cluster> {
  const cluster = await Cluster.create({ nodeName, bind: '127.0.0.1:0', compression: false, tcpTimeout })
  t.after(() => cluster.shutdown())
  return cluster
}

const dropped = async (cluster: Cluster, reason: string) =>
  (await cluster.stats()).gossip[`drop.stream-${reason}`] ?? 0

test('a decompression bomb is given up at its bound, with an error for an answer', async (t) => {
  const cluster = await member(t, 'alpha', 20_000)
  const place = cluster.localMember()
  const bomb = wrapCompressed(compress(new Uint8Array(45 * MEBIBYTE)))
  assert.ok(bomb.length < 100_000, `${bomb.length}`)
  const before = process.memoryUsage().rss
  for (let i = 0; i < 3; i++) {
    const { answer, isClosed } = await ask(place, bomb)
    assert.ok(isClosed)
    assert.equal(answer[0], 13, 'an err')
  }
  await assertAnswersPing(t, place)
  assert.equal(await dropped(cluster, 'compress'), 3)
  const grown = process.memoryUsage().rss - before
  t.diagnostic(`three bombs of 45 MiB: ${Math.round(grown / MEBIBYTE)} MiB more`)
  assert.ok(grown < 200 * MEBIBYTE, `${grown}`)
})

test('lengths that nobody could mean are refused at once, and what could be meant waits for its deadline and takes no memory', async (t) => {
  const cluster = await member(t, 'alpha')
  const place = cluster.localMember()
  const before = process.memoryUsage().rss
  const header = (Nodes: number, UserStateLen: number) =>
    encodeTree({
      type: 'pushPull',
      header: { Join: false, Nodes, UserStateLen },
      nodes: [],
      userState: new Uint8Array(0),
    })
  const lies: [bytes: Uint8Array, reason: string][] = [
    [header(2 ** 31, 0), 'node-count'],
    [header(-1, 0), 'node-count'],
    [header(0, 2 ** 32), 'user-state-length'],
    [header(2 ** 20, 20 * MEBIBYTE), 'timeout'],
    [fromHex('0881aa557365724d73674c656ece01400000'), 'timeout'],
    [fromHex('0881aa557365724d73674c656eceffffffff'), 'user-message-length'],
    [fromHex('0982a4416c676f00a3427566db01000000'), 'timeout'],
    [fromHex('0683a44a6f696ec2a54e6f646573'), 'timeout'],
  ]
  const outcomes = await Promise.all(lies.map(([bytes]) => ask(place, bytes)))
  assert.ok(outcomes.every(({ isClosed }) => isClosed))
  for (const reason of new Set(lies.map(([, reason]) => reason))) {
    const expected = lies.filter((lie) => lie[1] === reason).length
    assert.equal(await dropped(cluster, reason), expected, reason)
  }
  assert.ok(process.memoryUsage().rss - before < 64 * MEBIBYTE)
  await assertAnswersPing(t, place)
})

test('a peer that connects and never sends, and one that drips, are both gone at the deadline', async (t) => {
  const cluster = await member(t, 'alpha')
  const place = cluster.localMember()
  const drip = connect({ host: place.address, port: place.port })
  drip.on('error', () => undefined)
  const bytes = encodeTree({
    type: 'message',
    name: 'ping',
    fields: { Node: 'alpha', SeqNo: 1, SourceNode: 'x'.repeat(500) },
  })
  let at = 0
  const timer = setInterval(() => drip.write(bytes.subarray(at, ++at)), 50)
  t.after(() => clearInterval(timer))
  const gone = new Promise((resolve) => drip.once('close', resolve))
  const silent = await ask(place, new Uint8Array(0))
  await gone
  assert.ok(silent.isClosed && silent.answer.length === 0)
  assert.ok(at < bytes.length, 'it had not finished')
  assert.equal(await dropped(cluster, 'timeout'), 2)
})

/** Connects and says nothing; whatever happens to it is no surprise. */
function idle({ address, port }: Place, from: string, all: Set<Socket>): Promise<void> {
  const socket = connect({ host: address, port, localAddress: from })
  all.add(socket)
  socket.once('close', () => all.delete(socket))
  return new Promise((resolve) => {
    socket.once('connect', () => resolve())
    socket.once('error', () => resolve())
    socket.once('close', () => resolve())
  })
}

test('ten thousand connections that say nothing: few are open at any time, pings are answered, others join', async (t) => {
  const cluster = await member(t, 'alpha', 10_000)
  const place = cluster.localMember()
  const other = await member(t, 'beta', 10_000)
  const open = new Set<Socket>()
  t.after(() => {
    for (const socket of open) socket.destroy()
  })
  let most = 0
  for (let wave = 0; wave < 50; wave++) {
    const from = wave % 2 === 0 ? '127.0.0.9' : `127.0.1.${wave}`
    await Promise.all(Array.from({ length: 200 }, () => idle(place, from, open)))
    const { gossip } = await cluster.stats()
    most = Math.max(most, gossip.streams)
    if (wave % 10 === 5) await assertAnswersPing(t, place)
    if (wave === 40) await other.join([`${place.address}:${place.port}`])
  }
  assert.equal(cluster.memberCount, 2)
  assert.ok(most <= MOST_INBOUND + 2, `${most} streams were open`)
  const stats = (await cluster.stats()).gossip
  assert.ok(stats['drop.stream-source-full'] > 0)
  assert.ok(stats['memberlist.tcp.accept'] > 5_000, `${stats['memberlist.tcp.accept']} came through`)
})

test('a thousand idle connections from many addresses leave the probes alone', async (t) => {
  const one = await member(t, 'alpha', 10_000)
  const two = await member(t, 'beta', 10_000)
  await two.join([`${one.localMember().address}:${one.localMember().port}`])
  const failed: string[] = []
  for (const cluster of [one, two])
    cluster.on('member-failed', ({ members }) => failed.push(...members.map(({ name }) => name)))
  const open = new Set<Socket>()
  t.after(() => {
    for (const socket of open) socket.destroy()
  })
  for (let i = 0; i < 1_000; i += 100)
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => idle(one.localMember(), `127.0.2.${1 + ((i + n) % 200)}`, open)),
    )
  const received = async () => (await one.stats()).detector['memberlist.udp.received'] ?? 0
  const before = await received()
  await sleep(3_000)
  await until(async () => (await received()) > before, 'packets of probes come in')
  assert.deepEqual(failed, [])
  assert.equal(one.member('beta')?.status, 'alive')
  assert.equal(two.member('alpha')?.status, 'alive')
  assert.ok((await one.stats()).gossip.streams <= MOST_INBOUND + 2)
})
