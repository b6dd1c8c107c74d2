/** Streams that peers open are bounded, in all and by source, and newcomers get in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MOST_INBOUND, MOST_PER_SOURCE, overfull } from '../../src/gossip/inbound.ts'
import { encodeTree } from '../../src/wire/encode.ts'
import { LoneGossip } from './lone-gossip.ts'

const stream = (ip: string, received = 0, isSettled = false) => ({ ip, received, isSettled })

test('the one that gives way is silent, else unfinished, else the oldest; of the same source first', () => {
  const many = Array.from({ length: MOST_PER_SOURCE }, () => stream('a', 5, true))
  const others = [stream('b'), stream('c', 3)]
  assert.equal(overfull([...others, ...many.slice(1)], 'a'), undefined)
  assert.equal(overfull([...others, ...many], 'd'), undefined)
  assert.equal(overfull([...others, ...many], 'a')?.stream, many[0])
  const dripping = stream('a', 1)
  const silent = stream('a')
  assert.equal(overfull([...many.slice(1), dripping], 'a')?.stream, dripping)
  assert.equal(overfull([...many.slice(2), dripping, silent], 'a')?.stream, silent)
  assert.equal(overfull([...many.slice(2), dripping, silent], 'a')?.counter, 'drop.stream-source-full')
  const all = Array.from({ length: MOST_INBOUND }, (_, i) => stream(`10.0.0.${i % 250}`, 1))
  assert.equal(overfull(all, 'z')?.stream, all[0])
  assert.equal(overfull(all, 'z')?.counter, 'drop.stream-full')
})

test('ten thousand connections that say nothing, and one that asks: it is answered, and few are open', () => {
  const lone = new LoneGossip()
  const accept = (id: number, ip: string) =>
    lone.gossip.receive({ type: 'stream-accepted', stream: id, ip, port: 1 }, lone.now)
  const ping = encodeTree({ type: 'message', name: 'ping', fields: { Node: 'self', SeqNo: 7 } })
  for (let i = 1; i <= 10_000; i++) accept(i, i % 2 === 0 ? '10.0.0.1' : `10.1.${i % 7}.${i % 200}`)
  assert.equal(lone.stats().streams, MOST_INBOUND)
  accept(10_001, '10.0.0.1')
  for (let i = 10_002; i <= 10_050; i++) accept(i, '10.0.0.1')
  lone.gossip.receive({ type: 'stream-data', stream: 10_001, bytes: ping }, lone.now)
  assert.equal(lone.written.get(10_001)?.length, 1)
  const { streams, 'drop.stream-full': full, 'drop.stream-source-full': source } = lone.stats()
  assert.equal(streams, MOST_INBOUND)
  assert.equal(full + source, 10_050 - MOST_INBOUND)
  assert.ok(full > 0 && source > 0, `${full} ${source}`)
  lone.advance(60_000)
  assert.equal(lone.stats().streams, 0)
})
