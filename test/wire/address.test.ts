/** The one parser of everything that names a place, on a table of forms that users write; and networks in CIDR form. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatIp, formatPlace, literalOf, parseIp, parsePlace } from '../../src/wire/address.ts'
import { isCovered, parseCidr } from '../../src/wire/cidr.ts'

/** Text, then node name, host as written, literal, port; or nothing where it must be refused. */
const TABLE: readonly (readonly [text: string, name?: string, host?: string, ip?: string, port?: number])[] =
  [
    // IPv4
    ['10.0.0.1', '', '10.0.0.1', '10.0.0.1'],
    ['10.0.0.1:7946', '', '10.0.0.1', '10.0.0.1', 7946],
    ['10.0.0.1:0', '', '10.0.0.1', '10.0.0.1', 0],
    ['10.0.0.1:65535', '', '10.0.0.1', '10.0.0.1', 65_535],
    ['0.0.0.0', '', '0.0.0.0', '0.0.0.0'],
    ['255.255.255.255:1', '', '255.255.255.255', '255.255.255.255', 1],
    ['[10.0.0.1]:7946', '', '10.0.0.1', '10.0.0.1', 7946],
    ['10.0.0.1:65536'],
    ['10.0.0.1:'],
    ['10.0.0.1:+1'],
    ['10.0.0.1:0x10'],
    ['10.0.0.1:07946'],
    ['10.0.0.1:7946 '],
    ['10.0.0.256'],
    ['10.0.0'],
    ['10.1'],
    ['010.0.0.1'],
    ['1.2.3.4.5'],
    ['12345'],
    ['10.0.0.1%eth0'],
    // IPv6: bare, bracketed, zoned, mapped
    ['::', '', '::', '::'],
    ['::1', '', '::1', '::1'],
    ['[::1]', '', '::1', '::1'],
    ['[::1]:7946', '', '::1', '::1', 7946],
    ['::1:7946', '', '::1:7946', '::1:7946'],
    ['fd00::1', '', 'fd00::1', 'fd00::1'],
    ['[FD00:0:0:0:0:0:0:1]:8000', '', 'FD00:0:0:0:0:0:0:1', 'fd00::1', 8000],
    ['2001:db8:0:0:1:0:0:1', '', '2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['fe80::1%eth0', '', 'fe80::1%eth0', 'fe80::1%eth0'],
    ['[fe80::1%eth0]:7946', '', 'fe80::1%eth0', 'fe80::1%eth0', 7946],
    ['[fe80::1%eth0.100]', '', 'fe80::1%eth0.100', 'fe80::1%eth0.100'],
    ['fe80::1%12', '', 'fe80::1%12', 'fe80::1%12'],
    ['::ffff:10.0.0.1', '', '::ffff:10.0.0.1', '10.0.0.1'],
    ['[::ffff:a00:1]:7946', '', '::ffff:a00:1', '10.0.0.1', 7946],
    ['fe80::1%'],
    ['fe80::1%e th'],
    ['::ffff:10.0.0.1%eth0'],
    ['[::1'],
    ['::1]'],
    ['[::1]7946'],
    ['[]:7946'],
    ['[::1]:'],
    [':::'],
    ['1::2::3'],
    ['1:2:3:4:5:6:7:8:9'],
    ['g::1'],
    ['::12345'],
    // Host names and names of interfaces
    ['localhost', '', 'localhost', ''],
    ['localhost:7946', '', 'localhost', '', 7946],
    ['seed.example.org', '', 'seed.example.org', ''],
    ['seed.example.org.:80', '', 'seed.example.org.', '', 80],
    ['_serf._udp.example.org', '', '_serf._udp.example.org', ''],
    ['web-1', '', 'web-1', ''],
    ['4web', '', '4web', ''],
    ['eth0', '', 'eth0', ''],
    ['eth0:7946', '', 'eth0', '', 7946],
    ['bücher.example:1', '', 'bücher.example', '', 1],
    ['[seed.example.org]:1', '', 'seed.example.org', '', 1],
    ['a..b'],
    ['.a'],
    ['a b'],
    ['a,b'],
    ['a:b'],
    [`${'a'.repeat(64)}.org`],
    [`${'a.'.repeat(126)}abc`],
    ['http://a'],
    [''],
    [':7946'],
    // Node names
    ['web-1/10.0.0.1', 'web-1', '10.0.0.1', '10.0.0.1'],
    ['web-1/10.0.0.1:7946', 'web-1', '10.0.0.1', '10.0.0.1', 7946],
    ['web-1/[::1]:7946', 'web-1', '::1', '::1', 7946],
    ['web 1:a/seed:1', 'web 1:a', 'seed', '', 1],
    ['/10.0.0.1'],
    ['web-1/'],
    ['web-1//10.0.0.1'],
  ]

for (const [text, nodeName, host, ip, port] of TABLE) {
  test(`«${text}» is ${host === undefined ? 'refused' : 'read'}`, () => {
    const place = parsePlace(text)
    if (host === undefined) assert.equal(place, undefined)
    else assert.deepEqual(place, { nodeName, host, ip, port })
  })
}

test('what is written is read again, whatever the address', () => {
  const address = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    // Many zeros: where the short form is interesting.
    fc
      .array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 })
      .map((bytes) => Uint8Array.from(bytes)),
  )
  fc.assert(
    fc.property(address, fc.integer({ min: 0, max: 65_535 }), (bytes, port) => {
      const ip = formatIp(bytes)
      const place = parsePlace(formatPlace(ip, port))
      assert.deepEqual([place?.ip, place?.port], [ip, port])
      assert.equal(literalOf(ip), ip)
      const again = parseIp(ip)
      assert.ok(again !== undefined && formatIp(again) === ip)
    }),
  )
})

test('no text makes the parser throw, and what it lets through has a host', () => {
  const letters = fc.constantFrom(...'[]:%/.0123fg eth')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(letters).map((all) => all.join('')),
      ),
      (text) => {
        const place = parsePlace(text)
        assert.ok(place === undefined || place.host.length > 0)
      },
    ),
  )
})

test('networks: what they cover, by family', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.1.2.3/8', '10.9.9.9', true],
    ['100.64.0.0/10', '100.127.255.255', true],
    ['100.64.0.0/10', '100.128.0.0', false],
    ['10.0.0.1/32', '10.0.0.1', true],
    ['10.0.0.1/32', '10.0.0.2', false],
    ['0.0.0.0/0', '1.2.3.4', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '::1', true],
    ['::/0', '1.2.3.4', false],
    ['::/0', '::ffff:1.2.3.4', false],
    ['fd00::/9', 'fd7f::1', true],
    ['fd00::/9', 'fd80::1', false],
    [' 10.0.0.0/8 ', '::ffff:10.0.0.1', true],
    ['::ffff:10.0.0.0/104', '10.2.3.4', true],
  ]
  for (const [text, ip, isInside] of cases) {
    const network = parseCidr(text)
    const address = parseIp(ip)
    assert.ok(network !== undefined && address !== undefined, text)
    assert.equal(isCovered([network], address), isInside, `${ip} in ${text}`)
  }
  assert.equal(isCovered([], Uint8Array.of(1, 2, 3, 4)), false)
})

for (const text of [
  '10.0.0.0',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/08',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '::/129',
  '::ffff:10.0.0.0/8',
  'fe80::%eth0/64',
  'a/8',
  '/8',
  '',
]) {
  test(`«${text}» is no network`, () => assert.equal(parseCidr(text), undefined))
}
