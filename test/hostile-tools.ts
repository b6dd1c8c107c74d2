/** What the tests of hostile sockets share: a socket that listens, a stream that asks, and the question whether a member still lives. */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from './eventually.ts'
import { fromHex, inputVectors } from './vectors.ts'

export interface Place {
  address: string
  port: number
}

/** A UDP socket that keeps what it gets. */
export async function listener(t: TestContext) {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.after(() => socket.close())
  const heard: Buffer[] = []
  socket.on('message', (bytes) => heard.push(bytes))
  return { socket, heard }
}

/** Sends bytes over a stream and gives what came back until the peer closed, and whether it did in time. */
export async function ask(
  { address, port }: Place,
  bytes: Uint8Array,
  patience = 20_000,
): Promise<{ answer: Buffer; isClosed: boolean }> {
  const socket = connect({ host: address, port })
  const answer: Buffer[] = []
  socket.on('data', (data) => answer.push(data))
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('connect', resolve))
  if (bytes.length > 0) socket.write(bytes)
  const timer = new AbortController()
  const isClosed = await Promise.race([
    new Promise<boolean>((resolve) => socket.once('close', () => resolve(true))),
    new Promise<boolean>((resolve) => socket.once('end', () => resolve(true))),
    sleep(patience, false, { signal: timer.signal }).catch(() => false),
  ])
  timer.abort()
  socket.destroy()
  return { answer: Buffer.concat(answer), isClosed }
}

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<number> {
  const startedAt = performance.now()
  await eventually(what, condition, { within: 30_000, every: 20 })
  return performance.now() - startedAt
}

/** A ping, sent again now and then, is answered. The first of the recorded inputs is one for `alpha`. */
export async function assertAnswersPing(t: TestContext, { address, port }: Place): Promise<void> {
  const { socket, heard } = await listener(t)
  let tries = 0
  await until(() => {
    if (tries++ % 25 === 0) socket.send(fromHex(inputVectors[0].hex), port, address)
    return heard.length > 0
  }, 'a ping is answered')
}
