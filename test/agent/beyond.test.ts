/** What our agents and their command line do beyond the original, each in a pool with real agents in it. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, tieToUs, withoutSerf } from '../interop/serf-agent.ts'
import { AgentProcess, type Kind, OUR_CLI } from './processes.ts'

const KEY = 'T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s='
const OTHER = 'HvY8ubRZMgafUOWvrOadwOckVa1wN3QWAo46FVKbVN8='
const patience = { within: 60_000, every: 250 }
const skip = withoutSerf
const folder = mkdtempSync(join(tmpdir(), 'folkmoot-beyond-'))

/** Agents of these kinds, named n1, n2 and so on, all joined to the first. */
async function pool(
  t: TestContext,
  kinds: readonly Kind[],
  args: readonly string[] = [],
): Promise<AgentProcess[]> {
  const first = await AgentProcess.start(t, kinds[0], 'n1', ['-profile=local', ...args])
  const others = kinds.slice(1).map((kind, i) => {
    return AgentProcess.start(t, kind, `n${i + 2}`, ['-profile=local', `-join=${first.ip}`, ...args])
  })
  const agents = [first, ...(await Promise.all(others))]
  for (const agent of agents)
    await shows(agent, (statuses) => statuses.filter((status) => status === 'alive').length === kinds.length)
  return agents
}

/** Waits until the statuses in the pool, in the order of names, are as wanted. */
async function shows(agent: AgentProcess, isWanted: (statuses: string[]) => boolean): Promise<void> {
  await eventually('the statuses', async () => isWanted(await statusesAt(agent)), patience)
}

async function statusesAt(agent: AgentProcess): Promise<string[]> {
  const { stdout } = await agent.command('real', 'members', '-format=json')
  const { members }: { members: { name: string; status: string }[] } = JSON.parse(stdout)
  return members.sort((one, other) => (one.name < other.name ? -1 : 1)).map(({ status }) => status)
}

describe('beyond the original', { concurrency: 2 }, () => {
  test('why NODE: who accused, who confirmed, at which incarnation, when; a real agent cannot tell', {
    skip,
  }, async (t) => {
    const [one, , real] = await pool(t, ['ours', 'ours', 'real'])
    await real.kill()
    await shows(one, (statuses) => statuses[2] === 'failed')
    const { stdout, exit } = await one.command('ours', 'why', 'n3')
    assert.equal(exit, 0)
    for (const line of stdout.trimEnd().split('\n'))
      assert.match(line, /^\d+\.\d s ago +n3 +\S+ +incarnation \d+/)
    assert.match(stdout, /n3 +suspect +incarnation \d+ +by n[12]/)
    assert.match(stdout, /n3 +(dead|failed) +incarnation \d+ +by n[12]/)
    const { history }: { history: { name: string; accuser: string; ago: number }[] } = JSON.parse(
      (await one.command('ours', 'why', '-format=json')).stdout,
    )
    assert.ok(history.some(({ name }) => name === 'n2') && history.some(({ accuser }) => accuser !== ''))
    assert.ok(history.every(({ ago }) => ago >= 0 && ago < 300_000))
    assert.equal((await one.command('ours', 'why', 'nobody')).stdout, 'Nothing is remembered of nobody.\n')
    const other = await AgentProcess.start(t, 'real', 'n4', ['-profile=local'])
    for (const command of ['why', 'doctor']) {
      const foreign = await other.command('ours', command)
      assert.equal(foreign.exit, 1)
      assert.match(foreign.stdout, /^Error asking .*: this agent is not a folkmoot agent/)
    }
  })

  interface Finding {
    level: string
    about: string
    text: string
  }

  async function diagnosis(agent: AgentProcess): Promise<{ findings: Finding[]; exit: number | null }> {
    const { stdout, exit } = await agent.command('ours', 'doctor', '-format=json')
    const { findings }: { findings: Finding[] } = JSON.parse(stdout)
    return { findings, exit }
  }

  test('doctor: nothing in a healthy pool; half a rotation, old versions, a clock that is off, a member that failed', {
    skip,
  }, async (t) => {
    const file = join(folder, 'keys.json')
    writeFileSync(file, JSON.stringify([KEY, OTHER]))
    const one = await AgentProcess.start(t, 'ours', 'n1', ['-profile=local', `-encrypt=${KEY}`])
    const joined = ['-profile=local', `-join=${one.ip}`]
    await AgentProcess.start(t, 'real', 'n2', [...joined, `-encrypt=${KEY}`])
    await shows(one, (statuses) => statuses.length === 2)
    const healthy = await eventually(
      'all is well',
      async () => {
        const found = await diagnosis(one)
        return found.exit === 0 && found.findings.every(({ level }) => level === 'ok') && found
      },
      patience,
    )
    assert.deepEqual(
      healthy.findings.map(({ about }) => about),
      ['own health', 'members', 'network', 'versions', 'keys', 'clocks'],
    )
    const shown = (await one.command('ours', 'doctor')).stdout
    assert.match(shown, /^ok +network +UDP works both ways with every alive member$/m)

    const late = 'globalThis.was=Date.now;Date.now=()=>was()+5000'
    const [, , doomed] = await Promise.all([
      AgentProcess.start(t, 'ours', 'n3', [...joined, `-keyring-file=${file}`], undefined, {
        NODE_OPTIONS: `--import=data:text/javascript,${late}`,
      }),
      AgentProcess.start(t, 'real', 'n4', [...joined, `-encrypt=${KEY}`, '-protocol=4']),
      AgentProcess.start(t, 'real', 'n5', [...joined, `-encrypt=${KEY}`]),
    ])
    await shows(one, (statuses) => statuses.length === 5)
    await doomed.kill()
    await shows(one, (statuses) => statuses[4] === 'failed')
    const wanted: [string, string, RegExp][] = [
      ['problem', 'n5', /has failed/],
      ['warning', 'versions', /4: 1 \(such as n4\)/],
      ['problem', 'keys', /not every key is on all 4 members \(1 of 2 are not\)/],
      ['warning', 'n3', /its clock is (4|5)\d{3} ms off ours/],
    ]
    await eventually(
      'each trouble by its name',
      async () => {
        const { findings, exit } = await diagnosis(one)
        const isFound = ([level, about, text]: [string, string, RegExp]) =>
          findings.some(
            (finding) => finding.level === level && finding.about === about && text.test(finding.text),
          )
        return exit === 1 && wanted.every(isFound)
      },
      patience,
    )
  })

  test('keys rotate: all members of a mixed pool hold the new key alone; one that is silent stops it by name, and it goes on', {
    skip,
  }, async (t) => {
    const agents = await pool(t, ['ours', 'ours', 'real'], [`-encrypt=${KEY}`])
    const [one, two, real] = agents
    const keysAt = async (agent: AgentProcess) =>
      [...(await agent.command('real', 'keys', '-list')).stdout.matchAll(/(\S+=) +\[(\d+)\/(\d+)\]/g)].map(
        ([, ...cells]) => cells.join(' '),
      )
    const rotated = await one.command('ours', 'keys', '-grace=500ms', 'rotate')
    assert.equal(rotated.exit, 0, rotated.stdout)
    assert.equal(rotated.stdout, '==> All members use the new key; 1 old keys removed.\n')
    const [held, ...more] = await keysAt(real)
    assert.match(held, / 3 3$/)
    assert.deepEqual(more, [])
    assert.ok(!held.startsWith(KEY))
    for (const agent of agents) assert.deepEqual(await statusesAt(agent), ['alive', 'alive', 'alive'])

    real.child.kill('SIGSTOP')
    const stopped = await two.command('ours', 'keys', '-format=json', '-grace=500ms', 'rotate')
    real.child.kill('SIGCONT')
    assert.equal(stopped.exit, 1, stopped.stdout)
    const { silent, key }: { silent: string[]; key: string } = JSON.parse(stopped.stdout)
    assert.deepEqual(silent, ['n3'])
    await shows(one, (statuses) => statuses.every((status) => status === 'alive'))
    const again = await two.command('ours', 'keys', '-grace=500ms', 'rotate', key)
    assert.equal(again.exit, 0, again.stdout)
    await eventually('one key', async () => (await keysAt(real)).join() === `${key} 3 3`, patience)
    const foreign = await real.command('ours', 'keys', 'rotate')
    assert.match(foreign.stdout, /^Error rotating keys: this agent is not a folkmoot agent/)
  })

  test('-label keeps pools apart; -skip-inbound-label-check lets in whose label was taken off', {
    skip,
  }, async (t) => {
    const [one, mate, other, lenient, real] = await Promise.all([
      AgentProcess.start(t, 'ours', 'n1', ['-profile=local', '-label=red']),
      AgentProcess.start(t, 'ours', 'n2', ['-profile=local', '-label=red']),
      AgentProcess.start(t, 'ours', 'n3', ['-profile=local', '-label=blue']),
      AgentProcess.start(t, 'ours', 'n4', ['-profile=local', '-label=red', '-skip-inbound-label-check']),
      AgentProcess.start(t, 'real', 'n5', ['-profile=local']),
    ])
    assert.equal((await mate.command('ours', 'join', one.ip)).exit, 0)
    assert.deepEqual(await statusesAt(one), ['alive', 'alive'])
    for (const stranger of [other, real]) {
      const { stdout, exit } = await stranger.command('ours', 'join', one.ip)
      assert.equal(exit, 1, stdout)
      assert.match(stdout, /^Error joining the cluster: 1 error occurred:/)
    }
    // A real agent knows no labels: its bytes are as they were if something in front had taken the label off.
    assert.equal((await real.command('real', 'join', lenient.ip)).exit, 0)
    assert.equal((await statusesAt(one)).length, 2)
  })

  test('-no-verify-incoming and -no-verify-outgoing: a member with a key among plain ones, on the way to a pool that has it', {
    skip,
  }, async (t) => {
    const [plain, strict, both, deaf, lenient] = await Promise.all([
      AgentProcess.start(t, 'real', 'n1', ['-profile=local']),
      AgentProcess.start(t, 'ours', 'n2', ['-profile=local', `-encrypt=${KEY}`]),
      AgentProcess.start(t, 'ours', 'n3', [
        '-profile=local',
        `-encrypt=${KEY}`,
        '-no-verify-incoming',
        '-no-verify-outgoing',
      ]),
      AgentProcess.start(t, 'ours', 'n4', ['-profile=local', `-encrypt=${KEY}`, '-no-verify-outgoing']),
      AgentProcess.start(t, 'ours', 'n5', ['-profile=local', `-encrypt=${KEY}`, '-no-verify-incoming']),
    ])
    assert.equal((await strict.command('ours', 'join', plain.ip)).exit, 1)
    assert.equal((await plain.command('ours', 'join', strict.ip)).exit, 1)
    assert.equal(
      (await plain.command('ours', 'join', deaf.ip)).exit,
      1,
      'it speaks plain, and hears only what is sealed',
    )
    assert.equal((await both.command('ours', 'join', plain.ip)).exit, 0)
    await shows(plain, (statuses) => statuses.join() === 'alive,alive')
    assert.equal((await strict.command('ours', 'join', both.ip)).exit, 1, 'it answers plain')
    assert.equal((await strict.command('ours', 'join', lenient.ip)).exit, 0)
  })

  const knows = (agent: AgentProcess, name: string) =>
    eventually(
      `${agent.name} finds ${name}`,
      async () => new RegExp(`^${name} .*alive`, 'm').test((await agent.command('real', 'members')).stdout),
      patience,
    )

  test('-snapshot: after a crash the pool is found again, from files of real agents too, and by real agents from ours', {
    skip,
  }, async (t) => {
    const seed = await AgentProcess.start(t, 'real', 'n1', ['-profile=local'])
    const lives: [string, Kind, Kind][] = [
      ['n2', 'ours', 'ours'],
      ['n3', 'real', 'ours'],
      ['n4', 'ours', 'real'],
    ]
    await Promise.all(
      lives.map(async ([name, before, after]) => {
        const args = ['-profile=local', `-snapshot=${join(folder, name)}`]
        const first = await AgentProcess.start(t, before, name, [...args, `-join=${seed.ip}`])
        await knows(first, 'n1')
        const isWritten = () => readFileSync(join(folder, name), 'utf8').includes('alive: n1 ')
        await eventually('the snapshot', isWritten, patience)
        await first.kill()
        await knows(await AgentProcess.start(t, after, name, args, first.ip), 'n1')
      }),
    )
  })

  test('after a leave nobody of the snapshot is dialled, but with -rejoin', { skip }, async (t) => {
    const seed = await AgentProcess.start(t, 'real', 'n1', ['-profile=local'])
    const args = ['-profile=local', `-snapshot=${join(folder, 'left')}`]
    const first = await AgentProcess.start(t, 'ours', 'n2', [...args, `-join=${seed.ip}`])
    await knows(first, 'n1')
    assert.equal((await first.command('ours', 'leave')).exit, 0)
    await first.ended()
    // The seed itself would gossip to who left a moment ago, and bring it back.
    await seed.kill()
    let dials = 0
    const server = createServer((socket) => {
      dials += 1
      socket.destroy()
    })
    server.listen(7946, seed.ip)
    await once(server, 'listening')
    t.after(() => server.close())
    const second = await AgentProcess.start(t, 'ours', 'n2', args, first.ip)
    await sleep(1_000)
    assert.equal(dials, 0)
    second.child.kill('SIGINT')
    assert.equal(await second.ended(), 0)
    const third = await AgentProcess.start(t, 'ours', 'n2', [...args, '-rejoin'], first.ip)
    await eventually('a dial', () => dials > 0, patience)
    await third.says('[INFO] serf: Ignoring previous leave in snapshot')
  })

  test('an agent that comes with the name of another loses it, and ends with status 0', {
    skip,
  }, async (t) => {
    const [one, two] = await pool(t, ['real', 'real'])
    const rival = await AgentProcess.start(t, 'ours', 'n1', ['-profile=local'])
    await one.command('real', 'join', rival.ip)
    await rival.command('ours', 'join', two.ip)
    await rival.says('[WARN] agent: Serf shutdown detected, quitting', 60_000)
    assert.equal(await rival.ended(), 0)
    assert.deepEqual(await statusesAt(two), ['alive', 'alive'])
  })

  const withoutScript =
    spawnSync('script', ['--version']).error === undefined ? false : 'no `script` on this machine'

  test('members -watch: a live table on a terminal, tables one after the other elsewhere; an interrupt ends it', {
    skip: withoutScript,
  }, async (t) => {
    const agent = await AgentProcess.start(t, 'ours', 'n1', ['-profile=local'])
    const words = [process.execPath, OUR_CLI, 'members', '-watch', `-rpc-addr=${agent.rpc}`]
    const watch = (program: string, args: string[]) => {
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
      tieToUs(child)
      const seen = { text: '', child }
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        seen.text += text
      })
      return seen
    }
    // With `exec`, for not every shell gives its place to the command by itself, and one that stays dies of Ctrl-C.
    const terminal = watch('script', ['-qefc', `exec ${words.join(' ')}`, '/dev/null'])
    const piped = watch(words[0], words.slice(1))
    for (const seen of [terminal, piped]) await eventually('n1', () => seen.text.includes('n1  '), patience)
    await AgentProcess.start(t, 'ours', 'n2', ['-profile=local', '-tag=role=db', `-join=${agent.ip}`])
    const live = (text: string) =>
      text
        .split('\u001b[H\u001b[2J')
        .some((table) => /^n1 {2}\S+ {2}alive {2}\r\nn2 {2}\S+ {2}alive {2}role=db\r\n/.test(table))
    await eventually('n2 on the terminal', () => live(terminal.text), patience)
    await eventually('n2 in the pipe', () => /\nn1 .*\nn2 .*role=db\n/.test(piped.text), patience)
    assert.ok(!piped.text.includes('\u001b'))
    // What a terminal makes of Ctrl-C.
    terminal.child.stdin?.write('\u0003')
    piped.child.kill('SIGINT')
    for (const { child } of [terminal, piped]) {
      if (child.exitCode === null) await once(child, 'exit')
      assert.equal(child.exitCode, 0)
    }
  })
})
