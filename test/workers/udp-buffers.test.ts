/** What the system keeps of datagrams for us, and what it drops when that is full (known defect 54). */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { Cluster } from 'folkmoot'
import { LAN } from '../../src/options/numbers.ts'
import { dropsIn, kernelDrops } from '../../workers/kernel-drops.ts'
import { eventually, freePort, freshIp } from '../interop/serf-agent.ts'

const isLinux = process.platform === 'linux'

test('drops are those of the socket with our address, IPv4 and IPv6', { skip: !isLinux }, () => {
  const table = [
    '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops',
    '  101: 0100007F:1F0A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 17',
    '  102: 0100007F:1F0B 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 4',
    '  103: 00000000:1F0A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 5',
    '  104: 00000000000000000000000001000000:1F0A 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 9',
    '',
  ].join('\n')
  assert.equal(dropsIn(table, '127.0.0.1', 0x1f0a), 17)
  assert.equal(dropsIn(table, '0.0.0.0', 0x1f0a), 5)
  assert.equal(dropsIn(table, '::1', 0x1f0a), 9)
  assert.equal(dropsIn(table, '127.0.0.2', 0x1f0a), undefined)
})

test('a socket that nobody reads drops what its buffer does not hold, and that is counted', {
  skip: !isLinux,
}, async (t) => {
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.setRecvBufferSize(4_096)
  assert.equal(kernelDrops('127.0.0.1', port), 0)
  // All in one turn of ours: nothing is read meanwhile.
  const sender = createSocket('udp4')
  t.after(() => sender.close())
  sender.bind(0, '127.0.0.1')
  await once(sender, 'listening')
  const sent = Array.from(
    { length: 200 },
    () => new Promise((done) => sender.send(Buffer.alloc(1_000), port, '127.0.0.1', done)),
  )
  await Promise.all(sent)
  assert.ok((kernelDrops('127.0.0.1', port) ?? 0) > 0)
})

for (const threads of ['per-actor', 'none'] as const) {
  test(`a member asks for the buffers it is told, and its metrics have what was dropped (threads: ${threads})`, {
    skip: !isLinux,
  }, async (t) => {
    const ip = freshIp()
    const port = await freePort(ip)
    const small = { udpReceiveBuffer: 65_536, udpSendBuffer: 65_536 }
    const member = await Cluster.create({ nodeName: 'bound', bind: `${ip}:${port}`, threads, ...small })
    t.after(() => member.shutdown())
    const { gossip } = await member.stats()
    assert.equal(gossip['udp.kernel-drops'], 0)
    const flood = createSocket('udp4')
    t.after(() => flood.close())
    flood.bind(0, ip)
    await once(flood, 'listening')
    await eventually('drops', async () => {
      for (let i = 0; i < 400; i++) flood.send(Buffer.alloc(8_000), port, ip)
      const metric = (await member.metrics()).find(({ name }) => name === 'folkmoot.udp.kernel-drops')
      return metric?.type === 'gauge' && metric.values[0].value > 0
    })
  })
}

test('by default a burst of megabytes waits', () => {
  assert.ok(LAN.udpReceiveBuffer >= 2 * 2 ** 20 && LAN.udpSendBuffer >= 2 * 2 ** 20)
})
