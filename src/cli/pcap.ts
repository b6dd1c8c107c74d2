/**
 * Capture files as tcpdump writes them (libpcap's format, both byte orders, micro- and nanoseconds): the UDP payloads in their order, and of
 * TCP what each side of a connection said, put together by sequence numbers. What cannot be read is counted, never guessed.
 */

/** Something that went over the network. */
export interface Captured {
  kind: 'packet' | 'stream'
  /** `ip:port` of both ends. */
  from: string
  to: string
  /** Seconds since 1970, of the first byte. */
  at: number
  bytes: Uint8Array
}

export interface Capture {
  captured: Captured[]
  /** Frames that are neither UDP nor TCP over IP, or cut short, or fragments. */
  skipped: number
}

/** The file is no capture. */
export class NotACapture extends Error {
  override readonly name = 'NotACapture'
}

const MAGIC = { micro: 0xa1b2c3d4, nano: 0xa1b23c4d }
const FILE_HEADER = 24
const FRAME_HEADER = 16
/** Bytes in front of the IP header by link type, and where the type of the protocol stands. */
const LINKS: Readonly<Record<number, number>> = { 0: 4, 1: 14, 101: 0, 113: 16, 228: 0, 229: 0, 276: 20 }
const UDP = 17
const TCP = 6
/** A stream of more bytes than a peer may send is cut. */
const LONGEST_STREAM = 64 * 1024 * 1024

interface Segment {
  sequence: number
  at: number
  bytes: Uint8Array
}

export function readCapture(file: Uint8Array): Capture {
  if (file.length < FILE_HEADER) throw new NotACapture('the file is shorter than the header of a capture')
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const isLittle = isMagic(view.getUint32(0, true))
  if (!isLittle && !isMagic(view.getUint32(0)))
    throw new NotACapture('this is no pcap file (pcapng: convert it with `tcpdump -r FILE -w NEW`)')
  const unit = view.getUint32(0, isLittle) === MAGIC.nano ? 1e9 : 1e6
  const linkHeader = LINKS[view.getUint32(20, isLittle) & 0xffff]
  if (linkHeader === undefined)
    throw new NotACapture(`frames of link type ${view.getUint32(20, isLittle)} are not understood`)
  const captured: Captured[] = []
  const streams = new Map<string, Segment[]>()
  let skipped = 0
  for (let at = FILE_HEADER; at + FRAME_HEADER <= file.length; ) {
    const length = view.getUint32(at + 8, isLittle)
    const time = view.getUint32(at, isLittle) + view.getUint32(at + 4, isLittle) / unit
    const start = at + FRAME_HEADER
    at = start + length
    if (at > file.length) {
      skipped += 1
      break
    }
    const found = transportOf(file.subarray(start + linkHeader, at))
    if (found === undefined) skipped += 1
    else if (found.protocol === UDP)
      captured.push({ kind: 'packet', from: found.from, to: found.to, at: time, bytes: found.bytes })
    else if (found.bytes.length > 0) {
      const key = `${found.from} ${found.to}`
      const segments = streams.get(key) ?? []
      segments.push({ sequence: found.sequence, at: time, bytes: found.bytes })
      streams.set(key, segments)
    }
  }
  for (const [key, segments] of streams) {
    const [from, to] = key.split(' ')
    captured.push({ kind: 'stream', from, to, at: segments[0].at, bytes: assembled(segments) })
  }
  captured.sort((a, b) => a.at - b.at)
  return { captured, skipped }
}

function isMagic(value: number): boolean {
  return value === MAGIC.micro || value === MAGIC.nano
}

interface Transport {
  protocol: number
  from: string
  to: string
  sequence: number
  bytes: Uint8Array
}

/** UDP or TCP in an IP packet; undefined for anything else, and for fragments. */
function transportOf(packet: Uint8Array): Transport | undefined {
  const version = packet.length < 20 ? 0 : packet[0] >> 4
  if (version === 4) return ofIpv4(packet)
  return version === 6 && packet.length >= 40 ? ofIpv6(packet) : undefined
}

function ofIpv4(packet: Uint8Array): Transport | undefined {
  const header = (packet[0] & 15) * 4
  const total = (packet[2] << 8) | packet[3]
  const fragment = ((packet[6] & 0x3f) << 8) | packet[7]
  if (fragment !== 0 || total < header || total > packet.length) return undefined
  const ip = (at: number) => packet.subarray(at, at + 4).join('.')
  return ofTransport(packet[9], ip(12), ip(16), packet.subarray(header, total))
}

function ofIpv6(packet: Uint8Array): Transport | undefined {
  const end = 40 + ((packet[4] << 8) | packet[5])
  if (end > packet.length) return undefined
  const ip = (at: number) => {
    const groups = Array.from({ length: 8 }, (_, i) =>
      ((packet[at + 2 * i] << 8) | packet[at + 2 * i + 1]).toString(16),
    )
    return `[${groups.join(':')}]`
  }
  return ofTransport(packet[6], ip(8), ip(24), packet.subarray(40, end))
}

function ofTransport(
  protocol: number,
  source: string,
  target: string,
  segment: Uint8Array,
): Transport | undefined {
  const least = protocol === UDP ? 8 : 20
  if ((protocol !== UDP && protocol !== TCP) || segment.length < least) return undefined
  const from = `${source}:${(segment[0] << 8) | segment[1]}`
  const to = `${target}:${(segment[2] << 8) | segment[3]}`
  if (protocol === UDP) return { protocol, from, to, sequence: 0, bytes: segment.slice(8) }
  const sequence = ((segment[4] << 24) | (segment[5] << 16) | (segment[6] << 8) | segment[7]) >>> 0
  return { protocol, from, to, sequence, bytes: segment.slice((segment[12] >> 4) * 4) }
}

/** One side of a connection; a gap ends it, since what is behind it would be read as something else. */
function assembled(segments: Segment[]): Uint8Array {
  const first = segments[0].sequence
  const offset = ({ sequence }: Segment) => (sequence - first) >>> 0
  const inOrder = segments
    .filter((segment) => offset(segment) < LONGEST_STREAM)
    .sort((a, b) => offset(a) - offset(b))
  const parts: Uint8Array[] = []
  let end = 0
  for (const segment of inOrder) {
    const at = offset(segment)
    if (at > end) break
    const news = segment.bytes.subarray(end - at)
    parts.push(news)
    end += news.length
  }
  const whole = new Uint8Array(end)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
