/** Which address is advertised, on hosts of many kinds; and sockets that are bound to all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { advertised, bindable, boundIps, type Surroundings } from '../../workers/addresses.ts'
import { Udp } from '../../workers/udp.ts'
import { Zones } from '../../workers/zones.ts'

const info = (address: string) => ({
  address,
  internal: address.startsWith('127.') || address === '::1',
  family: address.includes(':') ? ('IPv6' as const) : ('IPv4' as const),
  netmask: '',
  mac: '00:00:00:00:00:00',
  cidr: null,
  scopeid: 0,
})

/** A host with these interfaces, routes and names. */
function host(
  interfaces: Record<string, string[]>,
  routes: string[],
  names: Record<string, string[]> = {},
): Surroundings {
  return {
    interfaces: Object.fromEntries(
      Object.entries(interfaces).map(([name, ips]) => [name, ips.map(info)]),
    ) as never,
    routed: async (family) => routes.find((ip) => ip.includes(':') === (family === 'IPv6')),
    resolve: async (name) => {
      if (names[name] === undefined) throw new Error('ENOTFOUND')
      return names[name]
    },
  }
}

const two = host(
  { lo: ['127.0.0.1', '::1'], eth0: ['172.17.0.2'], eth1: ['10.1.2.3', 'fe80::7', 'fd00::7'] },
  ['10.1.2.3', 'fd00::7'],
  {
    'me.example.org': ['203.0.113.7', '2001:db8::7'],
  },
)
const CASES: readonly (readonly [
  what: string,
  bindIp: string,
  advertiseIp: string,
  Surroundings,
  ip: string,
  reason: RegExp,
])[] = [
  ['bound to one address', '10.0.0.1', '', two, '10.0.0.1', /^$/],
  ['bound to a zoned one', 'fe80::7%eth1', '', two, 'fe80::7', /^$/],
  ['told which', '0.0.0.0', '203.0.113.7', two, '203.0.113.7', /^$/],
  ['two NICs: the one with the default route', '0.0.0.0', '', two, '10.1.2.3', /default route/],
  ['two NICs, the other by its name', '0.0.0.0', 'eth0', two, '172.17.0.2', /interface eth0/],
  ['auto although bound to one', '172.17.0.2', 'auto', two, '10.1.2.3', /default route/],
  ['both families', '::', '', two, 'fd00::7', /default route/],
  ['both families by interface, not the link alone', '::', 'eth1', two, 'fd00::7', /interface eth1/],
  [
    'both families, IPv4 alone here',
    '::',
    '',
    host({ eth0: ['10.0.0.5'] }, ['10.0.0.5']),
    '10.0.0.5',
    /default route/,
  ],
  ['by host name', '0.0.0.0', 'me.example.org', two, '203.0.113.7', /host name me/],
  [
    'a public address only',
    '0.0.0.0',
    '',
    host({ eth0: ['203.0.113.7'] }, ['203.0.113.7']),
    '203.0.113.7',
    /default route/,
  ],
  ['100.64/10', '0.0.0.0', '', host({ eth0: ['100.64.0.9'] }, ['100.64.0.9']), '100.64.0.9', /default route/],
  [
    'no default route: a private address',
    '0.0.0.0',
    '',
    host({ eth0: ['8.8.8.8'], eth1: ['10.1.1.1'] }, []),
    '10.1.1.1',
    /first private/,
  ],
  ['no network at all', '0.0.0.0', '', host({ lo: ['127.0.0.1'] }, []), '127.0.0.1', /loopback/],
]

for (const [what, bindIp, advertiseIp, surroundings, ip, reason] of CASES) {
  test(`advertised: ${what}`, async () => {
    const choice = await advertised({ bindIp, advertiseIp }, surroundings)
    assert.equal(choice.ip, ip)
    assert.match(choice.reason, reason)
  })
}

test('a name that stands for nothing is refused, and says what would be right', async () => {
  await assert.rejects(advertised({ bindIp: '0.0.0.0', advertiseIp: 'nobody' }, two), {
    code: 'ERR_INVALID_OPTION',
  })
  await assert.rejects(advertised({ bindIp: '::1', advertiseIp: 'eth0' }, two), {
    code: 'ERR_INVALID_OPTION',
  })
})

test('what is bound: literals as they are, an interface, a host name of ours', async () => {
  const here = host(
    { lo: ['127.0.0.1', '::1'], eth0: ['fe80::7', 'fd00::7', '10.1.2.3'], link: ['fe80::9'] },
    [],
    {
      'web-1': ['203.0.113.7', '10.1.2.3'],
      other: ['203.0.113.7'],
    },
  )
  const bound: [string, string, RegExp][] = [
    ['10.9.9.9', '10.9.9.9', /^$/],
    ['fe80::7%eth0', 'fe80::7%eth0', /^$/],
    ['eth0', '10.1.2.3', /interface eth0/],
    ['link', 'fe80::9%link', /interface link/],
    ['web-1', '10.1.2.3', /host name web-1/],
  ]
  for (const [bindIp, ip, reason] of bound) {
    const choice = await bindable({ bindIp, dnsServers: [] }, here)
    assert.equal(choice.ip, ip)
    assert.match(choice.reason, reason)
  }
  for (const name of ['eth1', 'other', 'auto'])
    await assert.rejects(bindable({ bindIp: name, dnsServers: [] }, here), {
      code: 'ERR_INVALID_OPTION',
      option: 'bind',
    })
})

test('zones are taken off and put on: ours, the one that was seen, or the only one', () => {
  const bound = new Zones()
  bound.bind('fe80::1%eth0')
  assert.equal(bound.off('fe80::2%eth0'), 'fe80::2')
  assert.deepEqual(
    [bound.on('fe80::2'), bound.on('10.0.0.1'), bound.on('fd00::1')],
    ['fe80::2%eth0', '10.0.0.1', 'fd00::1'],
  )
  const both = new Zones()
  both.bind('::')
  assert.equal(both.on('fe80::2'), 'fe80::2', 'nothing is known')
  assert.equal(both.off('fe80::2%eth0'), 'fe80::2')
  assert.equal(both.on('fe80::3%eth1'), 'fe80::3%eth1')
  assert.deepEqual(
    [both.on('fe80::2'), both.on('fe80::3'), both.on('fe80::4')],
    ['fe80::2%eth0', 'fe80::3%eth1', 'fe80::4%eth1'],
  )
  for (let i = 0; i < 2_000; i++) both.off(`fe80::1:${i.toString(16)}%eth2`)
  assert.equal(both.on('fe80::2'), 'fe80::2%eth2', 'the oldest was forgotten')
})

test('this very host has an answer, and all its addresses reach a socket that is bound to all', async () => {
  assert.notEqual((await advertised({ bindIp: '0.0.0.0', advertiseIp: '' })).ip, '0.0.0.0')
  assert.ok(boundIps('0.0.0.0').includes('127.0.0.1'))
  assert.deepEqual(boundIps('127.0.0.1'), [])
})

test('one socket for both families sends to both, and names IPv4 peers as IPv4', async (t) => {
  const heard: string[] = []
  const events = {
    packet: (bytes: Uint8Array, ip: string) => heard.push(`${Buffer.from(bytes)} ${ip}`),
    unsent: () => undefined,
  }
  const [both, four, six] = [new Udp(events), new Udp(events), new Udp(events)]
  t.after(() => Promise.all([both.close(), four.close(), six.close()]))
  await both.bind('::', 47_821)
  await four.bind('127.0.0.1', 47_822)
  await six.bind('::1', 47_823)
  four.send(Buffer.from('four'), '127.0.0.1', 47_821, 0)
  six.send(Buffer.from('six'), '::1', 47_821, 0)
  both.send(Buffer.from('to four'), '127.0.0.1', 47_822, 0)
  both.send(Buffer.from('to six'), '::1', 47_823, 0)
  for (let waited = 0; heard.length < 4 && waited < 20_000; waited += 10)
    await new Promise((done) => setTimeout(done, 10))
  assert.deepEqual(heard.sort(), ['four 127.0.0.1', 'six ::1', 'to four 127.0.0.1', 'to six ::1'])
})
