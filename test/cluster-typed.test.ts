/**
 * Tags, events and queries with schemas of zod, valibot and arktype: types are inferred, which the compiler checks here, and what peers send that does not
 * fit becomes an `invalid` event, whatever it is.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { type } from 'arktype'
import fc from 'fast-check'
import * as v from 'valibot'
import { z } from 'zod'
import {
  Cluster,
  ClusterClosed,
  EventTooLarge,
  type Invalid,
  InvalidArgument,
  InvalidPayload,
  type StandardSchema,
  type TypedEvent,
  typed,
} from '../src/index.ts'

/** Compiles for equal types alone. */
type Same<One, Other> =
  (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? 'same' : 'not the same'
function same<One, Other>(
  ..._: Same<One, Other> extends 'same' ? [] : ['the types are not the same']
): void {}

/** The same demands in three libraries. A weight is a text on the wire and a number behind the schema. */
const ZOD = {
  tags: z.object({
    role: z.enum(['web', 'db']),
    weight: z.string().regex(/^\d+$/).transform(Number).optional(),
  }),
  events: { deploy: z.object({ version: z.string(), hosts: z.array(z.string()).default([]) }) },
  queries: {
    load: { request: z.object({ minutes: z.number().positive() }), response: z.number() },
    free: {},
  },
}
const VALIBOT = {
  tags: v.object({
    role: v.picklist(['web', 'db']),
    weight: v.optional(v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number))),
  }),
  events: { deploy: v.object({ version: v.string(), hosts: v.optional(v.array(v.string()), []) }) },
  queries: {
    load: { request: v.object({ minutes: v.pipe(v.number(), v.minValue(1e-9)) }), response: v.number() },
    free: {},
  },
}
const ARKTYPE = {
  tags: type({ role: "'web' | 'db'", 'weight?': type('/^\\d+$/').pipe(Number) }),
  events: { deploy: type({ version: 'string', hosts: type('string[]').default(() => []) }) },
  queries: { load: { request: type({ minutes: 'number > 0' }), response: type('number') }, free: {} },
}

function resolvers<Value>() {
  let resolve: (value: Value) => void = () => undefined
  const promise = new Promise<Value>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

async function lone(t: TestContext, nodeName: string, tags: Record<string, string> = {}): Promise<Cluster> {
  const cluster = await Cluster.create({
    nodeName,
    bind: '127.0.0.1:0',
    profile: 'local',
    threads: 'none',
    tags,
  })
  t.after(() => cluster.shutdown())
  return cluster
}

async function pair(t: TestContext): Promise<[Cluster, Cluster]> {
  const create = (nodeName: string) =>
    Cluster.create({ nodeName, bind: '127.0.0.1:0', threads: 'none', tags: { role: 'web', weight: '7' } })
  const [one, two] = await Promise.all([create('one'), create('two')])
  t.after(() => Promise.all([one.shutdown(), two.shutdown()]))
  await two.join([`127.0.0.1:${one.localMember().port}`])
  while (one.memberCount < 2) await once(one, 'member-join')
  return [one, two]
}

async function nextInvalid(cluster: Cluster, what: Invalid['what']): Promise<Invalid> {
  for (;;) {
    const [invalid]: Invalid[] = await once(cluster, 'invalid')
    if (invalid.what === what) return invalid
  }
}

/** What must hold with any library. */
async function shown(t: TestContext, schemas: typeof ZOD): Promise<void> {
  const [one, two] = await pair(t)
  const here = typed(one, schemas)
  const there = typed(two, schemas)

  // Events: defaults are filled in where they arrive.
  const heard: TypedEvent<{ version: string; hosts: string[] }>[] = []
  const both = resolvers<void>()
  const stop = there.onEvent('deploy', (event) => {
    heard.push(event)
    if (heard.length === 2) both.resolve()
  })
  const { lamportTime } = await here.userEvent('deploy', { version: '1.2.3' })
  const broken = nextInvalid(two, 'user-event')
  await one.userEvent('deploy', '{"version": 7}')
  await one.userEvent('another', '{"version": 7}')
  await here.userEvent('deploy', { version: '1.2.4', hosts: ['a'] }, { coalesce: true })
  await both.promise
  // Gossip keeps no order.
  heard.sort((a, b) => a.lamportTime - b.lamportTime)
  assert.deepEqual(heard[0], {
    type: 'user-event',
    name: 'deploy',
    lamportTime,
    coalesce: false,
    value: { version: '1.2.3', hosts: [] },
  })
  assert.deepEqual(heard[1].value, { version: '1.2.4', hosts: ['a'] })
  const { issues, ...rest } = await broken
  assert.deepEqual(rest, { type: 'invalid', what: 'user-event', name: 'deploy', member: undefined })
  assert.ok(issues.length > 0 && issues[0].message.length > 0)
  stop()
  assert.equal(two.listenerCount('user-event'), 0)
  there.onQuery('free', () => 'nobody hears this')()
  assert.equal(two.listenerCount('query'), 0)

  // Queries, both ways; an answer that does not fit is told and left out.
  there.onQuery('load', ({ value, source }) => (source === 'one' ? value.minutes * 2 : undefined))
  two.on('query', (query) => (query.name === 'raw' ? query.respond('?') : undefined))
  const query = await here.query('load', { minutes: 15 }, { nodes: ['two'], timeout: 30_000 })
  const answers: { from: string; value: number }[] = []
  for await (const answer of query.responses()) answers.push(answer)
  assert.deepEqual(answers, [{ from: 'two', value: 30 }])
  const { how, answers: kept, invalid } = await query.finished
  assert.deepEqual([how, kept, invalid], ['answered', answers, []])
  const bad = nextInvalid(two, 'query')
  one.query('load', '{"minutes": -1}', { nodes: ['two'], timeout: 500 })
  const { what, name, member } = await bad
  assert.deepEqual([what, name, member], ['query', 'load', 'one'])

  // Tags.
  await there.setTags({ role: 'db', weight: '12' })
  while (one.member('two')?.tags.weight !== '12') await once(one, 'member-update')
  assert.deepEqual(
    here.members().map(({ member, tags }) => [member.name, tags]),
    [
      ['one', { role: 'web', weight: 7 }],
      ['two', { role: 'db', weight: 12 }],
    ],
  )
  const wrong = nextInvalid(one, 'tags')
  await assert.rejects(there.setTags(JSON.parse('{"role":"db","weight":"heavy"}')), InvalidPayload)
  await two.setTags({ role: 'elephant' })
  const told = await wrong
  assert.deepEqual([told.what, told.name, told.member], ['tags', 'two', 'two'])
  const elephant = one.member('two')
  assert.ok(elephant !== undefined)
  assert.equal(here.tagsOf(elephant), undefined)
}

test('zod', (t) => shown(t, ZOD))
// The same by structure: what they demand and make is the same, which the compiler sees here.
test('valibot', (t) => shown(t, sameAs(VALIBOT)))
test('arktype', (t) => shown(t, sameAs(ARKTYPE)))

/** Schemas of another library, taken for those of zod: `typed` looks at nothing but the interface of Standard Schema. */
function sameAs(schemas: {
  tags: StandardSchema<z.input<typeof ZOD.tags>, z.output<typeof ZOD.tags>>
  events: { deploy: StandardSchema<z.input<typeof ZOD.events.deploy>, z.output<typeof ZOD.events.deploy>> }
  queries: {
    load: {
      request: StandardSchema<{ minutes: number }, { minutes: number }>
      response: StandardSchema<number, number>
    }
    free: object
  }
}): typeof ZOD {
  return schemas as unknown as typeof ZOD
}

test('types are inferred from the schemas of each library', async (t) => {
  const [one] = await pair(t)
  const [byZod, byValibot, byArktype] = [typed(one, ZOD), typed(one, VALIBOT), typed(one, ARKTYPE)]
  for (const stop of [
    byZod.onEvent('deploy', ({ value }) => same<typeof value, { version: string; hosts: string[] }>()),
    byValibot.onEvent('deploy', ({ value }) => same<typeof value, { version: string; hosts: string[] }>()),
    byArktype.onEvent('deploy', ({ value }) => same<typeof value, { version: string; hosts: string[] }>()),
    byZod.onQuery('load', ({ value }) => value.minutes),
    byValibot.onQuery('load', async ({ value }) => value.minutes),
    byArktype.onQuery('load', ({ value }) => value.minutes),
    byZod.onQuery('free', ({ value }) => {
      same<typeof value, unknown>()
      return { any: 'thing' }
    }),
  ])
    stop()
  const tags = [byZod.members()[0].tags, byValibot.members()[0].tags, byArktype.members()[0].tags] as const
  same<(typeof tags)[0], { role: 'web' | 'db'; weight?: number | undefined } | undefined>()
  same<(typeof tags)[1], { role: 'web' | 'db'; weight?: number | undefined } | undefined>()
  same<(typeof tags)[2], { role: 'web' | 'db'; weight?: number } | undefined>()

  // What follows must not compile, and is refused as well when it is said all the same.
  // @ts-expect-error: a version is a text
  await assert.rejects(byZod.userEvent('deploy', { version: 7 }), InvalidPayload)
  // @ts-expect-error: there is no such event
  await assert.rejects(byZod.userEvent('undeploy', {}), InvalidArgument)
  // @ts-expect-error: there is no such query
  assert.throws(() => byZod.onQuery('toString', () => 1), InvalidArgument)
  // @ts-expect-error: the answer is a number
  byValibot.onQuery('load', () => 'much')()
  // @ts-expect-error: minutes are missing
  await assert.rejects(byArktype.query('load', {}), InvalidPayload)
  // @ts-expect-error: no such role
  await assert.rejects(byZod.setTags({ role: 'elephant' }), /role/)
  // @ts-expect-error: nothing was said of events
  await assert.rejects(typed(one, { tags: ZOD.tags }).userEvent('deploy', {}), InvalidArgument)
  await assert.rejects(byZod.userEvent('deploy', { version: 'x'.repeat(1_000) }), EventTooLarge)
})

test('an answer that does not fit is told, and named at the end', async (t) => {
  const [one, two] = await pair(t)
  const here = typed(one, ZOD)
  two.on('query', (query) => query.respond('"much"'))
  const invalid = nextInvalid(one, 'answer')
  const query = await here.query('load', { minutes: 1 }, { nodes: ['two'], timeout: 30_000 })
  for await (const answer of query.responses()) assert.fail(answer.from)
  const { answers, invalid: who } = await query.finished
  assert.deepEqual([answers, who], [[], ['two']])
  const { what, name, member } = await invalid
  assert.deepEqual([what, name, member], ['answer', 'load', 'two'])
})

test('any bytes of a peer: a value that fits, or invalid, and never a throw', async (t) => {
  const cluster = await Cluster.create({ nodeName: 'lone', bind: '127.0.0.1:0', threads: 'none' })
  t.after(() => cluster.shutdown())
  for (const { events } of [ZOD, VALIBOT, ARKTYPE] as const) {
    const schemas = typed(cluster, {
      events: { deploy: events.deploy as StandardSchema<unknown, { version: string }> },
    })
    let [fits, invalid] = [0, 0]
    const stop = schemas.onEvent('deploy', ({ value }) => {
      assert.equal(typeof value.version, 'string')
      fits += 1
    })
    const count = () => {
      invalid += 1
    }
    cluster.on('invalid', count)
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
    )
    await fc.assert(
      fc.asyncProperty(bytes, async (payload) => {
        const before = fits + invalid
        cluster.emit('user-event', {
          type: 'user-event',
          name: 'deploy',
          payload,
          lamportTime: 1,
          coalesce: false,
        })
        assert.equal(fits + invalid, before + 1)
      }),
      { numRuns: 200 },
    )
    cluster.emit('user-event', {
      type: 'user-event',
      name: 'deploy',
      payload: new TextEncoder().encode('{"version":"1"}'),
      lamportTime: 1,
      coalesce: false,
    })
    assert.equal(fits > 0 && invalid > 0, true)
    stop()
    cluster.off('invalid', count)
  }
})

test('schemas that throw, or take their time; codecs of the host', async (t) => {
  const [one, two] = await pair(t)
  const throwing: StandardSchema<string, string> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: () => {
        throw new Error('the schema is broken')
      },
    },
  }
  const slow = z.string().refine(async (text) => text !== 'wrong')
  const codec = {
    encode: (value: unknown) => `<${value}>`,
    decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes).slice(1, -1),
  }
  const there = typed(two, { tags: slow, events: { throwing, slow } }, codec)
  there.onEvent('throwing', () => assert.fail('it cannot fit'))
  const heard = resolvers<string>()
  there.onEvent('slow', ({ value }) => heard.resolve(value))
  for (const [name, payload] of [
    ['throwing', '<x>'],
    ['slow', '<wrong>'],
  ]) {
    const invalid = nextInvalid(two, 'user-event')
    await one.userEvent(name, payload)
    assert.equal((await invalid).name, name)
  }
  await there.userEvent('slow', 'right')
  assert.equal(await heard.promise, 'right')
  await assert.rejects(there.userEvent('throwing', 'x'), /broken/)
  assert.equal(there.tagsOf(two.localMember()), undefined, 'a schema of tags may not take its time')
  await assert.rejects(typed(one, { events: { big: z.bigint() } }).userEvent('big', 1n), InvalidPayload)
})

test('a member that comes with tags that do not fit is told', async (t) => {
  const [one, guest] = await Promise.all([
    lone(t, 'one', { role: 'web' }),
    lone(t, 'guest', { role: 'elephant' }),
  ])
  const here = typed(one, ZOD)
  const wrong = nextInvalid(one, 'tags')
  await guest.join([`127.0.0.1:${one.localMember().port}`])
  const { name, member, issues } = await wrong
  assert.deepEqual([name, member, issues.length > 0], ['guest', 'guest', true])
  assert.deepEqual(
    here.members().map(({ tags }) => tags),
    [undefined, { role: 'web' }],
  )
})

test('only queries of the name are judged and answered, and what a handler leaves out is no answer', async (t) => {
  const one = await lone(t, 'one', { role: 'web' })
  const here = typed(one, ZOD)
  const asked: unknown[] = []
  here.onQuery('load', ({ value }) => {
    asked.push(value)
    return value.minutes > 1 ? 30 : undefined
  })
  here.onQuery('free', ({ value }) => [value === undefined ? 'nothing was asked' : value])
  one.on('invalid', (event) => asked.push(event))
  const answersTo = async (query: { finished: Promise<{ answers: readonly { value: unknown }[] }> }) =>
    (await query.finished).answers.map(({ value }) => value)
  const [free, other, none, some] = await Promise.all([
    here.query('free', undefined, { timeout: 300 }),
    here.query('free', '{"minutes": 15}', { timeout: 300 }),
    here.query('load', { minutes: 1 }, { timeout: 300 }),
    here.query('load', { minutes: 15 }, { timeout: 300 }),
  ])
  assert.deepEqual(await Promise.all([free, other, none, some].map(answersTo)), [
    [['nothing was asked']],
    [['{"minutes": 15}']],
    [],
    [30],
  ])
  assert.deepEqual(asked, [{ minutes: 1 }, { minutes: 15 }])
})

test('what is no UTF-8 is invalid, and what JSON has nothing for is refused before it goes', async (t) => {
  const one = await lone(t, 'one')
  const here = typed(one, { events: { deploy: z.object({ version: z.string() }), any: z.any() } })
  here.onEvent('deploy', () => assert.fail('it is no text'))
  const broken = nextInvalid(one, 'user-event')
  await one.userEvent(
    'deploy',
    Uint8Array.from([...Buffer.from('{"version":"'), 0xff, 0xfe, ...Buffer.from('"}')]),
  )
  assert.equal((await broken).name, 'deploy')
  await assert.rejects(here.userEvent('any', Symbol('nothing')), InvalidPayload)
  await assert.rejects(
    here.userEvent('any', () => 1),
    /JSON has nothing for a function/,
  )
})

test('a query that fails is told where it is iterated, and nowhere else', async (t) => {
  const one = await lone(t, 'one')
  const here = typed(one, ZOD)
  const unheard: unknown[] = []
  const hear = (error: unknown) => unheard.push(error)
  process.on('unhandledRejection', hear)
  t.after(() => process.off('unhandledRejection', hear))
  const query = await here.query('load', { minutes: 1 })
  const read = assert.rejects(async () => {
    for await (const answer of query.responses()) assert.fail(answer.from)
  }, ClusterClosed)
  await one.shutdown()
  await read
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(unheard, [])
})

test('a schema of tags that takes its time is told as such', async (t) => {
  const one = await lone(t, 'one', { role: 'web' })
  typed(one, { tags: z.object({ role: z.string() }).refine(async () => true) })
  const wrong = nextInvalid(one, 'tags')
  await one.setTags({ role: 'db' })
  const { issues } = await wrong
  assert.match(issues[0].message, /must judge at once/)
})

test('who makes many for one cluster stops each, and nothing of it is left there', async (t) => {
  const cluster = await lone(t, 'one')
  const count = () => cluster.listenerCount('member-join') + cluster.listenerCount('member-update')
  const before = count()
  for (let i = 0; i < 3; i++) {
    const pool = typed(cluster, ZOD)
    assert.equal(count(), before + 2)
    pool.stop()
  }
  assert.equal(count(), before)
})
