/**
 * An agent of ours beside a real one through the same life: what each says on its console, what its log says of the agent itself, and what its
 * handlers are told, which must be the same but for addresses, times and measurements.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, withoutSerf } from '../interop/serf-agent.ts'
import { AgentProcess, type Kind } from './processes.ts'

const KEY = 'T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s='
const KINDS: readonly Kind[] = ['ours', 'real']
const patience = { within: 60_000, every: 100 }
const folder = mkdtempSync(join(tmpdir(), 'folkmoot-beside-'))
const skip = withoutSerf

/** Both at once; each has a folder of its own. */
async function both<Value>(live: (kind: Kind, place: string) => Promise<Value>): Promise<[Value, Value]> {
  const [ours, real] = await Promise.all(
    KINDS.map(async (kind) => {
      const place = mkdtempSync(join(folder, `${kind}-`))
      return live(kind, place)
    }),
  )
  return [ours, real]
}

/** What is of this run alone. */
function masked(text: string, place: string): string {
  return text
    .replaceAll(place, 'FOLDER')
    .replace(/\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d/g, 'TIME')
    .replace(/127\.\d+\.\d+\.\d+(:\d+)?/g, 'ADDRESS')
    .replace(/10\.9\.8\.7(:\d+)?/g, 'ADVERTISED')
}

/**
 * Clients come and go at any time; events of members are told when they may be, and whether a real agent tells of its own leave before it ends
 * is chance, as is which of the two ways it hears of its own end by (one of them is logged). That nothing reaches the advertised address only
 * ours says.
 */
const BY_CHANCE =
  /Accepted client|Failed to stream|Received event: member|join is not confirmed|Serf shutdown detected/

/** The console: the agent's own lines, and of the log those that the agent wrote itself. */
function own({ output }: AgentProcess, place: string): string[] {
  return masked(output, place)
    .split('\n')
    .filter((line) => !/^ {4}TIME/.test(line) || / agent(\.\w+)?: /.test(line))
    .filter((line) => !BY_CHANCE.test(line))
}

describe('beside a real agent', { concurrency: 2 }, () => {
  test('the console from start to leave: banner with all it may hold, a join, a reload, bad reloads, an interrupt', {
    skip,
  }, async (t) => {
    const [ours, real] = await both(async (kind, place) => {
      const seed = await AgentProcess.start(t, 'real', 'n2', ['-profile=local', `-encrypt=${KEY}`])
      const file = join(place, 'a.json')
      const good = { tags: { zone: 'a' }, role: 'web', log_level: 'debug', retry_interval: '1ms' }
      writeFileSync(file, JSON.stringify(good))
      const agent = await AgentProcess.start(t, kind, 'n1', [
        `-config-file=${file}`,
        `-encrypt=${KEY}`,
        '-profile=local',
        '-advertise=10.9.8.7:9999',
        '-rejoin',
        `-join=${seed.ip}`,
        '-broadcast-timeout=1ms',
        '-event-handler=user:x=true',
      ])
      await agent.says('agent: Received event: member-join')
      const reload = async (settings: unknown, until: string) => {
        writeFileSync(file, JSON.stringify(settings))
        const before = agent.output.length
        agent.child.kill('SIGHUP')
        await eventually(until, () => agent.output.slice(before).includes(until), patience)
      }
      await reload({ ...good, tags: { zone: 'b' } }, 'Reloading configuration...')
      await agent.says('agent: Received event: member-update')
      const later = { ...good, tags: { zone: 'b' } }
      await reload({ ...later, log_level: 'loud' }, 'Invalid log level')
      await reload({ nonsense: 1 }, 'Failed to reload configs')
      await reload({ ...later, event_handlers: ['nobody=x'] }, 'Invalid event script')
      if (kind === 'ours') await agent.says('the join is not confirmed (firewall)')
      await sleep(500)
      agent.child.kill('SIGINT')
      const status = await agent.ended()
      if (kind === 'ours')
        assert.match(agent.output, /Received event: member-leave/, 'its handlers hear of its leave')
      return { lines: own(agent, place), status }
    })
    assert.deepEqual(ours, real)
  })

  test('signals: a second one while it leaves, terminate, and both turned round', { skip }, async (t) => {
    const seconds: NodeJS.Signals[] = ['SIGINT', 'SIGHUP', 'SIGTERM']
    const endings: [Record<string, unknown>, NodeJS.Signals[]][] = [
      ...seconds.map((second): [Record<string, unknown>, NodeJS.Signals[]] => [{}, ['SIGINT', second]]),
      [{}, ['SIGTERM']],
      [{ skip_leave_on_interrupt: true }, ['SIGINT']],
      [{ leave_on_terminate: true }, ['SIGTERM']],
    ]
    await Promise.all(
      endings.map(async ([settings, signals]) => {
        const [ours, real] = await both(async (kind, place) => {
          const file = join(place, 'a.json')
          writeFileSync(file, JSON.stringify(settings))
          const agent = await AgentProcess.start(t, kind, 'n1', [`-config-file=${file}`])
          await agent.says('agent: Received event: member-join')
          for (const [i, signal] of signals.entries()) {
            agent.child.kill(signal)
            // A lonely agent needs a second to leave: time for the second signal.
            if (i === 0 && signals.length > 1) await agent.says('Gracefully shutting down agent...')
          }
          return { status: await agent.ended(), lines: own(agent, place) }
        })
        assert.deepEqual(ours, real, `${JSON.stringify(settings)} ${signals}`)
      }),
    )
  })

  /** What a handler for everything was told, by events that are in order. */
  async function heardBy(t: TestContext, kind: Kind, place: string): Promise<string[]> {
    const script = join(place, 'handler.sh')
    const heard = join(place, 'heard')
    mkdirSync(heard)
    // One file for each run, complete when it is renamed.
    writeFileSync(
      script,
      `#!/bin/sh\nd=$(mktemp -d ${place}/run-XXXXXX)\nenv | grep '^SERF_' | sort > $d/told\necho -- >> $d/told\ncat >> $d/told\nmv $d/told ${heard}/$(date +%s%N)\n`,
      { mode: 0o755 },
    )
    const tags = ['-tag', 'role=web', '-tag', 'data-center=eäst 1', '-tag', 'x.y=']
    const agent = await AgentProcess.start(t, kind, 'n1', [
      '-profile=local',
      ...tags,
      '-event-handler',
      script,
    ])
    const runs = () => {
      const names = readdir(heard)
      return names.map((name) => masked(readFileSync(join(heard, name), 'utf8'), place))
    }
    const until = (text: string) => eventually(text, () => runs().some((run) => run.includes(text)), patience)
    await until('SERF_EVENT=member-join')
    const other = await AgentProcess.start(t, 'real', 'n2', [
      '-profile=local',
      '-tag',
      'role=d\tb',
      `-join=${agent.ip}`,
    ])
    await until('\nn2\t')
    await agent.command('ours', 'event', '-coalesce=false', 'deploy me', 'one\ntwo')
    await until('SERF_USER_EVENT=deploy me')
    await agent.command('ours', 'event', '-coalesce=false', 'empty')
    await until('SERF_USER_EVENT=empty')
    await agent.command('ours', 'query', '-timeout=300ms', 'load', 'x\n')
    await until('SERF_QUERY_NAME=load')
    await other.command('ours', 'tags', '-set', 'role=cache')
    await until('SERF_EVENT=member-update')
    await agent.command('ours', 'tags', '-set', 'role=proxy', '-delete', 'x.y')
    await eventually(
      'the second update',
      () => runs().filter((run) => run.includes('SERF_EVENT=member-update')).length === 2,
      patience,
    )
    await other.command('ours', 'leave')
    await until('SERF_EVENT=member-leave')
    await agent.command('ours', 'force-leave', '-prune', 'n2')
    await until('SERF_EVENT=member-reap')
    return runs()
  }

  function readdir(path: string): string[] {
    return readdirSync(path).sort()
  }

  /**
   * What was told, whatever was told together: each line with its event, and each environment. A real agent says updates again and again, and its
   * tags come in any order.
   */
  function toldIn(runs: readonly string[]): { lines: string[]; environments: string[] } {
    const split = runs.map((run) => {
      const [environment, input] = run.split('--\n')
      const event = /SERF_EVENT=(\S+)/.exec(environment)?.[1]
      const lines = input
        .split('\n')
        .map((line) => `${event}: ${line.replace(/[^\t]*$/, (list) => list.split(',').sort().join(','))}`)
      return { environment, lines }
    })
    return {
      lines: [...new Set(split.flatMap(({ lines }) => lines))].sort(),
      environments: [...new Set(split.map(({ environment }) => environment))].sort(),
    }
  }

  test('handlers are told the same of every kind of event', { skip }, async (t) => {
    const [ours, real] = await both((kind, place) => heardBy(t, kind, place))
    assert.deepEqual(toldIn(ours), toldIn(real))
    assert.ok(ours.length >= 9, ours.join('\n'))
  })

  test('the log of an agent at DEBUG says the same of what clients ask for', { skip }, async (t) => {
    const [ours, real] = await both(async (kind, place) => {
      const agent = await AgentProcess.start(t, kind, 'n1', [
        '-profile=local',
        '-log-level=debug',
        `-encrypt=${KEY}`,
        '-event-handler=user=echo out; exit 3',
        '-event-handler=query:big=head -c 2000 /dev/zero',
        '-event-handler=query:load=echo 1; echo 2 >&2',
      ])
      await agent.says('agent: Received event: member-join')
      const calls = [
        ['event', '-coalesce=false', 'deploy', 'a"b\n\u0001ü'],
        ['event', 'deploy', 'x'.repeat(600)],
        ['query', '-timeout=300ms', 'load', 'p'],
        ['query', '-timeout=300ms', 'big'],
        ['query', '_serf_x'],
        ['force-leave', 'nobody'],
        ['force-leave', '-prune', 'nobody'],
        ['join', '127.255.255.253'],
        ['keys', '-list'],
        ['keys', `-install=${KEY}`],
        ['keys', `-use=${KEY}`],
        ['keys', '-remove', 'YWJjZGVmZ2hpamtsbW5vcA=='],
        ['members', '-name=('],
      ]
      for (const [command, ...args] of calls) await agent.command('real', command, ...args)
      await sleep(1_000)
      await agent.command('real', 'leave')
      assert.equal(await agent.ended(), 0)
      const lines = own(agent, place).filter((line) => / agent(\.\w+)?: /.test(line))
      // What the pattern's error says is the compiler's own.
      return lines.map((line) =>
        line.replace(/(Failed to compile regex: ).*/, '$1').replaceAll('\u0000', '0'),
      )
    })
    const sorted = (lines: string[]) => lines.toSorted()
    assert.deepEqual(sorted(ours), sorted(real))
  })
})
