/** RPC clients that send rubbish, say nothing, guess tokens, or do not read: others are served all the while, and memory stays bounded. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeRequestHeader } from '../../src/agent/rpc/records.ts'
import { writeEvent, writeHandshake, writeOneText } from '../../src/agent/rpc/requests.ts'
import { RpcWriter } from '../../src/agent/rpc/writer.ts'
import { AgentProcess } from './processes.ts'

async function open(agent: AgentProcess): Promise<Socket> {
  const [host, port] = agent.rpc.split(':')
  const socket = connect({ host, port: Number(port) })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

function request(command: string, seq: number, body?: (writer: RpcWriter) => void): Uint8Array {
  const writer = new RpcWriter()
  writeRequestHeader(writer, { command, seq })
  body?.(writer)
  return writer.copy()
}

const handshake = () => request('handshake', 1, (writer) => writeHandshake(writer, 1))

async function isServed(agent: AgentProcess): Promise<void> {
  const { stdout, exit } = await agent.command('ours', 'members')
  assert.equal(exit, 0)
  assert.match(stdout, /alive/)
}

function memoryOf(agent: AgentProcess): number {
  const status = readFileSync(`/proc/${agent.child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}

const isLinux = process.platform === 'linux'

describe('hostile clients', { concurrency: true }, () => {
  test('garbage, half messages and huge lengths end their own connection and no other', async (t) => {
    const agent = await AgentProcess.start(t, 'ours', 'n1')
    const before = isLinux ? memoryOf(agent) : 0
    const rubbish: Uint8Array[] = [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Uint8Array.of(0xc1),
      Buffer.alloc(100_000, 0x91),
      Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff),
      Buffer.concat([handshake(), Uint8Array.of(0xc6, 0xff, 0xff, 0xff, 0xff), Buffer.alloc(2_000_000)]),
      Buffer.concat([handshake(), Buffer.from([0x2a])]),
      handshake().subarray(0, 9),
    ]
    for (let i = 0; i < 200; i++) rubbish.push(randomBytes(1 + (i % 64)))
    for (const bytes of rubbish) {
      const socket = await open(agent)
      socket.end(bytes)
      socket.resume()
      await Promise.race([once(socket, 'close'), sleep(2_000)])
      socket.destroy()
    }
    await isServed(agent)
    if (isLinux) assert.ok(memoryOf(agent) - before < 64, `${memoryOf(agent) - before} MiB more`)
  })

  test('a thousand connections that say nothing do not keep others out, nor do more than there is room for', async (t) => {
    const agent = await AgentProcess.start(t, 'ours', 'n1')
    const before = isLinux ? memoryOf(agent) : 0
    const silent = await Promise.all(Array.from({ length: 1_100 }, () => open(agent)))
    await isServed(agent)
    if (isLinux) assert.ok(memoryOf(agent) - before < 64, `${memoryOf(agent) - before} MiB more`)
    // Who never shakes hands is let go of.
    const closed = silent.map((socket) => socket.resume() && (socket.closed || once(socket, 'close')))
    await Promise.all(closed)
    for (const socket of silent) socket.destroy()
  })

  test('wrong tokens in a loop are answered slowly, the right one at once', async (t) => {
    const file = join(tmpdir(), `folkmoot-hostile-${process.pid}.json`)
    writeFileSync(file, '{"rpc_auth":"open-sesame"}')
    const agent = await AgentProcess.start(t, 'ours', 'n1', [`-config-file=${file}`])
    const socket = await open(agent)
    socket.write(handshake())
    let answers = 0
    socket.on('data', (bytes: Buffer) => {
      answers += bytes.toString('latin1').split('Invalid authentication token').length - 1
    })
    for (let i = 0; i < 50; i++)
      socket.write(request('auth', 2 + i, (writer) => writeOneText(writer, 'AuthKey', `guess ${i}`)))
    await sleep(1_500)
    assert.ok(answers >= 1 && answers <= 7, `${answers} guesses in 1.5 s`)
    const { exit } = await agent.command('ours', 'members', '-rpc-auth=open-sesame')
    assert.equal(exit, 0)
    socket.destroy()
  })

  test('before it has shown who it is a client may send no long values', async (t) => {
    const file = join(tmpdir(), `folkmoot-hostile-long-${process.pid}.json`)
    writeFileSync(file, '{"rpc_auth":"open-sesame"}')
    const agent = await AgentProcess.start(t, 'ours', 'n1', [`-config-file=${file}`])
    const socket = await open(agent)
    socket.resume()
    socket.write(handshake())
    socket.write(request('auth', 2, (writer) => writeOneText(writer, 'AuthKey', 'x'.repeat(600))))
    await once(socket, 'close')
    assert.equal((await agent.command('ours', 'members', '-rpc-auth=open-sesame')).exit, 0)
  })

  test('a stream that is never read is bounded, told what it lost, and holds nobody up', async (t) => {
    const agent = await AgentProcess.start(t, 'ours', 'n1')
    const deaf = await open(agent)
    deaf.pause()
    deaf.write(handshake())
    deaf.write(request('stream', 2, (writer) => writeOneText(writer, 'Type', 'user')))
    const sender = await open(agent)
    sender.resume()
    sender.write(handshake())
    const before = isLinux ? memoryOf(agent) : 0
    const payload = Buffer.alloc(400, 0x61)
    for (let i = 0; i < 20_000; i++) {
      const bytes = request('event', 2 + i, (writer) =>
        writeEvent(writer, { name: 'flood', payload, coalesce: false }),
      )
      if (!sender.write(bytes)) await once(sender, 'drain')
    }
    await agent.says('Dropping event to ipc.client')
    await isServed(agent)
    if (isLinux) assert.ok(memoryOf(agent) - before < 128, `${memoryOf(agent) - before} MiB more`)
    let heard = ''
    deaf.on('data', (bytes: Buffer) => {
      heard = (heard + bytes.toString('latin1')).slice(-4_000_000)
    })
    deaf.resume()
    for (let waited = 0; !heard.includes('lagged'); waited += 50) {
      assert.ok(waited < 20_000, 'the count of what was lost')
      await sleep(50)
    }
    deaf.destroy()
    sender.destroy()
  })
})
