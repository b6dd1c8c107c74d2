/**
 * Discovery by multicast DNS on a network of its own: agents of ours and real ones find each other, each kind as asker and as answerer, and the
 * packets are those of the protocol page, section 3.5.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually, tieToUs, withoutSerf } from '../interop/serf-agent.ts'
import { type Berth, Harbour, withoutNamespaces } from './harbour.ts'

const CLI = join(import.meta.dirname, '..', '..', 'workers', 'cli', 'main.js')
const patience = { within: 30_000, every: 500 }
type Kind = 'ours' | 'real'

/** A namespace with a route for multicast of both families: the real agent's poll fails without either. */
async function quay(harbour: Harbour): Promise<Berth> {
  const berth = harbour.berth()
  for (const route of ['-4 route add 224.0.0.0/4 dev eth0', '-6 route add ff02::/16 dev eth0 table local'])
    spawnSync('ip', ['-n', berth.namespace, ...route.split(' ')])
  // Until its own IPv6 address is known to be free nothing goes out from it.
  await eventually('an address', () => {
    const { stdout } = spawnSync('ip', ['-n', berth.namespace, '-6', 'addr', 'show', 'dev', 'eth0'], {
      encoding: 'utf8',
    })
    return stdout.includes('fe80') && !stdout.includes('tentative')
  })
  return berth
}

function start(t: TestContext, kind: Kind, berth: Berth, name: string): () => string {
  const program = kind === 'real' ? ['serf'] : [process.execPath, CLI]
  const flags = ['agent', `-node=${name}`, `-bind=${berth.ip}:7946`, '-discover=clu', '-profile=local']
  const child = spawn('ip', ['netns', 'exec', berth.namespace, ...program, ...flags], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  tieToUs(child)
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  })
  return () => output
}

function namesAt({ namespace }: Berth): string[] {
  const { stdout } = spawnSync(
    'ip',
    ['netns', 'exec', namespace, 'serf', 'members', '-status=alive', '-format=json'],
    {
      encoding: 'utf8',
    },
  )
  try {
    const { members }: { members: { name: string }[] | null } = JSON.parse(stdout)
    return (members ?? []).map(({ name }) => name).sort()
  } catch {
    return []
  }
}

const PAIRS: [string, Kind, Kind][] = [
  ['TestCommandRun_mDNS', 'ours', 'ours'],
  ['a real agent finds ours', 'ours', 'real'],
  ['ours finds a real agent', 'real', 'ours'],
]
for (const [what, first, second] of PAIRS) {
  test(`${what}: ${second} asks, ${first} answers`, { skip: withoutNamespaces || withoutSerf }, async (t) => {
    const harbour = new Harbour(t)
    const [one, two] = await Promise.all([quay(harbour), quay(harbour)])
    start(t, first, one, 'n1')
    await eventually('the first', () => namesAt(one).length === 1, patience)
    // Who comes second asks at its start; the first will not ask again within a minute.
    const output = start(t, second, two, 'n2')
    await eventually(
      'found by the one that asked',
      () => /agent\.mdns: Joined [12] hosts/.test(output()),
      patience,
    )
    await eventually('both', () => namesAt(one).length === 2 && namesAt(two).length === 2, patience)
    assert.deepEqual(
      [namesAt(one), namesAt(two)],
      [
        ['n1', 'n2'],
        ['n1', 'n2'],
      ],
    )
  })
}
