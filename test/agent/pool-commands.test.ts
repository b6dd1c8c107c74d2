/** Lines of the original's tests of its commands: our command line at an agent of ours with the tags of those tests. What needs no agent gets none. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { goJson } from '../../src/cli/text.ts'
import { eventually, withoutSerf } from '../interop/serf-agent.ts'
import { AgentProcess, type Ran, run } from './processes.ts'

const KEY = 'T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s='
const OTHER = 'HvY8ubRZMgafUOWvrOadwOckVa1wN3QWAo46FVKbVN8='
const THIRD = 'X/GrCLASSbu8ZB8nvYaY+Tu5RJ8MZ/NUZbIyVsTLyqs='
const patience = { within: 40_000 }

function says({ stdout, exit }: Ran, status: number, what: RegExp): void {
  assert.match(stdout, what)
  assert.equal(exit, status, stdout)
}

/** Nothing listens there. */
const nobody = '-rpc-addr=127.0.0.1:1'
const ALONE: [string, string[], RegExp][] = [
  ['TestEventCommandRun_noEvent', ['event', nobody], /event name/],
  ['TestEventCommandRun_tooMany', ['event', nobody, 'foo', 'bar', 'baz'], /Too many/],
  ['TestForceLeaveCommandRun_noAddrs', ['force-leave', nobody], /node name/],
  ['TestJoinCommandRun_noAddrs', ['join', nobody], /one address/],
  ['TestKeysCommandRun_BadOptions', ['keys', nobody, `-install=${KEY}`, `-use=${KEY}`], /Only one of/],
  ['TestKeysCommandRun_BadOptions', ['keys', nobody, '-list', `-remove=${KEY}`], /Only one of/],
  ['TestQueryCommandRun_noName', ['query', nobody], /query name/],
  ['TestQueryCommandRun_tooMany', ['query', nobody, 'foo', 'bar', 'baz'], /Too many/],
  [
    'TestQueryCommandRun_invalidRelayFactor',
    ['query', nobody, '-relay-factor=9999', 'foo'],
    /Relay factor must be/,
  ],
  [
    'TestQueryCommandRun_invalidRelayFactor',
    ['query', nobody, '-relay-factor=-1', 'foo'],
    /Relay factor must be/,
  ],
  ['TestRTTCommand_Run_BadArgs', ['rtt', nobody], /./],
]
for (const [name, args, what] of ALONE) {
  test(`${name}: ${args.join(' ')}`, async () => says(await run('ours', args), 1, what))
}

test('TestKeygenCommand: 32 bytes of base64', async () => {
  const { stdout, exit } = await run('ours', ['keygen'])
  assert.equal(Buffer.from(stdout.trim(), 'base64').length, 32)
  assert.equal(exit, 0)
})

test('TestCommandOutput: JSON indented by two with nil as null', () => {
  assert.equal(goJson({ a: [null], b: 'c' }), '{\n  "a": [\n    null\n  ],\n  "b": "c"\n}')
})

describe('at an agent', () => {
  const ends: (() => Promise<void>)[] = []
  const scope = { after: (end: () => Promise<void>) => ends.push(end) }
  let agent: AgentProcess
  after(() => Promise.all(ends.map((end) => end())))
  before(async () => {
    const tags = ['-tag=role=test', '-tag=tag1=foo', '-tag=tag2=bar']
    agent = await AgentProcess.start(scope, 'ours', 'n1', ['-profile=local', ...tags])
  })
  const at = (command: string, ...args: string[]) => agent.command('ours', command, ...args)

  test('TestInfoCommandRun', async () => says(await at('info'), 0, /runtime/))

  const MEMBERS: [string, string[], RegExp][] = [
    ['TestMembersCommandRun', [], /n1/],
    ['TestMembersCommandRun_statusFilter', ['-status=alive'], /n1/],
    ['TestMembersCommandRun_statusFilter_failed', ['-status=(failed|left)'], /^\n$/],
    ['TestMembersCommandRun_roleFilter', ['-role=test'], /n1/],
    ['TestMembersCommandRun_roleFilter_failed', ['-role=primary'], /^Deprecation.*\n\n$/],
    ['TestMembersCommandRun_tagFilter', ['-tag=tag1=foo'], /n1/],
    ['TestMembersCommandRun_tagFilter_failed', ['-tag=tag1=nomatch'], /^\n$/],
    ['TestMembersCommandRun_mutliTagFilter', ['-tag=tag1=foo', '-tag=tag2=bar'], /n1/],
    ['TestMembersCommandRun_multiTagFilter_failed', ['-tag=tag1=foo', '-tag=tag2=nomatch'], /^\n$/],
  ]
  for (const [name, args, what] of MEMBERS) {
    test(`${name}: ${args.join(' ')}`, async () => says(await at('members', ...args), 0, what))
  }

  test('TestCommandOutput: an unknown format is refused by its name', async () => {
    says(await at('members', '-format=boo'), 1, /Invalid output format "boo"/)
  })

  const QUERIES: [string, string[], RegExp][] = [
    ['TestQueryCommandRun', ['deploy', 'payload'], /Ack from 'n1'/],
    ['TestQueryCommandRun_tagFilter', ['-tag=tag1=f..', 'deploy'], /Ack from 'n1'/],
    ['TestQueryCommandRun_tagFilter_failed', ['-tag=tag1=no', 'deploy'], /^(?![\s\S]*n1)/],
    ['TestQueryCommandRun_nodeFilter', ['-node', 'n1', 'deploy'], /Ack from 'n1'/],
    ['TestQueryCommandRun_nodeFilter_failed', ['-node', 'other', 'deploy'], /^(?![\s\S]*n1)/],
  ]
  for (const [name, args, what] of QUERIES) {
    test(`${name}: ${args.join(' ')}`, async () =>
      says(await at('query', '-timeout=500ms', ...args), 0, what))
  }

  test('TestQueryCommandRun_formatJSON', async () => {
    const { stdout } = await at('query', '-timeout=500ms', '-format=json', 'deploy')
    assert.deepEqual(JSON.parse(stdout), { Acks: ['n1'], Responses: {} })
  })

  test('TestReachabilityCommand_Run', async () => {
    says(await at('reachability', '-verbose'), 0, /Ack from 'n1'[\s\S]*Successfully/)
  })

  test('TestRTTCommand_Run', async () => {
    for (const names of [['n1'], ['n1', 'n1']]) says(await at('rtt', ...names), 0, /rtt: \d+\.\d{3} ms/)
    says(await at('rtt', 'nobody'), 1, /Could not find a coordinate for node "nobody"/)
  })

  test('TestKeysCommandRun_ListKeysFailure, _InstallKeyFailure: without encryption', async () => {
    says(await at('keys', '-list'), 1, /not enabled/)
    says(await at('keys', `-install=${KEY}`), 1, /not enabled/)
  })

  test('TestTagsCommandRun: delete and two sets in one call', async () => {
    const { stdout } = await at('tags', '-delete', 'tag2', '-set', 'a=1', '-set', 'b=2')
    assert.equal(stdout, 'Successfully updated agent tags\n')
    const shown = (await at('members')).stdout
    assert.ok(shown.includes('a=1') && shown.includes('b=2') && !shown.includes('tag2'), shown)
  })

  test('TestJoinCommandRun, TestForceLeaveCommandRun, TestForceLeaveCommandRun_prune, TestLeaveCommandRun', async () => {
    const second = await AgentProcess.start(scope, 'ours', 'n2', ['-profile=local'])
    says(await at('join', second.ip), 0, /^Successfully joined cluster by contacting 1 nodes\.\n$/)
    const shows = (what: RegExp) =>
      eventually(String(what), async () => what.test((await at('members')).stdout), patience)
    await shows(/^n2 .* alive/m)
    await second.kill()
    await shows(/^n2 .* failed/m)
    assert.deepEqual(await at('force-leave', 'n2'), { stdout: '', stderr: '', exit: 0 })
    await shows(/^n2 .* left/m)
    says(await at('force-leave', '-prune', 'n2'), 0, /^$/)
    assert.ok(!(await at('members')).stdout.includes('n2'))
  })

  test('a monitor that speaks JSON: a line for each line of the log and each event', async () => {
    const monitor = agent.monitor('ours', '-format=json')
    ends.push(() => monitor.kill())
    await monitor.says('Accepted client')
    await at('event', '-coalesce=false', 'said', 'v1')
    await monitor.says('"name":"said"')
    for (const line of monitor.output.trimEnd().split('\n')) assert.doesNotThrow(() => JSON.parse(line), line)
  })

  test('every command speaks JSON', async () => {
    const calls = [
      ['members'],
      ['info'],
      ['rtt', 'n1'],
      ['event', 'deploy'],
      ['query', '-timeout=300ms', 'deploy'],
      ['reachability'],
      ['keys', '-list'],
      ['tags', '-set', 'a=b'],
      ['force-leave', 'nobody'],
      ['join', agent.ip],
      ['why', 'n1'],
      ['doctor'],
    ]
    const runs = calls.map(
      ([command, ...args]) =>
        () =>
          at(command, '-format=json', ...args),
    )
    for (const command of ['version', 'keygen']) runs.push(() => run('ours', [command, '-format=json']))
    for (const [i, call] of runs.entries()) {
      const { stdout } = await call()
      const command = calls[i]?.[0]
      assert.doesNotThrow(() => JSON.parse(stdout), `${command}: ${stdout}`)
      assert.ok(!stdout.includes('\u001b'), 'no colours where there is no terminal')
    }
  })
})

test('TestLeaveCommandRun', async (t) => {
  const agent = await AgentProcess.start(t, 'ours', 'n1', ['-profile=local'])
  says(await agent.command('ours', 'leave'), 0, /leave complete/)
})

test('TestKeysCommandRun_InstallKey, _UseKey, _UseKeyFailure, _RemoveKey, _RemoveKeyFailure, _ListKeys', async (t) => {
  const agent = await AgentProcess.start(t, 'ours', 'n1', ['-profile=local', `-encrypt=${KEY}`])
  const at = (...args: string[]) => agent.command('ours', 'keys', ...args)
  says(await at('-install', OTHER), 0, /Successfully installed key/)
  const { stdout } = await at('-list')
  assert.ok(stdout.includes(KEY) && stdout.includes(OTHER), stdout)
  says(await at('-use', THIRD), 1, /not in the keyring/)
  says(await at('-use', OTHER), 0, /Successfully changed primary key/)
  says(await at('-remove', THIRD), 0, /Successfully removed key/)
  says(await at('-remove', OTHER), 1, /not allowed[\s\S]*Error removing key/)
  says(await at('-remove', KEY), 0, /Successfully removed key/)
  const left = (await at('-list')).stdout
  assert.ok(!left.includes(KEY) && left.includes(OTHER), left)
  const gone = await agent.command('ours', 'leave', '-format=json')
  assert.deepEqual([JSON.parse(gone.stdout), gone.exit], [{ left: true }, 0])
})

describe('monitor', { skip: withoutSerf }, () => {
  for (const agentKind of ['ours', 'real'] as const) {
    for (const cli of ['ours', 'real'] as const) {
      test(`${cli} command line, ${agentKind} agent: log and events, an interrupt, the agent's end`, async (t) => {
        const agent = await AgentProcess.start(t, agentKind, 'n1', ['-profile=local'])
        const monitors = [agent.monitor(cli), agent.monitor(cli, '-log-level=DEBUG')]
        for (const monitor of monitors) await monitor.says('Accepted client')
        await agent.command('ours', 'event', '-coalesce=false', 'deploy', 'v1')
        for (const monitor of monitors) await monitor.says('Event Info:')
        for (const monitor of monitors) await monitor.says('\tPayload: []byte{0x76, 0x31}\n')
        for (const line of ['\tName: "deploy"\n', '\tEvent: "user"\n', '\tCoalesce: false\n'])
          for (const monitor of monitors) await monitor.says(line)
        assert.equal(monitors[0].output.includes('[DEBUG]'), false)
        await monitors[1].says(
          '[DEBUG] agent: Requesting user event send: deploy. Coalesced: false. Payload: "v1"',
        )
        // Before its first look at signals a process dies of them.
        await sleep(300)
        monitors[0].child.kill('SIGINT')
        assert.equal(await monitors[0].ended(), 0)
        await agent.kill()
        assert.equal(await monitors[1].ended(), 1)
        await sleep(100)
        assert.ok(
          monitors[1].output.includes(
            '\nRemote side ended the monitor! This usually means that the\nremote side has exited or crashed.\n',
          ),
        )
      })
    }
  }
})
