/** Streams that peers open are bounded, in all and by source, and newcomers get in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ToGossip } from '../../src/actors/mail.ts'
import { MOST_INBOUND, MOST_PER_SOURCE, overfull } from '../../src/gossip/inbound.ts'
import { encodeTree } from '../../src/wire/encode.ts'
import { LoneGossip } from './lone-gossip.ts'

const stream = (ip: string, received = 0, isSettled = false) => ({ ip, received, isSettled, isOver: false })

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

test('a stream that is over goes before any other, and is no drop', () => {
  const many = Array.from({ length: MOST_PER_SOURCE - 2 }, () => stream('a', 5, true))
  const over = { ...stream('a', 5, true), isOver: true }
  const full = overfull([stream('a'), ...many, over], 'a')
  assert.equal(full?.stream, over)
  assert.equal(full?.counter, 'streams.over')
})

test('a crowd that joins from one address leaves streams behind that are over: nobody who comes then is turned away', () => {
  const lone = new LoneGossip()
  const hear = (mail: ToGossip) => lone.gossip.receive(mail, lone.now)
  const ip = '10.0.0.1'
  const ping = encodeTree({ type: 'message', name: 'ping', fields: { Node: 'self', SeqNo: 7 } })
  const answered = (id: number) => {
    hear({ type: 'stream-accepted', stream: id, ip, port: 1 })
    hear({ type: 'stream-data', stream: id, bytes: ping })
    hear({ type: 'stream-closed', stream: id, error: '' })
  }
  for (let id = 1; id <= 2 * MOST_PER_SOURCE; id++) answered(id)
  const patient = 10_000
  hear({ type: 'stream-accepted', stream: patient, ip, port: 1 })
  for (let id = 1_001; id <= 1_000 + 2 * MOST_PER_SOURCE; id++) answered(id)
  hear({ type: 'stream-data', stream: patient, bytes: ping })
  assert.equal(lone.written.get(patient)?.length, 1)
  assert.equal(lone.stats()['drop.stream-source-full'] ?? 0, 0)
  assert.equal(lone.stats().streams, MOST_PER_SOURCE)
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
