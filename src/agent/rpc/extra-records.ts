/**
 * Records of the commands that only our agents know: why a member is what it is, what is wrong in the pool, the rotation of keys. An agent of
 * others says «Unsupported command» to them.
 */
import type { HistoryEntry } from '../../gossip/history.ts'
import { Fields } from './fields.ts'
import type { RpcWriter } from './writer.ts'

/** A finding of `doctor`. */
export interface Finding {
  level: 'ok' | 'warning' | 'problem'
  /** What it is about: a check, or a member. */
  about: string
  text: string
}

export interface RotationOutcome {
  removed: number
  /** The step that was not confirmed; empty when all were. */
  step: string
  /** Who did not confirm it. */
  silent: string[]
  /** The new key, in base64: to go on with. */
  key: string
}

export function writeHistory(writer: RpcWriter, entries: readonly HistoryEntry[]): void {
  writer.map(1)
  writer.field('History').array(entries.length)
  for (const { name, change, incarnation, accuser, confirmations, ago } of entries) {
    writer.map(6)
    writer.field('Accuser').text(accuser)
    writer.field('Ago').float(ago)
    writer.field('Change').text(change)
    writer.field('Confirmations').uint(confirmations)
    writer.field('Incarnation').uint(incarnation)
    writer.field('Name').text(name)
  }
}

export interface HistoryLine {
  name: string
  change: string
  incarnation: number
  accuser: string
  confirmations: number
  /** Milliseconds. */
  ago: number
}

export function readHistory(record: unknown): HistoryLine[] {
  return new Fields(record, ['History']).records('History').map((entry) => {
    const fields = new Fields(entry, [])
    return {
      name: fields.text('Name'),
      change: fields.text('Change'),
      incarnation: fields.int('Incarnation', 0, 2 ** 32),
      accuser: fields.text('Accuser'),
      confirmations: fields.int('Confirmations', 0, 2 ** 32),
      ago: fields.float('Ago'),
    }
  })
}

export function writeFindings(writer: RpcWriter, findings: readonly Finding[]): void {
  writer.map(1)
  writer.field('Findings').array(findings.length)
  for (const { level, about, text } of findings) {
    writer.map(3)
    writer.field('About').text(about)
    writer.field('Level').text(level)
    writer.field('Text').text(text)
  }
}

export function readFindings(record: unknown): { level: string; about: string; text: string }[] {
  return new Fields(record, ['Findings']).records('Findings').map((entry) => {
    const fields = new Fields(entry, [])
    return { level: fields.text('Level'), about: fields.text('About'), text: fields.text('Text') }
  })
}

export function writeRotation(writer: RpcWriter, { removed, step, silent, key }: RotationOutcome): void {
  writer.map(4)
  writer.field('Key').text(key)
  writer.field('Removed').uint(removed)
  writer.field('Silent').texts(silent)
  writer.field('Step').text(step)
}

export function readRotation(record: unknown): RotationOutcome {
  const fields = new Fields(record, [])
  return {
    key: fields.text('Key'),
    removed: fields.int('Removed', 0, 2 ** 31),
    silent: fields.texts('Silent'),
    step: fields.text('Step'),
  }
}
