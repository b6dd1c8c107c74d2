/** The adapters over real loopback sockets: literal addresses, half-open streams, bounds, and errors that come back as mail. */
import assert from 'node:assert/strict'
import dns from 'node:dns'
import { connect } from 'node:net'
import { test } from 'node:test'
import { chosen } from '../../workers/addresses.ts'
import { Connections } from '../../workers/connections.ts'
import { PingStreams } from '../../workers/streams-of-pings.ts'
import { MOST_ACCEPTED, Tcp } from '../../workers/tcp.ts'
import { Udp } from '../../workers/udp.ts'
import { eventually } from '../eventually.ts'

const until = (holds: () => boolean, within = 20_000) =>
  eventually('what is waited for', holds, { within, every: 5 })

test('UDP goes to literal addresses without a look-up', async (t) => {
  const asked = t.mock.method(dns, 'lookup', () => {
    throw new Error('looked up')
  })
  const heard: string[] = []
  const events = {
    packet: (bytes: Uint8Array, ip: string) => heard.push(`${Buffer.from(bytes)} from ${ip}`),
    unsent: (_seqNo: number, error: Error) => heard.push(String(error)),
  }
  const one = new Udp(events)
  const two = new Udp(events)
  await one.bind('127.0.0.1', 47_811)
  await two.bind('127.0.0.1', 47_812)
  t.after(() => Promise.all([one.close(), two.close()]))
  for (let i = 0; i < 50; i++) one.send(Buffer.from(`hello ${i}`), '127.0.0.1', 47_812, 0)
  await until(() => heard.length === 50)
  assert.equal(heard[0], 'hello 0 from 127.0.0.1')
  assert.equal(asked.mock.callCount(), 0)
})

test('a datagram that the system refuses comes back with the number of its ping', async (t) => {
  const refused: number[] = []
  const udp = new Udp({ packet: () => undefined, unsent: (seqNo) => refused.push(seqNo) })
  await udp.bind('127.0.0.1', 0)
  t.after(() => udp.close())
  // Larger than any datagram may be.
  udp.send(new Uint8Array(70_000), '127.0.0.1', 9, 77)
  udp.send(new Uint8Array(70_000), '127.0.0.1', 9, 0)
  await until(() => refused.length === 2)
  assert.deepEqual(refused.sort(), [0, 77])
})

test("a bound port is refused to the next, with the system's code, and free once closed", async () => {
  const events = { packet: () => undefined, unsent: () => undefined }
  const [one, two] = [new Udp(events), new Udp(events)]
  await one.bind('127.0.0.1', 47_813)
  await assert.rejects(two.bind('127.0.0.1', 47_813), { code: 'EADDRINUSE' })
  await one.close()
  await two.bind('127.0.0.1', 47_813)
  await two.close()
})

test('a peer that ends its side still gets the answer', async (t) => {
  const heard: string[] = []
  const tcp: Tcp = new Tcp({
    accepted: (stream) => heard.push(`accepted ${stream}`),
    connected: () => undefined,
    data: (stream, bytes) => {
      heard.push(String(bytes))
      // Later than the end of the peer's side.
      setTimeout(() => {
        tcp.write(stream, Buffer.from('answer'))
        tcp.end(stream)
      }, 50)
    },
    closed: (stream, error) => heard.push(`closed ${stream} ${error}`),
  })
  const port = await tcp.listen('127.0.0.1', 0)
  t.after(() => tcp.close())
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  socket.end('question')
  let answer = ''
  for await (const bytes of socket) answer += bytes
  assert.equal(answer, 'answer')
  assert.deepEqual(heard, ['accepted 1', 'question', 'closed 1 '])
})

test('dialling where nobody listens closes the stream with the reason', async () => {
  const closed: string[] = []
  const tcp = new Tcp({
    accepted: () => undefined,
    connected: () => undefined,
    data: () => undefined,
    closed: (stream, error) => closed.push(`${stream} ${error}`),
  })
  tcp.dial(-1, '127.0.0.1', 1)
  await until(() => closed.length === 1)
  assert.match(closed[0], /^-1 .*ECONNREFUSED/)
  await tcp.close()
})

test('connections beyond the bound are dropped at the door', async (t) => {
  let accepted = 0
  const tcp = new Tcp({
    accepted: () => {
      accepted += 1
    },
    connected: () => undefined,
    data: () => undefined,
    closed: () => undefined,
  })
  const port = await tcp.listen('127.0.0.1', 0)
  t.after(() => tcp.close())
  let dropped = 0
  for (let opened = 0; opened < MOST_ACCEPTED + 60; opened += 1) {
    const socket = connect({ host: '127.0.0.1', port })
    t.after(() => socket.destroy())
    socket.on('error', () => undefined)
    socket.once('close', () => {
      dropped += 1
    })
    // Read, or the end of the other side would not be noticed.
    socket.resume()
    // Few at once: the system's own queue in front of a listener holds no more than some hundred.
    if (opened % 50 === 49) await until(() => accepted + dropped > opened - 50)
  }
  await until(() => accepted === MOST_ACCEPTED && dropped === 60)
  assert.deepEqual({ accepted, dropped }, { accepted: MOST_ACCEPTED, dropped: 60 })
})

test('a ping over TCP gives all bytes so far, fails when the peer ends, and says nothing once closed', async (t) => {
  const heard: string[] = []
  const pings = new PingStreams(
    {
      data: (seqNo, bytes) => heard.push(`${seqNo} ${Buffer.from(bytes)}`),
      failed: (seqNo) => heard.push(`${seqNo} failed`),
    },
    (events) => new Connections(events),
  )
  t.after(() => pings.closeAll())
  const tcp: Tcp = new Tcp({
    accepted: () => undefined,
    connected: () => undefined,
    data: (stream, bytes) => {
      tcp.write(stream, bytes)
      if (String(bytes) === 'bye') tcp.end(stream)
    },
    closed: () => undefined,
  })
  const port = await tcp.listen('127.0.0.1', 0)
  t.after(() => tcp.close())
  pings.dial(1, '127.0.0.1', port, Buffer.from('bye'))
  await until(() => heard.length === 2)
  assert.deepEqual(heard, ['1 bye', '1 failed'])
  pings.dial(2, '127.0.0.1', port, Buffer.from('stay'))
  await until(() => heard.length === 3)
  pings.close(2)
  pings.dial(3, '127.0.0.1', 1, Buffer.from('nobody'))
  await until(() => heard.length === 4)
  assert.deepEqual(heard.slice(2), ['2 stay', '3 failed'])
})

test('ten thousand pings over TCP, answered, refused, or given up, leave no socket and no stream behind (B26)', async (t) => {
  let ended = 0
  const pings = new PingStreams(
    {
      data: (seqNo) => {
        ended += 1
        pings.close(seqNo)
      },
      failed: () => {
        ended += 1
      },
    },
    (events) => new Connections(events),
  )
  const tcp = new Tcp({
    accepted: () => undefined,
    connected: () => undefined,
    data: (stream, bytes) => tcp.write(stream, bytes),
    closed: (stream) => tcp.destroy(stream),
  })
  const port = await tcp.listen('127.0.0.1', 0)
  t.after(() => tcp.close())
  const sockets = () => process.getActiveResourcesInfo().filter((one) => one === 'TCPSocketWrap').length
  for (let seqNo = 1; seqNo <= 10_000; ) {
    const wanted = ended + 80
    for (const last = seqNo + 99; seqNo <= last; seqNo++) {
      pings.dial(seqNo, '127.0.0.1', seqNo % 2 === 0 ? port : 1, Buffer.from('ping'))
      // A fifth are given up at once, as when a probe ends.
      if (seqNo % 5 === 0) pings.close(seqNo)
    }
    await until(() => ended >= wanted)
  }
  assert.equal(ended, 8_000)
  await until(() => sockets() === 0)
  await pings.closeAll()
})

test('bound to all addresses a private one is advertised, with the reason', () => {
  const info = (address: string, internal = false) => ({
    address,
    internal,
    family: 'IPv4' as const,
    netmask: '255.0.0.0',
    mac: '00:00:00:00:00:00',
    cidr: null,
  })
  assert.deepEqual(
    chosen('IPv4', { lo: [info('127.0.0.1', true)], eth0: [info('8.8.8.8')], eth1: [info('10.1.2.3')] }),
    {
      ip: '10.1.2.3',
      reason: 'bound to all addresses; the first private address of this host, on eth1',
    },
  )
  assert.equal(chosen('IPv4', { eth0: [info('8.8.8.8')] }).ip, '8.8.8.8')
  assert.equal(chosen('IPv4', { lo: [info('127.0.0.1', true)] }).ip, '127.0.0.1')
  assert.equal(chosen('IPv4', { eth0: [info('172.32.0.1')], eth1: [info('172.31.0.1')] }).ip, '172.31.0.1')
})
