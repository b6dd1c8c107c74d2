/** The network in memory by itself: streams keep their order whatever happens to what is on them, packets do not, and nothing crosses a drop. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Streams } from '../../src/cluster/transport.ts'
import { MemoryNetwork, type MemoryNetworkOptions } from '../../workers/memory-network.ts'
import { eventually } from '../eventually.ts'

interface Pair {
  near: Streams
  far: Streams
  heard: string[]
}

/** A stream from .1 to .2, and what the far end hears of it. */
async function pair(options: MemoryNetworkOptions): Promise<Pair> {
  const network = new MemoryNetwork(options)
  const heard: string[] = []
  const far = network.transport('10.0.0.2').streams({
    accepted: (stream, ip) => heard.push(`accepted ${stream} from ${ip}`),
    connected: () => assert.fail('nothing was dialled here'),
    data: (_stream, bytes) => heard.push(String(bytes[0])),
    closed: (_stream, error) => heard.push(`closed ${error}`),
  })
  await far.listen('10.0.0.2', 1)
  const near = network.transport('10.0.0.1').streams({
    accepted: () => assert.fail('nobody dials us'),
    connected: () => heard.push('connected'),
    data: () => undefined,
    closed: () => undefined,
  })
  near.dial(-1, '10.0.0.2', 1)
  // Whoever does not wait for the connection is heard all the same, behind it.
  for (let i = 0; i < 20; i++) near.write(-1, Uint8Array.of(i))
  return { near, far, heard }
}

const until = (holds: () => boolean) => eventually('what is waited for', holds, { within: 20_000, every: 5 })

test('bytes on a stream come in order, whatever is lost or late', async () => {
  let crossings = 0
  const fate = () => {
    crossings += 1
    return crossings % 7 === 1 ? 'lost' : (40 - crossings * 3) % 20
  }
  const { near, heard } = await pair({ fate })
  near.end(-1)
  await until(() => heard.at(-1) === 'closed ')
  const bytes = Array.from({ length: 20 }, (_, i) => String(i))
  assert.deepEqual(heard, ['accepted 1 from 10.0.0.1', 'connected', ...bytes, 'closed '])
})

test('of a stream that is dropped the other end hears that, once, and nothing that was still under way', async () => {
  const { near, heard } = await pair({ fate: ({ carrier }) => (carrier === 'stream' ? 30 : 0) })
  await until(() => heard.includes('0'))
  near.destroy(-1)
  await until(() => heard.at(-1) === 'closed the connection was closed')
  const { length } = heard
  await sleep(100)
  assert.equal(heard.length, length)
  assert.ok(!heard.includes('19'), heard.join())
})

test('after a close the place is free, and nothing more is heard', async () => {
  const { far, heard } = await pair({ fate: ({ carrier }) => (carrier === 'stream' ? 50 : 0) })
  await until(() => heard.includes('connected'))
  await far.close()
  await sleep(150)
  assert.deepEqual(heard, ['accepted 1 from 10.0.0.1', 'connected'])
  await far.listen('10.0.0.2', 1)
})

test('of a flood of packets a receiver holds 1,024, and a packet that no datagram holds is unsent', async () => {
  const network = new MemoryNetwork()
  let packets = 0
  const unsent: number[] = []
  const events = {
    packet: () => {
      packets += 1
    },
    unsent: (seqNo: number) => unsent.push(seqNo),
  }
  const one = network.transport('10.0.0.1').packets(events)
  const two = network.transport('10.0.0.2').packets(events)
  await Promise.all([one.bind('10.0.0.1', 1), two.bind('0.0.0.0', 1)])
  for (let i = 0; i < 5_000; i++) one.send(Uint8Array.of(1), '10.0.0.2', 1, 0)
  one.send(new Uint8Array(65_508), '10.0.0.2', 1, 9)
  one.send(Uint8Array.of(1), '10.0.0.3', 1, 10)
  await until(() => packets > 0 && unsent.length > 0)
  await sleep(20)
  assert.deepEqual({ packets, unsent }, { packets: 1_024, unsent: [9] })
})
