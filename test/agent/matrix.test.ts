/**
 * Every command, by both command lines, at both agents: four outputs that must be equal once addresses, times and measurements are masked. Each
 * agent has the same pool around it: itself and one real member.
 */
import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, withoutSerf } from '../interop/serf-agent.ts'
import { AgentProcess, type Kind, type Ran, run } from './processes.ts'
import { inAnyOrder } from './transcripts.ts'

const patience = { within: 60_000, every: 250 }
const KINDS: readonly Kind[] = ['ours', 'real']
const KEY = 'T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s='
const OTHER_KEY = 'HvY8ubRZMgafUOWvrOadwOckVa1wN3QWAo46FVKbVN8='

/** What may differ: where things are, how long they took, what the process is. */
function masked(text: string): string[] {
  return inAnyOrder(
    text
      .replace(/\b127\.\d+\.\d+\.\d+(:\d+)?/g, 'ADDRESS')
      .replace(/"port": \d+/g, '"port": PORT')
      .replace(/rtt: \d+\.\d+ ms/g, 'rtt: X ms')
      .replace(/\d+\.\d+ sec/g, 'X sec')
      .replace(
        /"?(arch|cpu_count|goroutines|max_procs|os|version|event_time|query_time|member_time|health_score|query_queue|event_queue|intent_queue)"?( =|:) .*/g,
        '$1 = X',
      )
      .replace(/folkmoot/g, 'serf'),
  )
}

/** Help is free in its wording; only what comes before it is compared. */
function withoutHelp(text: string): string {
  return text.replace(/Usage: [\s\S]*$/, '')
}

const COMMANDS: string[][] = [
  ['members'],
  ['members', '-detailed'],
  ['members', '-format=json'],
  ['members', '-format=xml'],
  ['members', '-status=alive', '-name=n.*'],
  ['members', '-status=failed'],
  ['members', '-status=failed', '-format=json'],
  ['members', '-tag', 'role=w.b'],
  ['members', '-role=web'],
  ['members', '-name=al('],
  ['members', '-tag', 'foo'],
  ['members', '-bogus'],
  ['info'],
  ['info', '-format=json'],
  ['info', '-format=yaml'],
  ['rtt', 'n1'],
  ['rtt', 'n1', 'n1'],
  ['rtt', 'nope'],
  ['rtt'],
  ['event', 'deploy', 'v1'],
  ['event', '-coalesce=false', 'deploy'],
  ['event', 'deploy', ''],
  ['event', 'deploy', 'x'.repeat(600)],
  ['event', 'deploy', 'x'.repeat(490)],
  ['event'],
  ['event', 'a', 'b', 'c'],
  ['query', '-timeout=600ms', 'load', 'x'],
  ['query', '-timeout=600ms', '-format=json', 'load'],
  ['query', '-timeout=600ms', '-no-ack', '-node=n1', 'load'],
  ['query', '-timeout=600ms', '-tag', 'role=nothing', 'load'],
  ['query', '-timeout=600ms', 'nobody-handles-this'],
  ['query', 'load', 'y'.repeat(1100)],
  ['query', '_serf_secret'],
  ['query', '-relay-factor=300', 'load'],
  ['query', '-timeout=abc', 'load'],
  ['query'],
  ['reachability'],
  ['keys', '-list'],
  ['keys', '-install', OTHER_KEY],
  ['keys', '-use', OTHER_KEY],
  ['keys', '-remove', OTHER_KEY],
  ['keys', '-use', KEY],
  ['keys', '-use', 'YWJjZGVmZ2hpamtsbW5vcA=='],
  ['keys', '-install', 'badkey'],
  ['keys', '-install', 'YWJj'],
  ['keys', '-use', 'YWJj'],
  ['keys', '-remove', 'YWJj'],
  ['keys', '-remove', 'YWJjZGVmZ2hpamtsbW5vcA=='],
  ['keys', '-remove', OTHER_KEY],
  ['keys', '-list', '-install', KEY],
  ['keys'],
  ['tags', '-set', 'a=b', '-set', 'role=web'],
  ['tags', '-delete', 'a', '-delete', 'nosuch'],
  ['tags', '-set', `blob=${'t'.repeat(600)}`],
  ['tags', '-set', 'foo'],
  ['tags'],
  ['force-leave', 'nobody'],
  ['force-leave'],
  ['join', '127.255.255.253'],
  ['join'],
  ['monitor', '-log-level=bogus'],
]

/** Outputs that are the original's own and that ours does not copy: its version of the agent below. */
const AGENT_ARGS = [
  '-tag',
  'role=web',
  '-profile=local',
  `-encrypt=${KEY}`,
  '-event-handler',
  'query:load=echo 1.02',
]

describe('the matrix', { skip: withoutSerf }, () => {
  const agents = new Map<Kind, AgentProcess>()

  const ends: (() => Promise<void>)[] = []
  const scope = { after: (end: () => Promise<void>) => ends.push(end) }
  after(() => Promise.all(ends.map((end) => end())))

  before(async () => {
    for (const kind of KINDS) {
      const agent = await AgentProcess.start(scope, kind, 'n1', AGENT_ARGS)
      agents.set(kind, agent)
      const args = [
        '-tag',
        'role=db',
        '-profile=local',
        `-encrypt=${KEY}`,
        '-event-handler',
        'query:load=echo 2.04',
        `-join=${agent.ip}`,
      ]
      await AgentProcess.start(scope, 'real', 'n2', args)
    }
    // Both nodes know each other's coordinates and names before anything is compared.
    await sleep(3_000)
  })

  for (const words of COMMANDS) {
    test(
      words.map((word) => (word.length > 40 ? `${word.slice(0, 20)}… (${word.length})` : word)).join(' '),
      async () => {
        const [command, ...args] = words
        const outputs = new Map<string, Ran>()
        for (const [agentKind, agent] of agents) {
          for (const cli of KINDS)
            outputs.set(`${cli} command line, ${agentKind} agent`, await agent.command(cli, command, ...args))
        }
        const reference = outputs.get('real command line, real agent')
        assert.ok(reference !== undefined)
        for (const [pair, { stdout, stderr, exit }] of outputs) {
          assert.equal(
            exit,
            reference.exit,
            `${pair}: exit status\n${stdout}\nreference:\n${reference.stdout}`,
          )
          assert.deepEqual(masked(withoutHelp(stdout)), masked(withoutHelp(reference.stdout)), pair)
          assert.deepEqual(masked(stderr), masked(reference.stderr), `${pair}: standard error`)
        }
      },
    )
  }
})

/** Those that change a pool for good, in a pool of its own for each pair: what was said, in order, and how the agent ended. */
async function lifeOf(
  t: TestContext,
  cli: Kind,
  kind: Kind,
): Promise<{ said: string[][]; statuses: (number | null)[] }> {
  const agent = await AgentProcess.start(t, kind, 'n1', ['-profile=local'])
  const other = await AgentProcess.start(t, 'real', 'n2', ['-profile=local', '-tag', 'role=db'])
  const said: string[][] = []
  const statuses: (number | null)[] = []
  const say = async (...words: string[]) => {
    const [command, ...args] = words
    const { stdout, stderr, exit } = await agent.command(cli, command, ...args)
    said.push([...words, ...masked(stdout), ...masked(stderr)])
    statuses.push(exit)
  }
  await say('join', other.ip)
  await say('join', '-replay', `n2/${other.ip}:7946`, '127.255.255.253')
  await eventually(
    'two',
    async () => /n2 .*alive/.test((await agent.command('real', 'members')).stdout),
    patience,
  )
  await eventually(
    'acks of both',
    async () => (await agent.command('real', 'reachability')).exit === 0,
    patience,
  )
  await say('reachability', '-verbose')
  await say('force-leave', 'nobody')
  await other.kill()
  await eventually(
    'failed',
    async () => /n2 .*failed/.test((await agent.command('real', 'members')).stdout),
    patience,
  )
  await say('members', '-status=failed')
  await say('reachability')
  await say('force-leave', 'n2')
  await say('members')
  await say('force-leave', '-prune', 'n2')
  await say('members', '-format=json')
  await say('leave')
  statuses.push(await agent.ended())
  return {
    said: said.map((words) => words.map((word) => word.replace(/127\.\d+\.\d+\.\d+/g, 'ADDRESS'))),
    statuses,
  }
}

test('join, reachability, force-leave, prune and leave: four pools go the same way', {
  skip: withoutSerf,
}, async (t) => {
  const lives = await Promise.all(
    KINDS.flatMap((cli) =>
      KINDS.map(async (kind) => ({
        pair: `${cli} command line, ${kind} agent`,
        life: await lifeOf(t, cli, kind),
      })),
    ),
  )
  const reference = lives.find(({ pair }) => pair === 'real command line, real agent')
  for (const { pair, life } of lives) assert.deepEqual(life, reference?.life, pair)
})

test('version and keygen, which ask no agent; help of every command; what is no command', {
  skip: withoutSerf,
}, async () => {
  const form = ({ stdout, stderr, exit }: Ran) => [
    stdout
      .replace(/^\d+\.\d+\.\d+\S*$/m, 'VERSION')
      .replace(/^[A-Za-z0-9+/]{43}=$/m, 'KEY')
      .replace(/^Usage: [\s\S]*/, 'HELP'),
    stderr.replace(/[\s\S]*Usage: [\s\S]*/, 'HELP'),
    exit,
  ]
  const lines = [
    ['version'],
    ['version', 'extra', '-x'],
    ['keygen'],
    ['keygen', '-bogus'],
    ['members', '-v'],
    ['event', '--', '--version'],
    ['--version'],
    [],
    ['help'],
    ['nonsense'],
    ['-h'],
    ['--help'],
    ['nonsense', '-h'],
    ['version', '-h'],
    ['-bogus', 'members'],
    ...'agent event force-leave info join keygen keys leave members monitor query reachability rtt tags'
      .split(' ')
      .map((command) => [command, '-h']),
  ]
  for (const words of lines) {
    const [ours, real] = await Promise.all(KINDS.map((kind) => run(kind, words)))
    assert.deepEqual(form(ours), form(real), words.join(' '))
  }
})
