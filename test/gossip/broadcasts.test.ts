/** The broadcast queue: order, bounds, replacement, loans. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Slab } from '../../src/actors/slab.ts'
import { type Broadcast, Broadcasts } from '../../src/gossip/broadcasts.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (message: Uint8Array): string => new TextDecoder().decode(message)
const MANY = 1_000_000

function round(queue: Broadcasts, room: number, limit: number): string {
  const taken: string[] = []
  queue.take(room, 2, limit, (message) => {
    taken.push(text(message))
  })
  return taken.join(' ')
}

test('the worked example of the protocol page comes out in its order', () => {
  const queue = new Broadcasts()
  for (const message of ['aa', 'bbbb', 'cc', 'dddddd', 'e']) queue.add(bytes(message), -1, MANY)
  const rounds = [1, 2, 3, 4].map(() => round(queue, 14, 2))
  assert.deepEqual(rounds, ['dddddd bbbb', 'cc aa e', 'dddddd bbbb', 'cc aa e'])
  assert.equal(queue.size, 0)
})

test('a message with the key of another replaces it and finishes it', () => {
  const queue = new Broadcasts()
  let finished = 0
  queue.add(bytes('old'), 7, MANY, () => {
    finished += 1
  })
  queue.add(bytes('new'), 7, MANY)
  queue.add(bytes('else'), 8, MANY)
  assert.equal(finished, 1)
  assert.equal(round(queue, 100, 9), 'else new')
})

test('a message is finished once, when its last send is used', () => {
  const queue = new Broadcasts()
  let finished = 0
  queue.add(bytes('m'), -1, MANY, () => {
    finished += 1
  })
  round(queue, 10, 2)
  assert.equal(finished, 0)
  round(queue, 10, 2)
  assert.equal(finished, 1)
  assert.equal(round(queue, 10, 2), '')
  assert.equal(finished, 1)
})

test('the bound holds at every insertion: the most sent, shortest, oldest message goes', () => {
  const queue = new Broadcasts()
  const gone: string[] = []
  const add = (message: string) => {
    queue.add(bytes(message), -1, 3, () => {
      gone.push(message)
    })
  }
  add('sent')
  round(queue, 100, 9)
  add('b1')
  add('b2')
  add('ccc')
  assert.deepEqual(gone, ['sent'])
  add('b3')
  assert.deepEqual(gone, ['sent', 'b1'])
  assert.equal(queue.size, 3)
})

test('what is lent and not used can be sent later, what is used cannot, and one send always stays', () => {
  const queue = new Broadcasts()
  const limit = 4
  let finished = 0
  queue.add(bytes('m'), -1, MANY, () => {
    finished += 1
  })
  const loans: [Broadcast, number][] = []
  queue.lend(100, 2, limit, 9, (item, sends) => {
    loans.push([item, sends])
  })
  assert.deepEqual(
    loans.map(([, sends]) => sends),
    [3],
  )
  assert.equal(round(queue, 100, limit), 'm', 'the send that stayed')
  assert.equal(finished, 0, 'three sends are still out')
  for (const [item, sends] of loans) queue.giveBack(item, sends, 1, limit)
  assert.equal(round(queue, 100, limit), 'm', 'the send that came back')
  assert.equal(finished, 1)
  assert.equal(queue.size, 0)
})

test('a loan of a message that was replaced meanwhile brings nothing back', () => {
  const queue = new Broadcasts()
  queue.add(bytes('old'), 1, MANY)
  const loans: [Broadcast, number][] = []
  queue.lend(100, 2, 4, 2, (item, sends) => {
    loans.push([item, sends])
  })
  queue.add(bytes('new'), 1, MANY)
  for (const [item, sends] of loans) queue.giveBack(item, sends, sends, 4)
  assert.equal(round(queue, 100, 4), 'new')
  assert.equal(queue.size, 1)
})

test('for any sequence of additions and packets the order is that of a plain sorted list', () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 1, max: 9 }), key: fc.integer({ min: -1, max: 3 }) }),
    fc.record({ room: fc.integer({ min: 0, max: 40 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, limit) => {
      const queue = new Broadcasts()
      let model: { message: string; key: number; number: number; sends: number }[] = []
      let number = 0
      for (const one of steps) {
        if ('add' in one) {
          number += 1
          const message = String(number % 10).repeat(one.add)
          queue.add(bytes(message), one.key, MANY)
          if (one.key >= 0) model = model.filter(({ key }) => key !== one.key)
          model.push({ message, key: one.key, number, sends: 0 })
        } else {
          const taken: string[] = []
          let room = one.room
          const inOrder = model.toSorted(
            (a, b) => a.sends - b.sends || b.message.length - a.message.length || b.number - a.number,
          )
          for (const item of inOrder) {
            if (room <= 2 || item.message.length > room - 2) continue
            room -= 2 + item.message.length
            taken.push(item.message)
            item.sends += 1
          }
          model = model.filter(({ sends }) => sends < limit)
          assert.equal(round(queue, one.room, limit), taken.join(' '))
        }
        assert.equal(queue.size, model.length)
      }
    }),
    { numRuns: 300 },
  )
})

test('messages that are passed over for hours do not keep the blocks of their neighbours that are long gone', () => {
  const queue = new Broadcasts()
  const slab = new Slab()
  const long = new Uint8Array(400)
  const short = new Uint8Array(20)
  // Long ones go first and are sent once: the short ones stay, one in each block.
  for (let i = 0; i < 60_000; i++) {
    if (i % 150 === 0) queue.add(slab.keep(short), -1, 4_096)
    queue.add(slab.keep(long), -1, 4_096)
    queue.take(402, 2, 1, () => undefined)
  }
  const left: Uint8Array[] = []
  queue.take(MANY, 2, 1, (message) => left.push(message))
  assert.equal(left.length, 400)
  assert.deepEqual(new Set(left.map(({ length }) => length)), new Set([20]))
  const blocks = new Set(left.map(({ buffer }) => buffer))
  const kept = [...blocks].reduce((sum, { byteLength }) => sum + byteLength, 0)
  assert.ok(kept < 2.5 * 2 ** 20, `${kept} bytes for 8,000`)
})
