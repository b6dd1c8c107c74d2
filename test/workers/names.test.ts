/** Names into addresses, asked of a real name server on loopback and of the system's own resolver. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Names } from '../../workers/names.ts'
import { FakeDns } from './fake-dns.ts'

const many = Array.from({ length: 50 }, (_, i) => `10.1.0.${i + 1}`)

test('A and AAAA records, all of them, and never ANY', async (t) => {
  const dns = await FakeDns.start(t, {
    ips: { 'seed.example.org': ['10.0.0.1', 'fd00::1'], 'many.example.org': many },
  })
  const names = new Names([dns.address])
  const found = await names.find('seed.example.org')
  assert.deepEqual(found, [
    { ip: '10.0.0.1', port: 0 },
    { ip: 'fd00::1', port: 0 },
  ])
  assert.deepEqual((await names.find('many.example.org')).map(({ ip }) => ip).sort(), [...many].sort())
  assert.deepEqual(new Set(dns.asked.map((question) => question.split(' ')[1])), new Set(['A', 'AAAA']))
})

test('a truncated answer is asked for again over TCP', async (t) => {
  const dns = await FakeDns.start(t, { ips: { 'many.example.org': many } })
  dns.mood = 'truncate'
  assert.equal((await new Names([dns.address]).find('many.example.org')).length, 50)
  assert.ok(dns.asked.includes('many.example.org A tcp'))
})

test('SRV records give hosts and ports, the most urgent first', async (t) => {
  const dns = await FakeDns.start(t, {
    ips: { 'a.example.org': ['10.0.0.1'], 'b.example.org': ['10.0.0.2', 'fd00::2'] },
    services: {
      '_serf._udp.example.org': [
        { target: 'b.example.org', port: 8000, priority: 20 },
        { target: 'a.example.org', port: 7001, priority: 10 },
        { target: 'gone.example.org', port: 7001, priority: 5 },
      ],
    },
  })
  assert.deepEqual(await new Names([dns.address]).find('_serf._udp.example.org'), [
    { ip: '10.0.0.1', port: 7001 },
    { ip: '10.0.0.2', port: 8000 },
    { ip: 'fd00::2', port: 8000 },
  ])
})

test('changed records are seen at once; a name that is gone is refused with its reason', async (t) => {
  const dns = await FakeDns.start(t, { ips: { 'seed.example.org': ['10.0.0.1'] } })
  const names = new Names([dns.address])
  assert.deepEqual(await names.find('seed.example.org'), [{ ip: '10.0.0.1', port: 0 }])
  dns.records = { ips: { 'seed.example.org': ['10.0.0.9'] } }
  assert.deepEqual(await names.find('seed.example.org'), [{ ip: '10.0.0.9', port: 0 }])
  dns.records = { ips: {} }
  await assert.rejects(names.find('seed.example.org'), { code: 'ENOTFOUND' })
})

test("without servers the system's resolver answers, hosts file included", async () => {
  const found = await new Names([]).find('localhost')
  assert.ok(found.some(({ ip, port }) => ip === '127.0.0.1' && port === 0))
})
