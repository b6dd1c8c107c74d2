/** Who is let in: networks, names, declared rules, the host's module; refusals are counted and told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AdmitRules } from '../../src/gossip/admission.ts'
import { refuseForeignSelf } from '../../src/options/admission.ts'
import { settle } from '../../src/options/options.ts'
import { parseIp } from '../../src/wire/address.ts'
import { Networks } from '../../src/wire/networks.ts'
import { encodeTags } from '../../src/wire/tags.ts'
import { alive, LoneGossip } from './lone-gossip.ts'

const tagged = (tags: Record<string, string>): Uint8Array => encodeTags(tags, 5)
const within = (networks: string[], ip: string): boolean => {
  const bytes = parseIp(ip)
  if (bytes === undefined) throw new Error(`not an address: ${ip}`)
  return new Networks(networks).allows(bytes)
}

test('networks hold what they say: whole and broken bytes, both families apart, mapped addresses as IPv4, blanks trimmed', () => {
  for (const [networks, ip, expected] of [
    [[], '8.8.8.8', true],
    [['10.0.0.0/8'], '10.255.1.2', true],
    [['10.0.0.0/8'], '11.0.0.1', false],
    [[' 192.168.4.0/22 '], '192.168.7.255', true],
    [['192.168.4.0/22'], '192.168.8.0', false],
    [['10.1.2.3/32'], '10.1.2.3', true],
    [['10.1.2.3/32'], '10.1.2.2', false],
    [['0.0.0.0/0'], '203.0.113.9', true],
    [['0.0.0.0/0'], 'fd00::1', false],
    [['::/0'], '10.0.0.1', false],
    [['fd00::/9'], 'fd7f::1', true],
    [['fd00::/9'], 'fd80::1', false],
    [['10.0.0.0/8', 'fd00::/8'], 'fd12::1', true],
    [['10.0.0.0/8'], '::ffff:10.0.0.1', true],
  ] as const) {
    assert.equal(within([...networks], ip), expected, `${ip} in ${networks.join()}`)
  }
})

test('a member outside the allowed networks is not let in, nor may one move there; others are', () => {
  const lone = new LoneGossip({ cidrsAllowed: ['127.0.0.0/8'] })
  lone.hear(
    alive({ incarnation: 1, name: 'out', address: [10, 0, 0, 1] }),
    alive({ incarnation: 1, name: 'in' }),
    alive({ incarnation: 2, name: 'in', address: [10, 0, 0, 2] }),
  )
  assert.deepEqual(lone.facts, ['join self alive', 'join in alive'])
  assert.equal(lone.stats()['drop.refused'], 2)
  assert.deepEqual(
    lone.notices.map((notice) => notice.split(':')[0]),
    ['refused out', 'refused in'],
  )
})

test('with name validation names of other characters or lengths are not let in', () => {
  const lone = new LoneGossip({ validateNodeNames: true })
  for (const name of [
    'web-1.east',
    'x'.repeat(128),
    'bad name',
    'x\nclock: 9',
    'ümlaut',
    'x'.repeat(129),
    'a_b',
  ])
    lone.hear(alive({ incarnation: 1, name }))
  assert.deepEqual(lone.facts.slice(1), ['join web-1.east alive', `join ${'x'.repeat(128)} alive`])
})

for (const [rules, good, bad, reason] of [
  [{ tags: { dc: 'east' } }, { dc: 'east' }, { dc: 'west' }, 'its tag dc is none of east'],
  [{ tags: { dc: ['east', 'west'] } }, { dc: 'west' }, { dc: 'north' }, 'its tag dc is none of east, west'],
  [{ tags: { role: [] } }, { role: '' }, { dc: 'east' }, 'it has no tag role'],
  [{ tags: { constructor: [] } }, { constructor: 'x' }, {}, 'it has no tag constructor'],
] as [AdmitRules, Record<string, string>, Record<string, string>, string][]) {
  test(`a rule about tags lets in who has them: ${JSON.stringify(rules)}`, () => {
    const lone = new LoneGossip({ admit: rules })
    lone.hear(
      alive({ incarnation: 1, name: 'good', meta: tagged(good) }),
      alive({ incarnation: 1, name: 'bad', meta: tagged(bad) }),
    )
    assert.deepEqual(lone.facts.slice(1), ['join good alive'])
    assert.deepEqual(lone.notices, [`refused bad: ${reason}`])
  })
}

test('rules about names and protocols', () => {
  const lone = new LoneGossip({
    admit: { namePrefixes: ['web-', 'db-'], nameSuffixes: ['.prod'], protocol: { least: 4 } },
  })
  const versions = Uint8Array.of(1, 5, 2, 2, 5, 3)
  lone.hear(
    alive({ incarnation: 1, name: 'web-1.prod' }),
    alive({ incarnation: 1, name: 'cache-1.prod' }),
    alive({ incarnation: 1, name: 'db-1.test' }),
    alive({ incarnation: 1, name: 'db-2.prod', versions }),
  )
  assert.deepEqual(lone.facts.slice(1), ['join web-1.prod alive'])
  assert.deepEqual(lone.notices, [
    'refused cache-1.prod: its name begins with none of web-, db-',
    'refused db-1.test: its name ends with none of .prod',
    'refused db-2.prod: it speaks Serf protocol 3, not 4 to 255',
  ])
})

test('an update that breaks a rule is refused: the member stays as it was', () => {
  const lone = new LoneGossip({ admit: { tags: { dc: 'east' } } })
  lone.hear(alive({ incarnation: 1, name: 'peer', meta: tagged({ dc: 'east' }) }))
  lone.newFacts()
  lone.hear(alive({ incarnation: 2, name: 'peer', meta: tagged({ dc: 'west' }) }))
  assert.deepEqual(lone.facts, [])
  assert.ok(lone.roster.includes('peer alive 1'))
})

test('a module judges what the rules let through; one that throws refuses', () => {
  const seen: string[] = []
  const lone = new LoneGossip(
    { admit: { module: { url: 'file:///judge.js' } } },
    {
      alive: ({ name, address, port, tags, protocol }) => {
        seen.push(`${name} ${address}:${port} ${JSON.stringify(tags)} ${protocol}`)
        if (name === 'broken') throw new Error('no database')
        return name === 'banned' ? 'banned since yesterday' : undefined
      },
    },
  )
  for (const name of ['good', 'banned', 'broken'])
    lone.hear(alive({ incarnation: 1, name, meta: tagged({ dc: 'east' }) }))
  assert.deepEqual(lone.facts.slice(1), ['join good alive'])
  assert.deepEqual(lone.notices, [
    'refused banned: banned since yesterday',
    'refused broken: the module that judges threw: no database',
  ])
  assert.equal(seen[0], 'good 127.0.0.2:7946 {"dc":"east"} 5')
})

test('the refusal of a name is told once in a while, and counted always', () => {
  const lone = new LoneGossip({ cidrsAllowed: ['127.0.0.0/8'] })
  for (let i = 0; i < 100; i++) lone.hear(alive({ incarnation: i + 1, name: 'out', address: [10, 0, 0, 1] }))
  assert.equal(lone.notices.length, 1)
  assert.equal(lone.stats()['drop.refused'], 100)
})

test('options about admission are checked by name', () => {
  for (const [options, message] of [
    [{ cidrsAllowed: ['10.0.0.0'] }, /option cidrsAllowed is .10\.0\.0\.0/],
    [{ cidrsAllowed: ['10.0.0.0/33'] }, /cidrsAllowed/],
    [{ cidrsAllowed: ['fd00::/129'] }, /cidrsAllowed/],
    [{ validateNodeNames: true, nodeName: 'a b' }, /nodeName/],
    [{ admit: { tags: { dc: [1] } } }, /admit\.tags\.dc/],
    [{ admit: { protocol: { least: -1 } } }, /admit\.protocol/],
    [{ admit: { module: { url: 'not a url' } } }, /admit\.module/],
    [{ admit: { colour: 'red' } }, /admit\.colour/],
  ] as const) {
    assert.throws(() => Reflect.apply(settle, undefined, [options, 'host']), {
      code: 'ERR_INVALID_OPTION',
      message,
    })
  }
  assert.throws(() => refuseForeignSelf(['10.0.0.0/8'], '192.168.0.1'), {
    code: 'ERR_INVALID_OPTION',
    message: /192\.168\.0\.1/,
  })
  refuseForeignSelf([], '192.168.0.1')
})

test('with names required a seed without a name is not dialled; one with a name is', () => {
  const lone = new LoneGossip({ requireNodeNames: true })
  const id = lone.command({ type: 'join', seeds: ['127.0.0.5'], ignoreOldEvents: false })
  const envelope = lone.replies.get(id)
  assert.ok(envelope !== undefined && !envelope.ok && envelope.error.code === 'ERR_JOIN_FAILED')
  assert.deepEqual(lone.dialled, [])
  lone.command({ type: 'join', seeds: ['peer/127.0.0.5'], ignoreOldEvents: false })
  assert.deepEqual(
    lone.dialled.map(({ ip }) => ip),
    ['127.0.0.5'],
  )
})
