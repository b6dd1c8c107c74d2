/** An agent's life: how it starts and fails to, what signals do, how it ends, and what survives a reload. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../eventually.ts'
import { freePort, freshIp } from '../interop/serf-agent.ts'
import { AgentProcess, run } from './processes.ts'

const fresh = () => mkdtempSync(join(tmpdir(), 'folkmoot-agent-'))

const until = (holds: () => boolean | Promise<boolean>) =>
  eventually('what is waited for', holds, { within: 30_000, every: 50 })

test('the banner and the first lines are those of the original', async (t) => {
  const agent = await AgentProcess.start(t, 'ours', 'n1', [
    '-profile=wan',
    '-snapshot',
    join(fresh(), 's'),
    '-disable-compression',
  ])
  await agent.says('EventMemberJoin: n1')
  const lines = agent.output
    .split('\n')
    .slice(0, 12)
    .map((line) => line.replace(/127\.[\d.]+(:\d+)?/g, 'ADDRESS'))
  assert.deepEqual(lines, [
    '==> Starting Serf agent...',
    '==> Starting Serf agent RPC...',
    '==> Serf agent running!',
    "                      Node name: 'n1'",
    "                      Bind addr: 'ADDRESS'",
    "                       RPC addr: 'ADDRESS'",
    '                      Encrypted: false',
    '                       Snapshot: true',
    '                        Profile: wan',
    '    Message Compression Enabled: false',
    '',
    '==> Log data will now stream in as it occurs:',
  ])
})

test('TestRPCClientLeave: a leave by RPC is answered, and the agent ends with status 0', async (t) => {
  const agent = await AgentProcess.start(t, 'ours', 'n1')
  const { stdout, exit } = await agent.command('ours', 'leave')
  assert.deepEqual([stdout, exit], ['Graceful leave complete\n', 0])
  assert.equal(await agent.ended(), 0)
})

test('SIGINT leaves gracefully with status 0, SIGTERM ends at once with status 1', async (t) => {
  const [one, other] = await Promise.all([
    AgentProcess.start(t, 'ours', 'n1'),
    AgentProcess.start(t, 'ours', 'n2'),
  ])
  one.child.kill('SIGINT')
  other.child.kill('SIGTERM')
  assert.deepEqual([await one.ended(), await other.ended()], [0, 1])
  assert.match(one.output, /==> Caught signal: interrupt\n==> Gracefully shutting down agent\.\.\.\n/)
  assert.match(other.output, /==> Caught signal: terminated\n/)
  assert.match(other.output, /Shutdown without a Leave/)
})

test('leave_on_terminate and skip_leave_on_interrupt turn the two round', async (t) => {
  const file = join(fresh(), 'a.json')
  writeFileSync(file, '{"leave_on_terminate":true,"skip_leave_on_interrupt":true}')
  const args = [`-config-file=${file}`]
  const [one, other] = await Promise.all([
    AgentProcess.start(t, 'ours', 'n1', args),
    AgentProcess.start(t, 'ours', 'n2', args),
  ])
  one.child.kill('SIGINT')
  other.child.kill('SIGTERM')
  assert.deepEqual([await one.ended(), await other.ended()], [1, 0])
})

test('a reload changes level, handlers and tags of the file, and keeps tags that were set at run time', async (t) => {
  const folder = fresh()
  const file = join(folder, 'a.json')
  const heard = join(folder, 'heard')
  writeFileSync(file, JSON.stringify({ tags: { role: 'web', zone: 'a' }, log_level: 'INFO' }))
  const agent = await AgentProcess.start(t, 'ours', 'n1', [`-config-file=${file}`])
  await agent.command('ours', 'tags', '-set', 'by=hand')
  writeFileSync(
    file,
    JSON.stringify({
      tags: { role: 'db' },
      log_level: 'DEBUG',
      event_handlers: [`user:x=echo heard > ${heard}`],
    }),
  )
  agent.child.kill('SIGHUP')
  await agent.says('==> Reloading configuration...')
  await until(async () =>
    (await agent.command('ours', 'members', '-tag', 'role=db', '-tag', 'by=hand')).stdout.includes('n1'),
  )
  const { stdout } = await agent.command('ours', 'members')
  assert.ok(!stdout.includes('zone'), stdout)
  await agent.command('ours', 'event', '-coalesce=false', 'x')
  await until(() => {
    try {
      return readFileSync(heard, 'utf8') === 'heard\n'
    } catch {
      return false
    }
  })
  await agent.says('[DEBUG]')
})

test('a reload of a bad file changes nothing and says so', async (t) => {
  const file = join(fresh(), 'a.json')
  writeFileSync(file, '{"tags":{"role":"web"}}')
  const agent = await AgentProcess.start(t, 'ours', 'n1', [`-config-file=${file}`])
  writeFileSync(file, '{"tagz":1}')
  agent.child.kill('SIGHUP')
  await agent.says('==> Failed to reload configs')
  assert.match((await agent.command('ours', 'members')).stdout, /role=web/)
})

test('TestCommandRun_joinFail: who joins nobody at start ends with status 1', async () => {
  const ip = freshIp()
  const { stdout, exit } = await run('ours', [
    'agent',
    `-bind=${ip}:7946`,
    `-rpc-addr=${ip}:${await freePort(ip)}`,
    '-join=127.255.255.253',
  ])
  assert.equal(exit, 1)
  assert.match(
    stdout,
    /==> Joining cluster\.\.\.\(replay: false\)\n==> 1 error occurred:\n\t\* Failed to join 127\.255\.255\.253: /,
  )
})

test('TestCommandRun_retry_joinFail: retry-join gives up after its attempts', async () => {
  const ip = freshIp()
  const args = [
    'agent',
    `-bind=${ip}:7946`,
    `-rpc-addr=${ip}:${await freePort(ip)}`,
    '-retry-join=127.255.255.253',
    '-retry-interval=1s',
    '-retry-max=1',
  ]
  const { stdout, exit } = await run('ours', args)
  assert.equal(exit, 1)
  assert.equal(stdout.match(/Joining cluster\.\.\./g)?.length, 2)
  assert.match(stdout, /\[ERR\] agent: maximum retry join attempts made, exiting/)
})

test('TestCommandRun_retry_join: retry-join finds a member that comes later', async (t) => {
  const late = freshIp()
  const first = await AgentProcess.start(t, 'ours', 'n1', [`-retry-join=${late}`, '-retry-interval=1s'])
  await AgentProcess.start(t, 'ours', 'n2', [], late)
  await first.says('Join completed. Synced with 1 initial agents')
  await until(async () => (await first.command('ours', 'members')).stdout.includes('n2'))
})

const FAILURES: [string, string[], RegExp][] = [
  ['a taken RPC port', [], /^==> Error starting RPC listener: listen tcp .*: bind: address already in use$/m],
  [
    'a protocol that is too high',
    ['-protocol=6'],
    /^==> Failed to start the Serf agent: Error creating Serf: /m,
  ],
  ['a key that is none', ['-encrypt=zz'], /^==> .*[Ee]ncrypt/m],
  [
    'a configuration file that is not there',
    ['-config-file=/nowhere'],
    /^==> Error reading '\/nowhere': open \/nowhere: no such file or directory$/m,
  ],
]
for (const [what, args, line] of FAILURES) {
  test(`does not start with ${what}`, async (t) => {
    const ip = freshIp()
    const taken = args.length === 0 ? await AgentProcess.start(t, 'ours', 'n0') : undefined
    const rpc = taken?.rpc ?? `${ip}:${await freePort(ip)}`
    const { stdout, exit } = await run('ours', ['agent', `-bind=${ip}:7946`, `-rpc-addr=${rpc}`, ...args])
    assert.equal(exit, 1)
    assert.match(stdout, line)
  })
}
