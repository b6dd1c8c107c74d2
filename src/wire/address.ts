/** Addresses: bytes and text of IPs, and the one parser for the places that users name (protocol page 1, section 7.16). */

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]

/** Whether 16 bytes from `start` on are an IPv4 address in IPv6 form. */
export function isMapped(bytes: Uint8Array, start = 0): boolean {
  return MAPPED.every((byte, i) => bytes[start + i] === byte)
}

/** Text of 4 or 16 address bytes: dotted, or RFC 5952; a mapped IPv4 address is dotted. Other lengths give an empty text. */
export function formatIp(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const length = end - start
  if (length === 4) return `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}`
  if (length !== 16) return ''
  if (isMapped(bytes, start)) return formatIp(bytes, start + 12, end)
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[start + 2 * i] << 8) | bytes[start + 2 * i + 1])
  return compressed(groups)
}

/** The longest run of at least two zero groups becomes «::», the first of equals. */
function compressed(groups: number[]): string {
  let best = { at: -1, length: 1 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (at + length < 8 && groups[at + length] === 0) length += 1
    if (length > best.length) best = { at, length }
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  if (best.at < 0) return text(groups)
  return `${text(groups.slice(0, best.at))}::${text(groups.slice(best.at + best.length))}`
}

/** Bytes of an IP literal: 4 for IPv4 (mapped too), 16 for IPv6, a zone left out; undefined for anything else. */
export function parseIp(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return parseIpv4(text)
  const [address] = text.split('%')
  const bytes = parseIpv6(address)
  if (bytes === undefined) return undefined
  return isMapped(bytes) ? bytes.slice(12) : bytes
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const numbers = parts.map((part) => decimal(part, 255))
  return numbers.includes(-1) ? undefined : Uint8Array.from(numbers)
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map(groupsOf)
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  const missing = 8 - head.length - (tail?.length ?? 0)
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const groups = [...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])]
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]))
}

/** Groups of one side of «::», a dotted end counting two; undefined when one is none. */
function groupsOf(text: string): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    const dotted = i === parts.length - 1 && part.includes('.') ? parseIpv4(part) : undefined
    if (dotted !== undefined) groups.push((dotted[0] << 8) | dotted[1], (dotted[2] << 8) | dotted[3])
    else if (isHexGroup(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}

function isHexGroup(text: string): boolean {
  return (
    text.length >= 1 &&
    text.length <= 4 &&
    [...text].every((letter) => '0123456789abcdefABCDEF'.includes(letter))
  )
}

/** A decimal number without signs, blanks or leading zeros, at most `most`; -1 for anything else. */
function decimal(text: string, most: number): number {
  const isDigits =
    text.length > 0 && text.length <= 5 && [...text].every((letter) => letter >= '0' && letter <= '9')
  if (!isDigits || (text.length > 1 && text[0] === '0')) return -1
  return Number(text) <= most ? Number(text) : -1
}

export interface Seed {
  /** Name in front of a «/», or empty. */
  nodeName: string
  host: string
  port: number
}

/** `[name/]host[:port]`; undefined when it is none. A bare IPv6 address has no port. */
export function parseSeed(text: string, defaultPort: number): Seed | undefined {
  const slash = text.indexOf('/')
  const nodeName = slash < 0 ? '' : text.slice(0, slash)
  const place = text.slice(slash + 1)
  if (slash === 0 || place === '') return undefined
  if (place.startsWith('[')) return bracketed(nodeName, place, defaultPort)
  const colons = place.split(':').length - 1
  if (colons !== 1) return { nodeName, host: place, port: defaultPort }
  const [host, portText] = place.split(':')
  const port = decimal(portText, 65_535)
  return host === '' || port < 0 ? undefined : { nodeName, host, port }
}

function bracketed(nodeName: string, place: string, defaultPort: number): Seed | undefined {
  const close = place.indexOf(']')
  const host = place.slice(1, close)
  const rest = place.slice(close + 1)
  if (close < 0 || host === '') return undefined
  if (rest === '') return { nodeName, host, port: defaultPort }
  const port = rest.startsWith(':') ? decimal(rest.slice(1), 65_535) : -1
  return port < 0 ? undefined : { nodeName, host, port }
}
