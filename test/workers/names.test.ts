/** Names into addresses, asked of a real name server on loopback and of the system's own resolver. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Names } from '../../workers/names.ts'
import { freshIp } from '../interop/serf-agent.ts'
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

const mayUnshare = process.platform === 'linux' && spawnSync('unshare', ['-m', 'true']).status === 0

test('a name without dots, or with some, is looked for in the search domains of the system (row 26)', {
  skip: !mayUnshare && 'needs root, to show a process another /etc/resolv.conf',
}, async (t) => {
  const ip = freshIp()
  const dns = await FakeDns.start(
    t,
    { ips: { 'web-1.pool.example.org': ['10.0.0.7'], 'web-1.eu.pool.example.org': ['10.0.0.8'] } },
    ip,
    53,
  )
  const folder = mkdtempSync(join(tmpdir(), 'folkmoot-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'resolv.conf')
  writeFileSync(file, `nameserver ${ip}\nsearch example.net pool.example.org\noptions ndots:2 timeout:5\n`)
  const names = new URL('../../workers/names.js', import.meta.url).href
  const program = `const { Names } = await import('${names}')
    for (const name of ['web-1', 'web-1.eu']) console.log((await new Names([]).find(name))[0].ip)`
  const shell = `mount --bind '${file}' /etc/resolv.conf && exec '${process.execPath}' --input-type=module -e "$0"`
  const { stdout } = await promisify(execFile)('unshare', ['-m', 'sh', '-c', shell, program], {
    timeout: 60_000,
  })
  assert.equal(stdout, '10.0.0.7\n10.0.0.8\n')
  assert.ok(dns.asked.some((question) => question.startsWith('web-1.example.net ')))
})
