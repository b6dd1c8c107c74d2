/** How a packet is filled from the four queues: our own news first, a share for user messages, bounds at every insertion. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Counters } from '../../src/actors/counters.ts'
import { SeededRandom } from '../../src/actors/random.ts'
import { MemberTable } from '../../src/gossip/members.ts'
import { HELD } from '../../src/gossip/precedence.ts'
import { type QueueName, type QueueRules, Queues } from '../../src/gossip/queues.ts'
import { settle } from '../../src/options/options.ts'
import { PacketOpener } from '../../src/wire/packet.ts'

const COATS = { compression: false, label: new Uint8Array(0) }
const SETTINGS = settle({ nodeName: 'self' }, 'self')

function lone(rules: Partial<QueueRules> = {}) {
  const counters = new Counters()
  const warnings: string[] = []
  const table = new MemberTable(new SeededRandom(1))
  table.setHeld(table.add(Uint8Array.of(1), 0, 1), HELD.alive, 0)
  const queues = new Queues({ ...SETTINGS, ...rules }, COATS, table, counters, (_, message) =>
    warnings.push(message),
  )
  return { queues, counters, warnings }
}

/** A message of a queue: type byte, then a letter over and over. */
const message = (letter: string, length: number): Uint8Array =>
  Uint8Array.from([8, ...new Array<number>(length - 1).fill(letter.charCodeAt(0))])

/** Letters of the messages in one packet, with their lengths. */
function packet(queues: Queues): string[] {
  const found: string[] = []
  const opener = new PacketOpener(COATS, new Counters(), (_type, bytes, start, end) => {
    found.push(`${String.fromCharCode(bytes[start])}${end - start + 1}`)
  })
  for (const bytes of queues.packets()) opener.open(bytes)
  return found
}

const bytesOf = (letter: string, found: readonly string[]): number =>
  found.filter((one) => one.startsWith(letter)).reduce((sum, one) => sum + Number(one.slice(1)), 0)

function crowd(queues: Queues, name: QueueName, letter: string, count: number, length: number): void {
  for (let i = 0; i < count; i++) queues.add(name, message(letter, length))
}

test('our own leave and our own update go before everything else, whatever their length', () => {
  const { queues } = lone()
  crowd(queues, 'membership', 'm', 50, 100)
  crowd(queues, 'intents', 'i', 50, 60)
  crowd(queues, 'events', 'e', 50, 60)
  queues.add('intents', message('L', 20), -1, undefined, 'first')
  queues.add('membership', message('U', 40), 0, undefined, 'first')
  assert.deepEqual(packet(queues).slice(0, 2), ['U40', 'L20'])
})

test('our own news is the last to be dropped from a full queue', () => {
  const { queues } = lone({ maxQueueDepth: 3 })
  queues.add('intents', message('L', 20), -1, undefined, 'first')
  crowd(queues, 'intents', 'i', 50, 60)
  assert.equal(queues.intents.size, 3)
  assert.equal(packet(queues)[0], 'L20')
})

test('while members come and go a fifth of each packet is for user messages', () => {
  const { queues } = lone()
  crowd(queues, 'membership', 'm', 500, 100)
  crowd(queues, 'events', 'e', 500, 100)
  let users = 0
  let all = 0
  for (let i = 0; i < 10; i++) {
    const found = packet(queues)
    users += bytesOf('e', found)
    all += bytesOf('e', found) + bytesOf('m', found)
  }
  assert.ok(users / all > 0.15 && users / all < 0.25, `${users} of ${all}`)
})

test('a user message longer than the share of one packet gets its turn when enough is saved up', () => {
  const { queues } = lone()
  crowd(queues, 'membership', 'm', 2_000, 100)
  queues.add('events', message('e', 700))
  const turns = [1, 2, 3, 4].map(() => bytesOf('e', packet(queues)))
  assert.deepEqual(turns, [0, 0, 700, 0], 'a share is 278 bytes: three of them hold it')
})

test('user messages have the whole room that members leave over', () => {
  const { queues } = lone()
  crowd(queues, 'membership', 'm', 2, 100)
  crowd(queues, 'events', 'e', 500, 100)
  const found = packet(queues)
  assert.equal(bytesOf('m', found), 200)
  assert.ok(bytesOf('e', found) >= 1_000)
})

test('without user messages members have the whole packet, and with a share of 0 always', () => {
  const { queues } = lone()
  crowd(queues, 'membership', 'm', 500, 100)
  assert.ok(bytesOf('m', packet(queues)) >= 1_200)
  const greedy = lone({ userMessageShare: 0 }).queues
  crowd(greedy, 'membership', 'm', 500, 100)
  crowd(greedy, 'events', 'e', 500, 20)
  const found = packet(greedy)
  assert.ok(bytesOf('m', found) >= 1_200 && bytesOf('e', found) < 100, found.join())
})

test('what is lent to ride on pings keeps the same order and share', () => {
  const { queues } = lone()
  crowd(queues, 'membership', 'm', 500, 100)
  crowd(queues, 'events', 'e', 500, 100)
  queues.add('membership', message('U', 40), 0, undefined, 'first')
  let lent = ''
  queues.lend(2, (_queue, item) => {
    lent += String.fromCharCode(item.bytes[1])
  })
  assert.match(lent, /^Ue{2}m{10,}$/)
})

test('no packet is longer than the room, whatever waits in which queue', () => {
  const names = fc.constantFrom<QueueName>('membership', 'intents', 'queries', 'events')
  const waiting = fc.array(fc.tuple(names, fc.integer({ min: 2, max: 1_300 }), fc.boolean()), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(waiting, fc.integer({ min: 0, max: 80 }), (messages, userMessageShare) => {
      const { queues } = lone({ userMessageShare })
      for (const [name, length, isOwn] of messages) {
        queues.add(
          name,
          message('x', length),
          -1,
          undefined,
          isOwn && name !== 'events' && name !== 'queries' ? 'first' : 'in turn',
        )
      }
      // Each turn sends something until all sends of all messages are used: nothing starves, nothing is sent twice in one packet.
      for (let turn = 0; !queues.isEmpty; turn++) {
        const found = packet(queues)
        const bytes = found.reduce((sum, one) => sum + Number(one.slice(1)) + 2, 0)
        assert.ok(found.length > 0 && bytes <= queues.room && turn < 1_000)
      }
    }),
    { numRuns: 60 },
  )
})

test('10,000 intents in a second: the queue is never above its bound, the loss is counted, and warned of once', () => {
  const { queues, counters, warnings } = lone()
  for (let i = 0; i < 10_000; i++) {
    queues.now = i / 10
    queues.add('intents', message('i', 20 + (i % 30)))
    assert.ok(queues.intents.size <= 4_096)
  }
  assert.equal(counters.get('drop.queue-intents'), 10_000 - 4_096)
  assert.equal(warnings.length, 1)
  const gauges = queues.gauges()
  assert.equal(gauges.intent_queue, 4_096)
  assert.equal(gauges['folkmoot.queue.intents.dropped'], 10_000 - 4_096)
  assert.ok(gauges['folkmoot.queue.intents.age'] > 300)
  queues.now = 70_000
  queues.add('intents', message('i', 20))
  assert.equal(warnings.length, 2, 'a minute later it is worth another line')
})

test('a minimal depth stands in for the maximal one, and twice the pool always has room', () => {
  const { queues } = lone({ minQueueDepth: 10 })
  crowd(queues, 'events', 'e', 50, 30)
  assert.equal(queues.events.size, 10)
})

test('an empty message is never queued: as a part of a compound it would end the packaged Serf', () => {
  const { queues, counters } = lone()
  let isFinished = false
  queues.add('events', new Uint8Array(0), -1, () => {
    isFinished = true
  })
  assert.deepEqual(queues.packets(), [])
  assert.deepEqual([isFinished, counters.get('drop.broadcast-too-large')], [true, 1])
})
