/** Errors keep class, code, fields and message across threads. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  ActorExited,
  BindFailed,
  BroadcastTimeout,
  ClusterClosed,
  ClusterLeft,
  EventTooLarge,
  FeatureNotSupported,
  FolkmootError,
  InvalidArgument,
  InvalidOption,
  isFolkmootError,
  JoinFailed,
  JoinRefused,
  JoinUnconfirmed,
  OriginUnnamed,
  QueryAnswered,
  QueryExpired,
  QueryTooLarge,
  RelayTooLarge,
  ResponseTooLarge,
  TagsTooLarge,
  TooManyQueries,
} from '../src/errors/errors.ts'
import { fromPlain, toPlain } from '../src/errors/plain.ts'

const outcomes = [{ seed: 'a', addresses: ['10.0.0.1:7946'], reached: false, own: false, error: 'refused' }]
const ALL = [
  new InvalidOption('bind', 7, 'an address'),
  new InvalidArgument('join: no seeds'),
  new BindFailed('10.0.0.1:7946', new Error('in use')),
  new ClusterClosed('join'),
  new ClusterLeft('join'),
  new JoinFailed(outcomes),
  new JoinRefused('label', 'closed without a word', outcomes),
  new JoinUnconfirmed('firewall', 'no packet comes back', outcomes),
  new EventTooLarge(513, 512),
  new QueryTooLarge(1025, 1024),
  new ResponseTooLarge(1025, 1024),
  new RelayTooLarge(1060, 1024),
  new QueryAnswered(),
  new QueryExpired(),
  new OriginUnnamed(),
  new TooManyQueries(1024),
  new FeatureNotSupported('query: Feature not supported'),
  new TagsTooLarge(600, 512),
  new BroadcastTimeout('tags'),
  new ActorExited('gossip'),
]

for (const error of ALL) {
  test(`${error.name} crosses threads as itself`, () => {
    const again = fromPlain(structuredClone(toPlain(error)))
    assert.equal(again.constructor, error.constructor)
    assert.ok('code' in again)
    assert.equal(again.code, error.code)
    assert.equal(again.message, error.message)
    assert.equal(again.name, error.name)
    assert.deepEqual(toPlain(again).details, toPlain(error).details)
    assert.ok(again instanceof FolkmootError && isFolkmootError(again))
  })
}

const root = fileURLToPath(new URL('../..', import.meta.url))

test('codes are distinct, and an error of somebody else is not ours', () => {
  assert.equal(new Set(ALL.map(({ code }) => code)).size, ALL.length)
  assert.equal(isFolkmootError(new Error('else')), false)
  assert.equal(isFolkmootError(undefined), false)
})

test('errors of the language and of the system keep class, name, code, fields, stack and causes', () => {
  const system = Object.assign(new Error('bind EADDRINUSE'), {
    code: 'EADDRINUSE',
    errno: -98,
    syscall: 'bind',
  })
  const type = new TypeError('not a function', { cause: system })
  const odd = Object.assign(new Error('odd'), { name: 'AbortError', huge: { not: 'carried' } })
  const all = new AggregateError([type, odd, 'a text', undefined], 'several', { cause: 7 })
  const exited = new ActorExited('gossip', all)
  const again = fromPlain(structuredClone(toPlain(exited)))
  assert.ok(again instanceof ActorExited && again.actor === 'gossip')
  const several = again.cause
  assert.ok(several instanceof AggregateError)
  assert.equal(several.message, 'several')
  assert.equal(several.cause, 7)
  const [first, second, third, fourth] = several.errors
  assert.equal(first.constructor, TypeError)
  assert.equal(first.stack, type.stack)
  assert.deepEqual({ ...first.cause }, { code: 'EADDRINUSE', errno: -98, syscall: 'bind' })
  assert.equal(second.name, 'AbortError')
  assert.ok(!('huge' in second))
  assert.deepEqual([third, fourth], ['a text', 'undefined'])
})

test('a chain of causes without an end is cut, and what was thrown may be anything', () => {
  const endless = new Error('endless')
  endless.cause = endless
  let depth = 0
  for (let error: unknown = fromPlain(toPlain(endless)); error instanceof Error; error = error.cause)
    depth += 1
  assert.equal(depth, 9)
  for (const thrown of [undefined, null, 7, 'text', Symbol('s'), Object.create(null)]) {
    assert.ok(fromPlain(structuredClone(toPlain(thrown))) instanceof Error)
  }
})

test('instanceof recognises the errors of another copy of the package, and no others', async () => {
  const copy: typeof import('../src/errors/errors.ts') = await import(
    `${new URL('../src/errors/errors.js?copy', import.meta.url)}`
  )
  const foreign = new copy.ClusterClosed('join')
  assert.notEqual(copy.ClusterClosed, ClusterClosed, 'there are two copies')
  assert.ok(foreign instanceof FolkmootError && foreign instanceof ClusterClosed)
  assert.equal(foreign instanceof ClusterLeft, false)
  for (const other of [new Error('else'), { code: 'ERR_CLUSTER_CLOSED' }, null, undefined, 'text']) {
    assert.equal(other instanceof FolkmootError, false)
  }
})

test('a message shows any value, also one that cannot be made into a text, and is never endless', () => {
  assert.match(new InvalidOption('tags', Object.create(null), 'x').message, /null prototype/)
  assert.ok(new InvalidOption('tags', { role: 'x'.repeat(10_000) }, 'x').message.length < 300)
})

test('every error that the sources can make stands in the table of the README, and none that they cannot', () => {
  const folder = join(root, 'src', 'errors')
  const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'))
  const made = sources.flatMap((text) =>
    [...text.matchAll(/super\(\s*'(ERR_[A-Z_]+)'/g)].map(([, code]) => code),
  )
  const [, table] =
    readFileSync(join(root, 'README.md'), 'utf8').match(/### When something goes wrong([\s\S]*?)\n#/) ?? []
  const rows = (table ?? '').split('\n').filter((line) => line.startsWith('| `ERR_'))
  const told = rows.flatMap((row) =>
    [...row.split(' | ')[0].matchAll(/`(ERR_[A-Z_]+)`/g)].map(([, code]) => code),
  )
  assert.ok(made.length > 25, 'the sources are read')
  assert.deepEqual([...told].sort(), [...new Set(made)].sort())
})
