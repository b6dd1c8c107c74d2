/**
 * A tap on the wire: it stands in front of a node at an address of its own, which the node advertises, hands on every
 * datagram and connection, and keeps what passed.
 *
 *     peers  --->  tap  --->  node          datagrams: one way only, a node sends its own straight to its peers
 *     peers  <-->  tap  <-->  node          connections: both ways
 *
 * With a tap in front of both nodes of a pair, everything each of them sends passes one of the two.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import type { TestContext } from 'node:test'
import { freePort, freshIp } from './serf-agent.ts'

export class WireTap {
  /** Where the peers find the node behind the tap. */
  readonly address: string
  /** Datagrams for the node. */
  readonly packets: Buffer[] = []
  /** What the peers wrote on connections they dialled, one entry a connection. */
  readonly requests: Buffer[] = []
  /** What the node wrote back. */
  readonly replies: Buffer[] = []
  /** From now on nothing is handed on, and connections are taken all the same: as a proxy does whose node is gone. */
  isSwallowing = false
  /** Connections taken since. */
  swallowed = 0

  private constructor(address: string) {
    this.address = address
  }

  /** Opens the tap in front of `target`, an `ip:port`; nothing need listen there yet. */
  static async start(t: Pick<TestContext, 'after'>, target: string): Promise<WireTap> {
    const ip = freshIp()
    const port = await freePort(ip)
    const tap = new WireTap(`${ip}:${port}`)
    const [targetIp, targetPort] = target.split(':')
    const socket = tap.#relayPackets(targetIp, Number(targetPort)).bind(port, ip)
    const server = tap.#relayStreams(targetIp, Number(targetPort)).listen(port, ip)
    t.after(() => {
      socket.close()
      server.close()
    })
    await Promise.all([once(socket, 'listening'), once(server, 'listening')])
    return tap
  }

  #relayPackets(ip: string, port: number): Socket {
    const socket = createSocket('udp4')
    socket.on('message', (packet) => {
      this.packets.push(packet)
      if (!this.isSwallowing) socket.send(packet, port, ip)
    })
    return socket
  }

  #relayStreams(ip: string, port: number): Server {
    return createServer({ allowHalfOpen: true }, (peer) => {
      if (this.isSwallowing) {
        this.swallowed += 1
        peer.resume().on('error', () => peer.destroy())
        return
      }
      const node = connect({ host: ip, port, allowHalfOpen: true })
      const index = this.requests.push(Buffer.alloc(0)) - 1
      this.replies.push(Buffer.alloc(0))
      peer.on('data', (bytes) => {
        this.requests[index] = Buffer.concat([this.requests[index], bytes])
      })
      node.on('data', (bytes) => {
        this.replies[index] = Buffer.concat([this.replies[index], bytes])
      })
      peer.pipe(node).pipe(peer)
      peer.on('error', () => node.destroy())
      node.on('error', () => peer.destroy())
      peer.on('close', () => node.destroy())
    })
  }
}

/** Type bytes of all messages in a packet, its coats included, as far as they can be seen without opening them. */
export function typesIn(packet: Buffer): number[] {
  const [type, count] = packet
  if (type === TYPE.crc) return [type, ...typesIn(packet.subarray(5))]
  if (type !== TYPE.compound) return [type]
  const types: number[] = [type]
  let at = 2 + 2 * count
  for (let part = 0; part < count; part++) {
    const length = packet.readUInt16BE(2 + 2 * part)
    types.push(...typesIn(packet.subarray(at, at + length)))
    at += length
  }
  return types
}

/** The type bytes that matter here (protocol page 1, section 1). */
export const TYPE = {
  ping: 0,
  ack: 2,
  alive: 4,
  pushPull: 6,
  compound: 7,
  user: 8,
  compress: 9,
  crc: 12,
} as const
