/** Joins over real sockets and a real name server: names, SRV, ourselves, addresses that swallow everything, and giving up. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Cluster, type ClusterOptions, JoinFailed } from 'folkmoot'
import { eventually, freshIp } from './interop/serf-agent.ts'
import { addressOf } from './local.ts'
import { FakeDns } from './workers/fake-dns.ts'

async function member(t: TestContext, options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await Cluster.create({ bind: `${freshIp()}:0`, threads: 'none', ...options })
  t.after(() => cluster.shutdown())
  return cluster
}

/** Accepts connections and never says a word. */
async function silence(t: TestContext): Promise<{ place: string; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.resume()
    socket.once('close', () => sockets.delete(socket))
  })
  const ip = freshIp()
  server.listen(0, ip)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return { place: `${ip}:${address !== null && typeof address === 'object' ? address.port : 0}`, sockets }
}

test('a member is joined by its name, and by a service name that tells its port', async (t) => {
  const one = await member(t, { nodeName: 'one' })
  const { address, port } = one.localMember()
  const dns = await FakeDns.start(t, {
    ips: { 'one.example.org': [address, freshIp()] },
    services: { '_serf._udp.example.org': [{ target: 'one.example.org', port }] },
  })
  const two = await member(t, { nodeName: 'two', dnsServers: [dns.address] })
  const { reached, outcomes } = await two.join(['_serf._udp.example.org'])
  assert.deepEqual([reached, outcomes[0].reached, outcomes[0].addresses.length], [1, true, 2])
  assert.equal(two.member('one')?.status, 'alive')
  const three = await member(t, { nodeName: 'three', dnsServers: [dns.address] })
  assert.equal((await three.join([`one.example.org:${port}`])).reached, 1)
})

test('a name that stands for ourselves reaches nobody', async (t) => {
  const dns = await FakeDns.start(t, { ips: { 'self.example.org': [] } })
  const lone = await member(t, { nodeName: 'lone', dnsServers: [dns.address] })
  dns.records = { ips: { 'self.example.org': [lone.localMember().address] } }
  await assert.rejects(lone.join(['self.example.org']), (error) => {
    assert.ok(error instanceof JoinFailed)
    assert.deepEqual(error.outcomes[0].addresses, [addressOf(lone)])
    assert.match(error.outcomes[0].error, /our own address/)
    return true
  })
})

test('32 addresses that swallow everything hold up nobody', async (t) => {
  const holes = await Promise.all(Array.from({ length: 32 }, () => silence(t)))
  const good = await member(t, { nodeName: 'good' })
  const newcomer = await member(t, { nodeName: 'newcomer' })
  const { reached, outcomes } = await newcomer.join([...holes.map(({ place }) => place), addressOf(good)])
  // Had it waited for any of them, it would have an outcome by now. The bound of two seconds is judged in virtual time.
  assert.equal(reached, 1)
  assert.equal(outcomes.filter(({ error }) => error === 'no answer yet').length, 32)
})

test('a join that is given up drops its connections and rejects with the reason', async (t) => {
  const hole = await silence(t)
  const lone = await member(t, { nodeName: 'lone' })
  const aborter = new AbortController()
  const join = lone.join([hole.place], { signal: aborter.signal })
  await eventually('a connection', () => hole.sockets.size === 1)
  aborter.abort(new Error('enough'))
  await assert.rejects(join, /enough/)
  await eventually('the connection is gone', () => hole.sockets.size === 0, { within: 5_000 })
  assert.equal((await lone.stats()).gossip.streams, 0)
})

test('more seeds than a join may have are refused', async (t) => {
  const lone = await member(t, { nodeName: 'lone' })
  await assert.rejects(lone.join(Array.from({ length: 1_025 }, (_, i) => `10.0.0.1:${i + 1}`)), {
    code: 'ERR_INVALID_ARGUMENT',
  })
})

for (const threads of ['none', 'per-actor'] as const) {
  test(`${threads}: a host knows whether its member is in a pool, at once and by an event`, async (t) => {
    const one = await member(t, { nodeName: 'one', threads, profile: 'local' })
    assert.equal(one.connection, 'isolated')
    const heard: string[] = []
    one.on('connection', ({ previous, connection }) => heard.push(`${previous} ${connection}`))
    const two = await member(t, { nodeName: 'two', threads, rejoin: { seeds: [addressOf(one)] } })
    assert.notEqual(two.connection, 'isolated', 'it has a seed to try')
    await eventually('both are joined', () => one.connection === 'joined' && two.connection === 'joined')
    const three = await member(t, { nodeName: 'three', threads })
    await three.join([addressOf(one)])
    assert.equal(three.connection, 'joined')
    await Promise.all([two.leave(), three.leave()])
    assert.deepEqual([two.connection, three.connection], ['joined', 'joined'])
    await eventually('it is alone again', () => one.connection === 'isolated')
    await eventually('all was heard', () => heard.length === 2)
    assert.deepEqual(heard, ['isolated joined', 'joined isolated'])
  })
}

test('a member that is alone is where its name points by now, and the pool finds it there', async (t) => {
  const [before, after] = [freshIp(), freshIp()]
  const dns = await FakeDns.start(t, { ips: { 'me.example.org': [before] } })
  const named = await member(t, {
    ...{ nodeName: 'named', bind: '0.0.0.0:0', advertise: 'me.example.org', dnsServers: [dns.address] },
    rejoin: { minInterval: 200, maxInterval: 500 },
    profile: 'local',
  })
  const seed = await member(t, { nodeName: 'seed', profile: 'local' })
  const place = addressOf(seed)
  await named.join([place])
  await eventually('the seed has it', () => seed.member('named')?.address === before)
  dns.records = { ips: { 'me.example.org': [after] } }
  await seed.shutdown()
  await eventually('it is alone and has moved', () => named.localMember().address === after)
  const again = await member(t, { nodeName: 'again', bind: place, profile: 'local' })
  await eventually('it is found there', () => again.member('named')?.address === after)
  await eventually('and acks', async () => (await again.paths())[0]?.direct > 0)
})
