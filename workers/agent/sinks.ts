/** Sends metrics to statsd over UDP and to statsite over TCP (protocol page 3, section 5.2). An unreachable sink never disturbs the agent. */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
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

type Send = (lines: readonly string[]) => void

/** A way to a sink that is opened again some time after it failed. What is sent in between is dropped: metrics are not worth memory. */
function lasting(open: (ready: (send: Send) => void, failed: () => void) => () => void): Sink {
  let send: Send = () => undefined
  let close: () => void = () => undefined
  let retry: NodeJS.Timeout | undefined
  const dial = () => {
    retry = undefined
    const failed = () => {
      if (retry !== undefined) return
      send = () => undefined
      close()
      retry = setTimeout(dial, RECONNECT).unref()
    }
    close = open((ready) => {
      send = ready
    }, failed)
  }
  dial()
  return {
    send: (lines) => send(lines),
    close: () => {
      send = () => undefined
      if (retry === undefined) close()
      clearTimeout(retry)
    },
  }
}

/** Connected, so that a name is looked up once and not for each packet. Packets that nobody takes are lost, and that is all. */
export function statsd(address: string): Sink {
  const { host, port } = placeOf(address)
  return lasting((ready, failed) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4').unref()
    socket.on('error', failed)
    socket.on('connect', () =>
      ready((lines) => {
        for (const packet of packets(lines, MOST_PACKET)) socket.send(packet, () => undefined)
      }),
    )
    socket.connect(port, host)
    return () => {
      socket.removeAllListeners().on('error', () => undefined)
      socket.close()
    }
  })
}

export function statsite(address: string): Sink {
  const { host, port } = placeOf(address)
  return lasting((ready, failed) => {
    const socket = connect({ host, port }).unref()
    socket.on('error', () => undefined)
    socket.on('close', failed)
    socket.on('connect', () =>
      ready((lines) => {
        if (!socket.writableNeedDrain) socket.write(lines.join(''))
      }),
    )
    return () => {
      socket.off('close', failed)
      socket.destroy()
    }
  })
}
