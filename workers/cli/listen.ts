/** A UDP port to listen on, for `decode -listen`. */
import { createSocket } from 'node:dgram'

/** Hears datagrams at `ip:port`; resolves with what ends it, and rejects when the port cannot be had. */
export function listenUdp(
  address: string,
  packet: (bytes: Uint8Array, from: string) => void,
): Promise<() => void> {
  const colon = address.lastIndexOf(':')
  const ip = address.slice(0, colon).replace(/^\[|\]$/g, '')
  const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (bytes, from) => packet(bytes, `${from.address}:${from.port}`))
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(Number(address.slice(colon + 1)), ip === '' ? '0.0.0.0' : ip, () =>
      resolve(() => socket.close()),
    )
  })
}
