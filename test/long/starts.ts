/**
 * How soon the agent and the command line are there, as users have them: installed from the packed tarball. From the start of the process to the
 * first byte of output, and to the first answer of the RPC listener. Wall times need a machine that does nothing else; CPU times do not.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeRequestHeader } from '../../src/agent/rpc/records.ts'
import { writeHandshake } from '../../src/agent/rpc/requests.ts'
import { RpcWriter } from '../../src/agent/rpc/writer.ts'
import { freePort, freshIp, tieToUs } from '../interop/serf-agent.ts'
import { consumer } from '../packaging/workshop.ts'

const ROUNDS = 11
const FIRST_OUTPUT = 200
const FIRST_ANSWER = 500
/** Node itself starts in some 40 ms where nothing else runs. */
const QUIET = 90

interface Took {
  /** Milliseconds on the wall. */
  wall: number
  /** Milliseconds of all processors until then. */
  cpu: number
}

function median(values: readonly number[]): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)])
}

/** Milliseconds of processor time that a process has used, to 10 ms. */
function cpuOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return 10 * (Number(fields[11]) + Number(fields[12]))
}

function launched(args: readonly string[]): { child: ChildProcess; startedAt: number } {
  const startedAt = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  tieToUs(child)
  return { child, startedAt }
}

async function firstOutput(args: readonly string[]): Promise<Took> {
  const { child, startedAt } = launched(args)
  await Promise.race([child.stdout, child.stderr].map((stream) => stream && once(stream, 'data')))
  const took = { wall: performance.now() - startedAt, cpu: cpuOf(child) }
  await once(child, 'close')
  return took
}

/** Until the handshake of a client that has tried to connect all the while is answered. */
async function firstAnswer(cli: string): Promise<Took> {
  const ip = freshIp()
  const port = await freePort(ip)
  const handshake = new RpcWriter()
  writeRequestHeader(handshake, { command: 'handshake', seq: 1 })
  writeHandshake(handshake, 1)
  const { child, startedAt } = launched([
    cli,
    'agent',
    `-bind=${ip}:7946`,
    `-rpc-addr=${ip}:${port}`,
    '-node=n1',
  ])
  for (;;) {
    const socket = connect({ host: ip, port })
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    if (!isOpen) {
      await sleep(2)
      continue
    }
    socket.write(handshake.copy())
    await once(socket, 'data')
    const took = { wall: performance.now() - startedAt, cpu: cpuOf(child) }
    socket.destroy()
    child.kill('SIGKILL')
    await once(child, 'close')
    return took
  }
}

async function medianOf(measure: () => Promise<Took>): Promise<Took> {
  const all: Took[] = []
  for (let i = 0; i < ROUNDS; i++) all.push(await measure())
  return { wall: median(all.map(({ wall }) => wall)), cpu: median(all.map(({ cpu }) => cpu)) }
}

export async function prove(): Promise<unknown> {
  const cli = join(await consumer(), 'node_modules', 'folkmoot', 'dist', 'workers', 'cli', 'main.js')
  const outputs: Record<string, Took> = {
    'node alone': await medianOf(() => firstOutput(['-e', 'console.log(1)'])),
    version: await medianOf(() => firstOutput([cli, 'version'])),
    'members, no agent there': await medianOf(() => firstOutput([cli, 'members', '-rpc-addr=127.0.0.1:1'])),
    'agent, its first line': await medianOf(async () => {
      const ip = freshIp()
      const { child, startedAt } = launched([
        cli,
        'agent',
        `-bind=${ip}:7946`,
        `-rpc-addr=${ip}:${await freePort(ip)}`,
      ])
      await (child.stdout && once(child.stdout, 'data'))
      const took = { wall: performance.now() - startedAt, cpu: cpuOf(child) }
      child.kill('SIGKILL')
      await once(child, 'close')
      return took
    }),
  }
  const answer = await medianOf(() => firstAnswer(cli))
  // On a busy machine Node alone takes longer than it may take us: then only what we make processors do is judged.
  const isQuiet = outputs['node alone'].wall < QUIET
  for (const [what, { wall, cpu }] of Object.entries(outputs)) {
    assert.ok(cpu < FIRST_OUTPUT, `${what}: ${cpu} ms of CPU`)
    if (isQuiet) assert.ok(wall < FIRST_OUTPUT, `${what}: ${wall} ms`)
  }
  assert.ok(answer.cpu < FIRST_ANSWER, `RPC: ${answer.cpu} ms of CPU`)
  if (isQuiet) assert.ok(answer.wall < FIRST_ANSWER, `RPC: ${answer.wall} ms`)
  return {
    rounds: ROUNDS,
    'wall times judged': isQuiet,
    'first output, median': outputs,
    'first answer of RPC, median': answer,
  }
}
