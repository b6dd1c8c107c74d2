/** Operations on the keys of a pool as a host sees them, with members that answer, refuse or stay silent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import type { QueryAnswer, QueryWish } from '../src/actors/mail.ts'
import { Keys } from '../src/cluster/keys.ts'
import type { Member, MemberStatus } from '../src/cluster/member.ts'
import { KEY_QUERIES } from '../src/dispatch/keyring-keeper.ts'
import { KeyOperationFailed, RotationStopped } from '../src/errors/keys.ts'
import { toBase64 } from '../src/options/coats.ts'
import { KEY_REFUSALS, Keyring } from '../src/wire/keyring.ts'
import { readKeyRequest, writeKeyAnswer } from '../src/wire/keys.ts'

const OLD = new Uint8Array(32).fill(1)
const NEW = new Uint8Array(32).fill(2)

const VERSIONS = { min: 2, max: 5, current: 5 }

class Pool {
  readonly rings = new Map<string, Keyring>()
  readonly statuses = new Map<string, MemberStatus>()
  /** How many queries a member will not answer. */
  readonly deaf = new Map<string, number>()
  readonly asked: string[] = []
  /** Runs before a query is answered. */
  before: (operation: string) => void = () => undefined

  constructor(...names: string[]) {
    for (const name of names) this.add(name, [OLD])
  }

  add(name: string, keys: Uint8Array[]): void {
    this.rings.set(name, new Keyring(keys, () => undefined))
    this.statuses.set(name, 'alive')
  }

  get keys(): Keys {
    return new Keys({
      members: () => [...this.statuses].map(([name, status]) => member(name, status)),
      sleep: async () => undefined,
      randomKey: () => NEW,
      ask: { dispatch: () => Promise.reject(new Error('no member of its own')) },
      query: (wish) => this.#query(wish),
    })
  }

  #query(wish: QueryWish) {
    const operation = Object.entries(KEY_QUERIES).find(([, name]) => name === wish.name)?.[0] ?? ''
    this.asked.push(operation)
    this.before(operation)
    const answers: QueryAnswer[] = []
    const silent: string[] = []
    for (const [name, ring] of this.rings) {
      if (wish.nodes.length > 0 && !wish.nodes.includes(name)) continue
      if (this.statuses.get(name) !== 'alive') continue
      const deaf = this.deaf.get(name) ?? 0
      this.deaf.set(name, deaf - 1)
      if (deaf > 0) silent.push(name)
      else answers.push({ from: name, payload: answered(ring, operation, wish) })
    }
    const finished = Promise.resolve({ how: 'deadline' as const, answers, acks: [], silent })
    return {
      started: Promise.resolve({ lasts: 1 }),
      finished,
      async *responses() {
        yield* answers
      },
      async *acks() {
        yield* [] as string[]
      },
      close: () => undefined,
    }
  }
}

function answered(ring: Keyring, operation: string, wish: QueryWish): Uint8Array {
  const key = readKeyRequest(wish.payload ?? new Uint8Array(0)) ?? new Uint8Array(0)
  const keys = ring.keys.map(toBase64)
  if (operation === 'list') return writeKeyAnswer({ isDone: true, message: '', keys, primaryKey: keys[0] })
  const refusal =
    operation === 'install' ? ring.add(key) : operation === 'use' ? ring.use(key) : ring.remove(key)
  const message = refusal === undefined ? '' : KEY_REFUSALS[refusal]
  return writeKeyAnswer({ isDone: refusal === undefined, message, keys: [], primaryKey: '' })
}

function member(name: string, status: MemberStatus): Member {
  const more = { incarnation: 1, statusTime: 1, protocol: VERSIONS, delegate: VERSIONS }
  return { name, status, address: '127.0.0.1', port: 7946, tags: {}, ...more }
}

const ringsOf = (pool: Pool) => [...pool.rings.values()].map((ring) => ring.keys)

test('TestSerf_InstallKey and the rest: each operation reaches every member, and says what became of it', async () => {
  const pool = new Pool('a', 'b')
  const installed = await pool.keys.install(NEW)
  assert.deepEqual([installed.numNodes, installed.numResponses, installed.numErrors], [2, 2, 0])
  await pool.keys.use(toBase64(NEW))
  assert.deepEqual(ringsOf(pool), [
    [NEW, OLD],
    [NEW, OLD],
  ])
  const listed = await pool.keys.list()
  assert.deepEqual(listed.keys, { [toBase64(NEW)]: 2, [toBase64(OLD)]: 2 })
  assert.deepEqual(listed.primaryKeys, { [toBase64(NEW)]: 2 })
  await pool.keys.remove(OLD)
  assert.deepEqual(ringsOf(pool), [[NEW], [NEW]])
})

test('who refuses and who is silent is in the error, and keys are not', async () => {
  const pool = new Pool('a', 'b', 'c')
  pool.rings.get('a')?.add(NEW)
  const refused = await pool.keys.use(NEW).catch((error: unknown) => error)
  assert.ok(refused instanceof KeyOperationFailed)
  assert.match(
    refused.message,
    /2\/3 nodes reported failure \([bc]: "Requested key is not in the keyring"\)$/,
  )
  assert.deepEqual(refused.result.messages, {
    b: 'Requested key is not in the keyring',
    c: 'Requested key is not in the keyring',
  })
  pool.deaf.set('b', 1)
  const silent = await pool.keys.list().catch((error: unknown) => error)
  assert.ok(silent instanceof KeyOperationFailed)
  assert.match(silent.message, /2\/3 nodes reported success/)
  assert.deepEqual(silent.result.silent, ['b'])
  assert.ok(!inspect(silent, { showHidden: true, depth: 9 }).includes(toBase64(OLD)))
  assert.ok(!JSON.stringify(silent).includes(toBase64(OLD)))
})

test('bad base64 is an error before anything is sent', async () => {
  const pool = new Pool('a')
  assert.throws(() => pool.keys.install('no base64!'), { code: 'ERR_INVALID_OPTION' })
  assert.deepEqual(pool.asked, [])
})

test('a rotation leaves everybody with the new key alone, in this order', async () => {
  const pool = new Pool('a', 'b', 'c')
  assert.deepEqual(await pool.keys.rotate(NEW), { removed: 1 })
  assert.deepEqual(ringsOf(pool), [[NEW], [NEW], [NEW]])
  assert.deepEqual(pool.asked, ['install', 'use', 'list', 'remove', 'list'])
})

test('an answer that gets lost is asked for again', async () => {
  const pool = new Pool('a', 'b')
  const lost = new Set<string>()
  pool.before = (operation) => {
    if (!lost.has(operation)) pool.deaf.set('b', 1)
    lost.add(operation)
  }
  await pool.keys.rotate(NEW)
  assert.deepEqual(ringsOf(pool), [[NEW], [NEW]])
})

test('with a member down the rotation stops with its name before anything is in use, and goes on later (row 57)', async () => {
  const pool = new Pool('a', 'b', 'down')
  pool.statuses.set('down', 'failed')
  const stopped = await pool.keys.rotate().catch((error: unknown) => error)
  assert.ok(stopped instanceof RotationStopped)
  assert.deepEqual([stopped.step, stopped.members], ['install', ['down']])
  assert.deepEqual(ringsOf(pool), [[OLD, NEW], [OLD, NEW], [OLD]])
  assert.ok(!inspect(stopped, { showHidden: true }).includes(toBase64(NEW)))
  pool.statuses.set('down', 'alive')
  await pool.keys.rotate(stopped.key)
  assert.deepEqual(ringsOf(pool), [[NEW], [NEW], [NEW]])
})

test('no key is removed that somebody still uses', async () => {
  const pool = new Pool('a', 'b')
  pool.before = (operation) => {
    // It fell back, as a member that was restarted with an old file does.
    if (operation === 'list') pool.rings.set('b', new Keyring([OLD, NEW], () => undefined))
  }
  const stopped = await pool.keys.rotate(NEW).catch((error: unknown) => error)
  assert.ok(stopped instanceof RotationStopped)
  assert.deepEqual([stopped.step, stopped.members], ['remove', ['b']])
  assert.deepEqual(pool.rings.get('a')?.keys, [NEW, OLD])
})

test('a member that comes in the middle gets the key, one that is excepted stays behind', async () => {
  const pool = new Pool('a', 'lost')
  pool.statuses.set('lost', 'failed')
  pool.before = (operation) => {
    if (operation === 'use' && !pool.rings.has('late')) pool.add('late', [OLD])
  }
  await pool.keys.rotate(NEW, { except: ['lost'] })
  assert.deepEqual(pool.rings.get('late')?.keys, [NEW])
  assert.deepEqual(pool.rings.get('lost')?.keys, [OLD])
})

test('changes are made one after the other', async () => {
  const pool = new Pool('a')
  const { keys } = pool
  await Promise.all([keys.rotate(NEW), keys.install(OLD)])
  assert.deepEqual(pool.asked, ['install', 'use', 'list', 'remove', 'list', 'install'])
})
