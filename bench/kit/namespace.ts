/**
 * A module run in a network namespace of its own, where nobody else's packets are: its loopback is empty and its counters count it alone. That
 * takes root and `ip`; elsewhere it runs on the loopback that all share, and says so.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { tieToUs } from './children.ts'

export function must(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}

let isAble: boolean | undefined
let made = 0

/** Whether a namespace can be had here. */
export function hasNamespaces(): boolean {
  const probe = `fmb${process.pid}p`
  const run = (...args: string[]) => spawnSync('ip', args).status === 0
  isAble ??= process.getuid?.() === 0 && run('netns', 'add', probe) && run('netns', 'del', probe)
  return isAble
}

/** Runs a module to its end and gives what it printed. `shared`: on the loopback of all, where there are no namespaces. */
export async function apart(module: string, args: readonly string[]): Promise<string> {
  if (!hasNamespaces()) return ran(process.execPath, [module, 'shared', ...args])
  made += 1
  const namespace = `fmb${process.pid}x${made}`
  must('ip', 'netns', 'add', namespace)
  try {
    must('ip', '-n', namespace, 'link', 'set', 'lo', 'up')
    return await ran('ip', ['netns', 'exec', namespace, process.execPath, module, 'own', ...args])
  } finally {
    spawnSync('ip', ['netns', 'del', namespace])
  }
}

async function ran(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  tieToUs(child)
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const [exit] = await once(child, 'close')
  if (exit !== 0) throw new Error(`${args.join(' ')} failed: ${said}`)
  return said
}

/** What this namespace has carried. */
export interface Carried {
  /** UDP datagrams sent, by the kernel's count. */
  datagrams: number
  /** Bytes over loopback, headers and streams included. */
  bytes: number
}

/** The kernel's counters of the namespace that we are in: nobody is asked, whatever program it runs. */
export function carried(): Carried {
  const snmp = readFileSync('/proc/self/net/snmp', 'utf8').split('\n')
  const [names, values] = snmp.filter((line) => line.startsWith('Udp:')).map((line) => line.split(' '))
  const dev = readFileSync('/proc/self/net/dev', 'utf8').split('\n')
  const loopback = dev.find((line) => line.trim().startsWith('lo:')) ?? ''
  const [, received = '0'] = loopback.trim().split(/\s+/)
  return { datagrams: Number(values[names.indexOf('OutDatagrams')]), bytes: Number(received) }
}
