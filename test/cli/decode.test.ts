/** `decode`: recorded packets in hexadecimal, in a capture file and over a live port. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCapture } from '../../src/cli/pcap.ts'
import { run } from '../agent/processes.ts'
import { freePort } from '../interop/serf-agent.ts'
import { fromHex, memberlistVectors } from '../vectors.ts'

const CLI = join(import.meta.dirname, '..', '..', 'workers', 'cli', 'main.js')

function udpFrame(payload: Uint8Array, port: number): Buffer {
  const frame = Buffer.alloc(14 + 20 + 8 + payload.length)
  frame.writeUInt16BE(0x0800, 12)
  frame[14] = 0x45
  frame.writeUInt16BE(28 + payload.length, 16)
  frame[23] = 17
  frame.set([127, 0, 0, 1], 26)
  frame.set([127, 0, 0, 2], 30)
  frame.writeUInt16BE(port, 34)
  frame.writeUInt16BE(port, 36)
  frame.set(payload, 42)
  return frame
}

function tcpFrame(payload: Uint8Array, port: number, sequence: number): Buffer {
  const frame = udpFrame(Buffer.concat([Buffer.alloc(12), payload]), port)
  frame[23] = 6
  frame.writeUInt32BE(sequence, 38)
  frame.writeUInt32BE(0, 42)
  frame[46] = 0x50
  return frame
}

function capture(frames: readonly Buffer[], order: 'little' | 'big'): Buffer {
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4)
    if (order === 'little') bytes.writeUInt32LE(value)
    else bytes.writeUInt32BE(value)
    return bytes
  }
  const header = [0xa1b2c3d4, 0, 0, 0, 65_535, 1].map(u32)
  if (order === 'little') header[1].set([2, 0, 4, 0])
  const records = frames.flatMap((frame, i) => [
    u32(100 + i),
    u32(0),
    u32(frame.length),
    u32(frame.length),
    frame,
  ])
  return Buffer.concat([...header, ...records])
}

const packets = memberlistVectors.filter(
  ({ transport, key, label }) => transport === 'udp' && key === undefined && label === undefined,
)

for (const order of ['little', 'big'] as const) {
  test(`a capture in ${order}-endian order gives back its packets and puts streams together`, () => {
    const stream = fromHex(`06${'aabbcc'.repeat(10)}`)
    const frames = [
      udpFrame(fromHex(packets[0].hex), 7946),
      // Out of order, and one piece twice.
      tcpFrame(stream.subarray(10), 7946, 1_010),
      tcpFrame(stream.subarray(0, 10), 7946, 1_000),
      tcpFrame(stream.subarray(0, 10), 7946, 1_000),
      Buffer.alloc(60),
    ]
    // The first segment seen gives the count: what is before it must come first in the file.
    const inOrder = [frames[0], frames[2], frames[1], frames[3], frames[4]]
    const { captured, skipped } = readCapture(capture(inOrder, order))
    assert.equal(skipped, 1)
    assert.deepEqual(
      captured.map(({ kind }) => kind),
      ['packet', 'stream'],
    )
    assert.equal(Buffer.from(captured[0].bytes).toString('hex'), packets[0].hex)
    assert.deepEqual(Buffer.from(captured[1].bytes), Buffer.from(stream))
  })
}

test('a file of packets is shown, one of something else is refused', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'folkmoot-pcap-')), 'a.pcap')
  writeFileSync(
    file,
    capture(
      packets.slice(0, 5).map(({ hex }) => udpFrame(fromHex(hex), 7946)),
      'little',
    ),
  )
  const { stdout, stderr, exit } = await run('ours', ['decode', `-file=${file}`])
  assert.equal(exit, 0)
  assert.equal(stdout.match(/^packet 127\.0\.0\.1:7946 -> 127\.0\.0\.2:7946/gm)?.length, 5)
  assert.match(stderr, /^5 shown, 0 of other ports, 0 frames/)
  writeFileSync(file, 'rubbish that is no capture at all, really')
  const wrong = await run('ours', ['decode', `-file=${file}`])
  assert.deepEqual([wrong.exit, /no pcap file/.test(wrong.stdout)], [1, true])
})

test('a sealed packet opens with its key, and without it the reason is told', async () => {
  const sealed = memberlistVectors.find(({ transport, key }) => transport === 'udp' && key !== undefined)
  assert.ok(sealed?.key !== undefined)
  const key = Buffer.from(sealed.key.hex, 'hex').toString('base64')
  const label = sealed.label === undefined ? [] : [`-label=${sealed.label}`]
  const opened = await run('ours', ['decode', `-key=${key}`, ...label, sealed.hex])
  assert.match(opened.stdout, /type: encrypt/)
  const other = Buffer.alloc(16, 7).toString('base64')
  const closed = await run('ours', ['decode', `-key=${other}`, ...label, sealed.hex])
  assert.match(closed.stdout, /dropped at .*none of 1 keys opens it/)
})

test('packets of a live port are shown as they come', async () => {
  const port = await freePort('127.0.0.1')
  const child = spawn(process.execPath, [CLI, 'decode', `-listen=127.0.0.1:${port}`, '-format=json'])
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  const socket = createSocket('udp4')
  const timer = setInterval(() => socket.send(fromHex(packets[0].hex), port, '127.0.0.1'), 100)
  for (let waited = 0; !out.includes('"tree"'); waited += 50) {
    assert.ok(waited < 20_000)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  clearInterval(timer)
  socket.close()
  child.kill('SIGINT')
  const [exit] = await once(child, 'close')
  assert.equal(exit, 0)
})
