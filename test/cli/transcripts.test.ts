/**
 * Our command line against what real agents said: a server plays the agent's side of each recording, byte by byte, and our client must send
 * what the real one sent, print what it printed and end with the same status.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { RpcReader } from '../../src/agent/rpc/reader.ts'
import { bytesOf, inAnyOrder, type Step, type Transcript, transcripts } from '../agent/transcripts.ts'

const CLI = join(import.meta.dirname, '..', '..', 'workers', 'cli', 'main.js')
const STOP = Buffer.from('stop').toString('hex')
/** Before `done`, as an agent waits for the deadline. */
const PAUSE = 50

/** Plays the agent's steps; what the client sends is compared when so much of it has come as the real client sent. */
async function play(socket: Socket, steps: readonly Step[], interrupt: () => void): Promise<string[]> {
  const wrong: string[] = []
  const chunks = socket[Symbol.asyncIterator]()
  let held = Buffer.alloc(0)
  for (const [i, step] of steps.entries()) {
    if (step.from === 'agent') {
      if (step.close) socket.destroy()
      else {
        if (JSON.stringify(step.decoded).includes('"done"'))
          await new Promise((resolve) => setTimeout(resolve, PAUSE))
        socket.write(bytesOf(step))
        // The recorded client was interrupted once the agent had said all it had to say.
        if (steps[i + 1]?.hex?.includes(STOP)) interrupt()
      }
      continue
    }
    if (step.hex === undefined) continue
    const wanted = bytesOf(step)
    while (held.length < wanted.length) {
      const { done, value } = await chunks.next()
      if (done) return [...wrong, `the client ended before ${JSON.stringify(step.decoded)}`]
      held = Buffer.concat([held, value])
    }
    const sent = held.subarray(0, wanted.length)
    held = held.subarray(wanted.length)
    if (!sameRequest(sent, wanted)) wrong.push(`sent ${sent.toString('hex')} instead of ${step.hex}`)
  }
  if (held.length > 0) wrong.push(`sent ${held.length} bytes too many`)
  return wrong
}

/** The same values: equal bytes but for the order of free maps. */
function sameRequest(sent: Uint8Array, wanted: Uint8Array): boolean {
  const shown = (bytes: Uint8Array) => {
    const reader = new RpcReader(1 << 20)
    reader.push(bytes)
    const values: unknown[] = []
    for (let next = reader.next(); next !== undefined; next = reader.next()) values.push(next.value)
    return JSON.stringify(values, (_key, value) => (value instanceof Map ? [...value].sort() : value))
  }
  return Buffer.from(sent).equals(wanted) || shown(sent) === shown(wanted)
}

async function replay({ cli, sequence }: Transcript): Promise<void> {
  assert.ok(cli !== undefined)
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const [, command, ...rest] = cli.argv
  const args = [CLI, command, `-rpc-addr=127.0.0.1:${address.port}`, ...rest]
  const { SERF_RPC_ADDR: _addr, SERF_RPC_AUTH: _auth, ...env } = process.env
  const child = spawn(process.execPath, args, { env: { ...env, ...cli.env } })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [socket] = await once(server, 'connection')
  server.close()
  const isMonitor = command === 'monitor' && cli.exit === 0
  const played = play(socket, sequence, () => {
    if (isMonitor && !child.killed) setTimeout(() => child.kill('SIGINT'), 300)
  })
  const [exit] = await once(child, 'close')
  assert.deepEqual(await played, [])
  socket.destroy()
  assert.equal(stderr, cli.stderr)
  assert.deepEqual(inAnyOrder(stdout), inAnyOrder(cli.stdout))
  assert.equal(exit, cli.exit)
}

for (const transcript of transcripts) {
  if (transcript.cli !== undefined)
    test(`${transcript.name}: ${transcript.cli.argv.slice(1, 3).join(' ')}`, { timeout: 20_000 }, () =>
      replay(transcript),
    )
}
