/**
 * Datagrams that the kernel dropped in front of our UDP socket since its receive buffer was full: nothing that reads the socket ever hears of
 * them. Linux tells in `/proc/net/udp`. It is read by whoever is asked for numbers, never by the thread that answers pings, and synchronously: a file
 * of the kernel's memory needs no thread pool, which the host may have filled.
 *
 *       sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 *     1234: 0100007F:1F0A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 48231 2 0000000 17
 */
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { endianness } from 'node:os'
import { parseIp } from '../src/wire/address.ts'

const WORD = 4

/** Datagrams dropped so far in front of the socket that is bound to this literal address; undefined where the system does not tell. */
export function kernelDrops(ip: string, port: number): number | undefined {
  let table: string
  try {
    table = readFileSync(isIPv6(ip) ? '/proc/net/udp6' : '/proc/net/udp', 'latin1')
  } catch {
    return undefined
  }
  return dropsIn(table, ip, port)
}

/** The same out of the table's text. */
export function dropsIn(table: string, ip: string, port: number): number | undefined {
  const place = `${hexOf(ip)}:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let drops: number | undefined
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/)
    if (columns[1] === place) drops = (drops ?? 0) + Number(columns[columns.length - 1])
  }
  return drops
}

/** Words of 32 bits, each in the machine's order of bytes. */
function hexOf(ip: string): string {
  const bytes = Buffer.from(parseIp(ip.split('%')[0]) ?? [])
  if (endianness() === 'LE') {
    for (let word = 0; word < bytes.length; word += WORD) bytes.subarray(word, word + WORD).reverse()
  }
  return bytes.toString('hex').toUpperCase()
}
