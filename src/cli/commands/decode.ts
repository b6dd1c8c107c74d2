/** `decode`: what a packet, a capture or live traffic says, layer by layer, and why a member would drop it. */
import { type Command, FORMAT_FLAG } from '../command.ts'

export const decode: Command = {
  summary: 'Shows what packets say, layer by layer',
  usage: 'decode [options] [hex ...]',
  about:
    'Prints packets as a tree, and why a member would drop them: bytes in hexadecimal, a capture file of tcpdump, or what arrives at a UDP port.',
  flags: {
    file: { kind: 'text', help: 'capture file (pcap) to read' },
    format: FORMAT_FLAG,
    key: { kind: 'texts', help: 'base64 key to open sealed packets with; may be repeated' },
    label: { kind: 'text', help: 'label of the pool' },
    listen: { kind: 'text', help: 'ip:port of UDP to listen on until interrupted' },
    port: { kind: 'int', help: 'of a capture only what goes from or to this port (default 7946)' },
    stream: { kind: 'bool', help: 'the bytes are one side of a TCP stream' },
  },
  async run(flags, world) {
    // The codec is a large part of the program, and no other command needs it.
    const { showAll } = await import('../decoding.ts')
    return showAll(flags, world)
  },
}
