/** The recorded bytes of real Serf, as the tests read them. */
import { readFileSync } from 'node:fs'

export interface MemberlistVector {
  name: string
  transport: 'udp' | 'tcp'
  source: string
  direction: string
  hex: string
  key?: { hex: string }
  label?: string
  decoded: Record<string, unknown>
}
export interface SerfVector {
  name: string
  hex: string
  decoded: Record<string, unknown>
}
export interface InputVector {
  name: string
  transport: 'udp' | 'tcp'
  hex: string
  note: string
  effect: Record<string, string>
}

function read(file: string): string {
  return readFileSync(new URL(`../../test/vectors/${file}`, import.meta.url), 'utf8')
}

export const memberlistVectors: MemberlistVector[] = JSON.parse(read('memberlist.json'))
export const serfVectors: SerfVector[] = JSON.parse(read('serf.json'))
export const inputVectors: InputVector[] = JSON.parse(read('memberlist-inputs.json'))

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
