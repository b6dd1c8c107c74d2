/** CRC-32 (IEEE) of a packet: from zlib, where this Node has it. */
import * as zlib from 'node:zlib'

const POLYNOMIAL = 0xedb88320

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  return crc
})

/** For Node versions whose zlib has no crc32 (before 20.15 and 22.2), and for runtimes that only resemble Node. */
export function crc32ByTable(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8)
  return (crc ^ 0xffff_ffff) >>> 0
}

export const crc32: (bytes: Uint8Array) => number = zlib.crc32 ?? crc32ByTable
