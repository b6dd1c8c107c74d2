/**
 * Hostile bytes through the sockets of a live member whose actors run in threads of their own: a million datagrams and ten thousand streams,
 * `npm run long -- fuzz-sockets [seed]`. It answers pings all the while, ends as the member that it was, and its memory does not follow the bytes.
 */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'folkmoot'
import { encodeTree } from 'folkmoot/wire'
import { SeededRandom } from '../../src/actors/random.ts'
import { Inputs } from '../fuzz/inputs.ts'

const DATAGRAMS = 1_000_000
const STREAMS = 10_000
const BATCH = 500
const LARGEST_DATAGRAM = 65_000
const MEBIBYTE = 1024 * 1024
const PING = encodeTree({ type: 'message', name: 'ping', fields: { Node: 'alpha', SeqNo: 424_242 } })

export async function prove(seed: number): Promise<unknown> {
  const cluster = await Cluster.create({ nodeName: 'alpha', bind: '127.0.0.1:0', tcpTimeout: 2_000 })
  try {
    return await fuzz(cluster, new Inputs(new SeededRandom(seed)))
  } finally {
    await cluster.shutdown()
  }
}

async function fuzz(cluster: Cluster, inputs: Inputs): Promise<unknown> {
  const { address, port } = cluster.localMember()
  const socket = createSocket('udp4')
  let answers = 0
  socket.on('message', () => {
    answers += 1
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const answered = async () => {
    const before = answers
    for (let tries = 0; answers === before; tries++) {
      assert.ok(tries < 600, 'no ping is answered any more')
      socket.send(PING, port, address)
      await sleep(50)
    }
  }
  let bytes = 0
  let streams = 0
  const startedAt = process.memoryUsage().rss
  let highest = startedAt
  for (let sent = 0; sent < DATAGRAMS; sent += BATCH) {
    for (let i = 0; i < BATCH; i++) {
      const input = inputs.next().subarray(0, LARGEST_DATAGRAM)
      bytes += input.length
      socket.send(input, port, address)
    }
    const some = Math.floor(((sent + BATCH) * STREAMS) / DATAGRAMS) - streams
    await Promise.all(Array.from({ length: some }, () => say(address, port, inputs.next())))
    streams += some
    if (sent % 50_000 === 0) await answered()
    highest = Math.max(highest, process.memoryUsage().rss)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await answered()
  socket.close()
  assert.equal(cluster.member('alpha')?.status, 'alive')
  assert.ok(highest - startedAt < 400 * MEBIBYTE, `${highest - startedAt} bytes more`)
  const { detector, gossip } = await cluster.stats()
  return {
    ...{ datagrams: DATAGRAMS, streams, bytes, answers, members: cluster.memberCount },
    receivedBytes: detector['memberlist.udp.received'],
    accepted: gossip['memberlist.tcp.accept'],
    rssMiB: { before: Math.round(startedAt / MEBIBYTE), highest: Math.round(highest / MEBIBYTE) },
    drops: { detector: dropsIn(detector), gossip: dropsIn(gossip) },
  }
}

/** A stream in two pieces, closed by us when the peer has had its say. */
function say(host: string, port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const done = () => {
      socket.destroy()
      resolve()
    }
    socket.once('connect', () => {
      const half = bytes.length >> 1
      socket.write(bytes.subarray(0, half))
      socket.end(bytes.subarray(half))
    })
    socket.on('data', () => undefined)
    socket.once('end', done)
    socket.once('close', done)
    socket.once('error', done)
  })
}

function dropsIn(stats: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(stats).filter(([name]) => name.startsWith('drop.')))
}
