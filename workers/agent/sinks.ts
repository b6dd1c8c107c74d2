/** Sends metrics to statsd over UDP and to statsite over TCP (protocol page 3, section 5.2). An unreachable sink never disturbs the agent. */
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import { packets } from '../../src/agent/sinks.ts'

const MOST_PACKET = 1_400
const RECONNECT = 5_000

export interface Sink {
  send(lines: readonly string[]): void
  close(): void
}

/** `host:port` of a sink; the port of statsd where none is given. */
function placeOf(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  return colon < 0
    ? { host: address, port: 8125 }
    : { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}

export function statsd(address: string): Sink {
  const { host, port } = placeOf(address)
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  socket.unref()
  socket.on('error', () => undefined)
  return {
    send: (lines) => {
      for (const packet of packets(lines, MOST_PACKET)) socket.send(packet, port, host, () => undefined)
    },
    close: () => socket.close(),
  }
}

export function statsite(address: string): Sink {
  const { host, port } = placeOf(address)
  let socket: Socket | undefined
  let retry: NodeJS.Timeout | undefined
  const dial = () => {
    retry = undefined
    const next = connect({ host, port })
    next.unref()
    next.on('error', () => undefined)
    next.on('close', () => {
      socket = undefined
      retry ??= setTimeout(dial, RECONNECT)
      retry.unref()
    })
    next.on('connect', () => {
      socket = next
    })
  }
  dial()
  return {
    send: (lines) => {
      // What a sink does not take is dropped: metrics are not worth memory.
      if (socket !== undefined && !socket.writableNeedDrain) socket.write(lines.join(''))
    },
    close: () => {
      clearTimeout(retry)
      socket?.removeAllListeners('close')
      socket?.destroy()
    },
  }
}
