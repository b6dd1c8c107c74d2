/** Errors keep class, code, fields and message across threads. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import * as folkmoot from 'folkmoot'
import {
  ActorExited,
  ClusterClosed,
  ClusterLeft,
  FolkmootError,
  InvalidOption,
  isFolkmootError,
} from '../src/errors/errors.ts'
import { fromPlain, toPlain } from '../src/errors/plain.ts'

const outcomes = [{ seed: 'a', addresses: ['10.0.0.1:7946'], reached: false, own: false, error: 'refused' }]
const result = {
  numNodes: 3,
  numResponses: 2,
  numErrors: 1,
  messages: { two: 'no' },
  keys: {},
  primaryKeys: {},
  silent: ['three'],
}
/** One of every class that the package exports; a class that is missing here fails a test. */
const ALL: folkmoot.FolkmootError[] = [
  new folkmoot.ActorExited('gossip'),
  new folkmoot.BindFailed('10.0.0.1:7946', new Error('in use')),
  new folkmoot.BroadcastTimeout('tags'),
  new folkmoot.ClusterClosed('join'),
  new folkmoot.ClusterLeft('join'),
  new folkmoot.CoordinatesDisabled('rtt'),
  new folkmoot.EventTooLarge(513, 512, 'in a packet'),
  new folkmoot.FeatureNotSupported('query: Feature not supported'),
  new folkmoot.FileUnreadable('tags', '/tags.json', 'it is not JSON'),
  new folkmoot.FileUnwritable('keyring', '/keys.json', 'no space'),
  new folkmoot.HandlerQueueFull(64),
  new folkmoot.HandlerTimeout(1_000),
  new folkmoot.HandlersUnavailable(new Error('not found')),
  new folkmoot.InvalidArgument('join: no seeds'),
  new folkmoot.InvalidOption('bind', 7, 'an address'),
  new folkmoot.InvalidPayload('event deploy', [{ message: 'a number', path: ['version'] }], 'a number'),
  new folkmoot.JoinFailed(outcomes),
  new folkmoot.JoinRefused('label', 'closed without a word', outcomes),
  new folkmoot.JoinUnconfirmed('firewall', 'no packet comes back', outcomes),
  new folkmoot.KeyOperationFailed('use', result),
  new folkmoot.NoResponse('web-2', 'no ack'),
  new folkmoot.OriginUnnamed(),
  new folkmoot.PacketTooLarge(1500, 1400),
  new folkmoot.QueryAnswered(),
  new folkmoot.QueryExpired(),
  new folkmoot.QueryTooLarge(1025, 1024),
  new folkmoot.RelayTooLarge(1060, 1024),
  new folkmoot.ResponseTooLarge(1025, 1024),
  new folkmoot.RotationStopped('use', ['three'], { two: 'no' }, new Uint8Array(16).fill(7)),
  new folkmoot.SubscriptionOverflow(12),
  new folkmoot.TagsTooLarge(600, 512),
  new folkmoot.TooManyPrunes(16),
  new folkmoot.TooManyQueries(1024),
  new folkmoot.UnknownMember('web-9'),
]

/** Through a port, as between threads. */
function across(error: Error): Error {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(toPlain(error))
  const received = receiveMessageOnPort(port2)
  port1.close()
  return fromPlain(received?.message)
}

test('the table has every error class that the package exports', () => {
  const exported = Object.entries(folkmoot)
    .filter(([, value]) => Object.prototype.isPrototypeOf.call(folkmoot.FolkmootError, value))
    .map(([name]) => name)
  assert.deepEqual(exported.sort(), ALL.map(({ name }) => name).sort())
})

for (const error of ALL) {
  test(`${error.name} crosses threads as itself, whatever its cause`, () => {
    const cause = error.cause ?? new RangeError('why', { cause: new folkmoot.ClusterClosed('inside') })
    Object.defineProperty(error, 'cause', { value: cause, enumerable: false })
    const again = across(error)
    assert.equal(Object.getPrototypeOf(again), Object.getPrototypeOf(error))
    assert.ok('code' in again && again instanceof FolkmootError && isFolkmootError(again))
    assert.deepEqual([again.name, again.code, again.message], [error.name, error.code, error.message])
    for (const field of Object.getOwnPropertyNames(error)) {
      if (field === 'stack' || field === 'cause') continue
      assert.deepEqual(Reflect.get(again, field), Reflect.get(error, field), field)
    }
    assert.deepEqual(Object.keys(again).sort(), Object.keys(error).sort(), 'and no more is printed')
    assert.ok(again.cause instanceof Error && cause instanceof Error)
    assert.equal(again.cause.constructor, cause.constructor)
    assert.equal(again.cause.message, cause.message)
    if (cause instanceof RangeError) assert.ok(again.cause.cause instanceof folkmoot.ClusterClosed)
  })
}

test('keys are not printed with an error, on neither side', () => {
  const stopped = new folkmoot.RotationStopped('use', ['three'], {}, new Uint8Array(16).fill(251))
  for (const error of [stopped, across(stopped)]) {
    assert.doesNotMatch(inspect(error, { showHidden: true, depth: 9 }), /251/)
    assert.doesNotMatch(JSON.stringify(error), /251/)
  }
})

test('a thread whose file is not there says what a bundle lacks; any other end does not', () => {
  const missing = Object.assign(new Error("Cannot find module '/app/gossip.js'"), {
    code: 'MODULE_NOT_FOUND',
  })
  assert.match(
    new folkmoot.ActorExited('gossip', missing).message,
    /gossip\.js'; a bundle .* option workers$/,
  )
  assert.equal(new folkmoot.ActorExited('gossip', new Error('x')).message, 'the gossip actor ended: x')
})

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
