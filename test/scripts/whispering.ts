/** A transport as a host may write one: UDP and TCP, but every byte is turned over, so that only those who do the same understand. */
import { type StreamEvents, type Streams, sockets, type Transport } from 'folkmoot'

const turned = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff)

const whispering: Transport = {
  packets: (events) => {
    const udp = sockets.packets({
      packet: (bytes, ip, port) => events.packet(turned(bytes), ip, port),
      unsent: (seqNo, error) => events.unsent(seqNo, error),
    })
    return {
      bind: (ip, port) => udp.bind(ip, port),
      send: (packet, ip, port, seqNo) => udp.send(turned(packet), ip, port, seqNo),
      close: () => udp.close(),
    }
  },
  streams: (events: StreamEvents): Streams => {
    const tcp = sockets.streams({
      accepted: (stream, ip, port) => events.accepted(stream, ip, port),
      connected: (stream) => events.connected(stream),
      data: (stream, bytes) => events.data(stream, turned(bytes)),
      closed: (stream, error) => events.closed(stream, error),
    })
    return {
      listen: (ip, port) => tcp.listen(ip, port),
      dial: (stream, ip, port) => tcp.dial(stream, ip, port),
      write: (stream, bytes) => tcp.write(stream, turned(bytes)),
      end: (stream) => tcp.end(stream),
      destroy: (stream) => tcp.destroy(stream),
      close: () => tcp.close(),
    }
  },
}

export default whispering
export const notOne = { packets: 1 }
