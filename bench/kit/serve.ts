/** Answers every connection with the state of a made-up pool; swallows the pings that follow. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { stateOf } from './made-up.ts'
import type { Serving } from './pool.ts'

export async function serve(members: number): Promise<Serving> {
  const server = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const state = stateOf(members, address.port)
  server.on('connection', (socket) => {
    socket.once('data', () => socket.end(state))
    socket.on('error', () => socket.destroy())
  })
  createSocket('udp4').bind(address.port, '127.0.0.1')
  return { type: 'serving', port: address.port, bytes: state.length }
}
