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

function isDigits(text: string): boolean {
  return text.length > 0 && [...text].every((letter) => letter >= '0' && letter <= '9')
}

/** A decimal number without signs, blanks or leading zeros, at most `most`; -1 for anything else. */
function decimal(text: string, most: number): number {
  if (!isDigits(text) || text.length > 5 || (text.length > 1 && text[0] === '0')) return -1
  return Number(text) <= most ? Number(text) : -1
}

/** A place that a user named: `[name/]host[:port]`. */
export interface NamedPlace {
  /** Name in front of a «/», or empty. */
  nodeName: string
  /** What stands for the host, without brackets: an IP literal, a host name, or the name of an interface. */
  host: string
  /** The host as an IP literal in its shortest form, with its zone if it has one; empty when it is none. */
  ip: string
  /** Undefined where none is given. */
  port: number | undefined
}

/**
 * `[name/]host[:port]`, the form of every option and argument that names a place; undefined when the text is none. An IPv6 address with a
 * port stands in brackets; a bare one has no port. Hosts of digits and dots that are no IPv4 address are refused: the system would
 * take `10.1` for 10.0.0.1 and `010.0.0.1` for 8.0.0.1.
 */
export function parsePlace(text: string): NamedPlace | undefined {
  const slash = text.indexOf('/')
  if (slash === 0) return undefined
  const nodeName = slash < 0 ? '' : text.slice(0, slash)
  const parts = hostAndPort(text.slice(slash + 1))
  if (parts === undefined) return undefined
  const [host, portText] = parts
  const ip = literalOf(host)
  const port = portText === undefined ? undefined : decimal(portText, 65_535)
  if (port === -1 || (ip === '' && !isHostName(host))) return undefined
  return { nodeName, host, ip, port }
}

/** The host without its brackets, and the text of the port. Whether they are any good is not looked at. */
function hostAndPort(text: string): readonly [host: string, port: string | undefined] | undefined {
  const close = text.lastIndexOf(']')
  if (text.startsWith('[')) {
    const rest = text.slice(close + 1)
    if (close < 0 || (rest !== '' && !rest.startsWith(':'))) return undefined
    return [text.slice(1, close), rest === '' ? undefined : rest.slice(1)]
  }
  const colon = text.indexOf(':')
  if (colon < 0 || text.includes(':', colon + 1)) return [text, undefined]
  return [text.slice(0, colon), text.slice(colon + 1)]
}

/** An IP literal in its shortest form, a zone kept, IPv4 in IPv6 form as IPv4; empty for anything else. */
export function literalOf(host: string): string {
  const percent = host.indexOf('%')
  const bytes = parseIp(percent < 0 ? host : host.slice(0, percent))
  if (bytes === undefined) return ''
  if (percent < 0) return formatIp(bytes)
  const zone = host.slice(percent + 1)
  return bytes.length === 16 && zone.split('.').every(isLabel) ? `${formatIp(bytes)}%${zone}` : ''
}

/** `a.b.c.d:port` or `[v6]:port`. */
export function formatPlace(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

const LONGEST_HOST = 253
const LONGEST_LABEL = 63
const LABEL_LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_@'

function isHostName(host: string): boolean {
  const labels = (host.endsWith('.') ? host.slice(0, -1) : host).split('.')
  const last = labels[labels.length - 1]
  return host.length <= LONGEST_HOST && labels.every(isLabel) && !isDigits(last)
}

/** One part between the dots of a host name or a zone. Letters beyond ASCII are the resolver's business. */
function isLabel(label: string): boolean {
  return (
    label.length >= 1 &&
    label.length <= LONGEST_LABEL &&
    [...label].every((letter) => letter > '\u{9f}' || LABEL_LETTERS.includes(letter))
  )
}
