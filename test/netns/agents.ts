/** Agents as processes in network namespaces of their own, ours and real ones, and command lines beside them. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { tieToUs } from '../interop/serf-agent.ts'
import type { Berth } from './harbour.ts'

const CLI = join(import.meta.dirname, '..', '..', 'workers', 'cli', 'main.js')
export type Kind = 'ours' | 'real'

function programOf(kind: Kind): string[] {
  return kind === 'real' ? ['serf'] : [process.execPath, CLI]
}

/** Starts one that ends with the test; the function tells what it has said so far. */
export function startAgent(
  t: TestContext,
  kind: Kind,
  { namespace, ip }: Berth,
  name: string,
  flags: readonly string[],
): () => string {
  const own = ['agent', `-node=${name}`, `-bind=${ip}:7946`, '-profile=local']
  const child = spawn('ip', ['netns', 'exec', namespace, ...programOf(kind), ...own, ...flags], {
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

/** Runs a command line of either kind against the agent of a namespace. */
export function commandIn(
  { namespace }: Berth,
  kind: Kind,
  ...args: string[]
): { stdout: string; exit: number | null } {
  const words = ['netns', 'exec', namespace, ...programOf(kind), ...args]
  const { stdout, status } = spawnSync('ip', words, { encoding: 'utf8' })
  return { stdout, exit: status }
}

/** Names of the members that the agent of a namespace holds alive, in order. */
export function namesAt(berth: Berth): string[] {
  try {
    const { stdout } = commandIn(berth, 'real', 'members', '-status=alive', '-format=json')
    const { members }: { members: { name: string }[] | null } = JSON.parse(stdout)
    return (members ?? []).map(({ name }) => name).sort()
  } catch {
    return []
  }
}
