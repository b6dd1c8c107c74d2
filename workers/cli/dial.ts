/** Connects to an agent over TCP, with errors in Go's words: scripts compare the whole line (protocol page 3, section 2.1). */
import { connect, isIP, type Socket } from 'node:net'
import { RpcClient } from '../../src/agent/rpc/client.ts'

/** How long a connection may take, and an answer to the handshake. */
const TIMEOUT = 10_000

/** Resolves with a client that has shaken hands and, with a key, proved who it is. */
export async function dialAgent(address: string, authKey: string): Promise<RpcClient> {
  const { host, port } = splitAddress(address)
  const socket = await opened(host, port)
  socket.setNoDelay(true)
  const client = new RpcClient({
    write: (bytes) => {
      socket.write(bytes)
    },
    close: () => socket.destroy(),
  })
  socket.on('data', (bytes) => client.data(bytes))
  socket.on('error', (error) => client.ended(error))
  socket.on('close', () => client.ended())
  // An agent that accepts and says nothing is given up like one that does not accept.
  const patience = setTimeout(() => client.close(), TIMEOUT)
  try {
    await client.handshake()
    if (authKey !== '') await client.auth(authKey)
    return client
  } catch (error) {
    client.close()
    throw error
  } finally {
    clearTimeout(patience)
  }
}

function splitAddress(address: string): { host: string; port: number } {
  if (address === '') throw new Error('dial tcp: missing address')
  const colon = address.lastIndexOf(':')
  if (colon < 0 || address.endsWith(']'))
    throw new Error(`dial tcp: address ${address}: missing port in address`)
  const host = address.slice(0, colon)
  if (host.includes(':') && !(host.startsWith('[') && host.endsWith(']'))) {
    throw new Error(`dial tcp: address ${address}: too many colons in address`)
  }
  const port = Number(address.slice(colon + 1))
  if (!Number.isInteger(port) || port > 65_535)
    throw new Error(`dial tcp: address ${address.slice(colon + 1)}: invalid port`)
  const bare = host.replace(/^\[|\]$/g, '')
  return { host: bare === '' ? '127.0.0.1' : bare, port }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
  EACCES: 'connect: permission denied',
}

function opened(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    const shownHost = host.includes(':') ? `[${host}]` : host
    const fail = (reason: string) => {
      socket.destroy()
      reject(new Error(reason))
    }
    const patience = setTimeout(() => fail(`dial tcp ${shownHost}:${port}: i/o timeout`), TIMEOUT)
    socket.once('connect', () => {
      clearTimeout(patience)
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (error) => {
      clearTimeout(patience)
      const code = 'code' in error ? String(error.code) : ''
      if (code === 'ENOTFOUND' && isIP(host) === 0) fail(`dial tcp: lookup ${host}: no such host`)
      else fail(`dial tcp ${shownHost}:${port}: ${REASONS[code] ?? error.message}`)
    })
  })
}
