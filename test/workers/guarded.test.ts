/** The fence round a host's transport: events never come inside a turn, in order, and nothing is waited for for ever. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { PacketEvents, StreamEvents, Transport } from '../../src/cluster/transport.ts'
import { guarded } from '../../workers/guarded.ts'

const NOTHING = async (): Promise<void> => undefined

/** A transport that hands its events out, and does nothing. */
function puppet() {
  const events: { packets?: PacketEvents; streams?: StreamEvents } = {}
  const calls: string[] = []
  const transport: Transport = {
    packets: (heard) => {
      events.packets = heard
      return { bind: NOTHING, send: () => undefined, close: NOTHING }
    },
    streams: (heard) => {
      events.streams = heard
      return {
        listen: async () => 1,
        dial: (stream) => calls.push(`dial ${stream}`),
        write: () => undefined,
        end: () => undefined,
        destroy: (stream) => calls.push(`destroy ${stream}`),
        close: NOTHING,
      }
    },
  }
  return { transport, events, calls }
}

test('what a transport tells inside a call is told after it, in order, and two that answer at once do not spin', async () => {
  const told: string[] = []
  let isInside = false
  let echoes = 0
  const echo: Transport = {
    ...puppet().transport,
    packets: (events) => ({
      bind: NOTHING,
      send: (packet, ip, port) => events.packet(packet, ip, port),
      close: NOTHING,
    }),
  }
  const packets = guarded(echo, () => assert.fail('a complaint')).packets({
    packet: (bytes) => {
      assert.ok(!isInside, 'inside a call')
      told.push(String(bytes[0]))
      echoes += 1
      // Answers for ever: each answer must take a turn of its own.
      send(bytes[0])
    },
    unsent: () => undefined,
  })
  const send = (byte: number): void => {
    isInside = true
    packets.send(Uint8Array.of(byte), '10.0.0.1', 1, 0)
    isInside = false
  }
  send(1)
  send(2)
  send(3)
  assert.deepEqual(told, [])
  await turn()
  await turn()
  assert.deepEqual(told.slice(0, 3), ['1', '2', '3'])
  assert.ok(echoes < 20, `${echoes}`)
  await packets.close()
  const { length } = told
  await turn()
  await turn()
  assert.equal(told.length, length, 'nothing is told once closed')
})

test('events of streams that nobody opened, or that were dropped, and of closed sides are not heard', async () => {
  const { transport, events, calls } = puppet()
  const heard: string[] = []
  const complaints: string[] = []
  const streams = guarded(transport, (where) => complaints.push(where)).streams({
    accepted: (stream) => heard.push(`accepted ${stream}`),
    connected: (stream) => heard.push(`connected ${stream}`),
    data: (stream) => heard.push(`data ${stream}`),
    closed: (stream) => heard.push(`closed ${stream}`),
  })
  streams.dial(-1, '10.0.0.1', 1)
  events.streams?.connected(-1)
  events.streams?.connected(-2)
  events.streams?.data(5, Uint8Array.of(1))
  events.streams?.accepted(5, '10.0.0.1', 9)
  events.streams?.accepted(5, '10.0.0.1', 9)
  events.streams?.accepted(0.5, '10.0.0.1', 9)
  events.streams?.data(5, Uint8Array.of(1))
  streams.destroy(5)
  events.streams?.data(5, Uint8Array.of(1))
  await streams.close()
  events.streams?.closed(-1, '')
  assert.deepEqual(heard, ['connected -1', 'accepted 5', 'data 5'])
  assert.deepEqual(calls, ['dial -1', 'destroy 5'])
  assert.deepEqual(complaints, ['accepted', 'accepted'])
})

test('of a flood inside one call a bounded number waits', async () => {
  let packets = 0
  const complaints = new Set<string>()
  const flood: Transport = {
    ...puppet().transport,
    packets: (events) => ({
      bind: NOTHING,
      send: (packet, ip, port) => {
        for (let i = 0; i < 100_000; i++) events.packet(packet, ip, port)
      },
      close: NOTHING,
    }),
  }
  const flooded = guarded(flood, (where) => complaints.add(where)).packets({
    packet: () => {
      packets += 1
    },
    unsent: () => undefined,
  })
  flooded.send(Uint8Array.of(1), '10.0.0.1', 1, 0)
  await turn()
  await turn()
  assert.equal(packets, 65_536)
  assert.deepEqual([...complaints], ['packet'])
})

test('a bind or a close that never ends is given up', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const never = () => new Promise<never>(() => undefined)
  const complaints: string[] = []
  const stuck: Transport = {
    ...puppet().transport,
    packets: () => ({ bind: never, send: () => undefined, close: never }),
  }
  const packets = guarded(stuck, (where) => complaints.push(where)).packets({
    packet: () => undefined,
    unsent: () => undefined,
  })
  const bound = packets.bind('10.0.0.1', 1)
  t.mock.timers.tick(10_000)
  await assert.rejects(bound, /bind took more than 10000 ms/)
  const closed = packets.close()
  t.mock.timers.tick(1_000)
  await closed
  assert.deepEqual(complaints, ['close'])
})
