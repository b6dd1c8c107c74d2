/** Recorded conversations between real clients and real agents, and what tests need to play either side of them. */
import { readFileSync } from 'node:fs'

export interface Step {
  from: 'client' | 'agent'
  hex?: string
  decoded?: unknown[] | null
  close?: boolean
}

export interface Transcript {
  name: string
  how: string
  cli?: { argv: string[]; env: Record<string, string>; stdout: string; stderr: string; exit: number }
  notes?: string
  sequence: Step[]
}

export const transcripts: Transcript[] = JSON.parse(
  readFileSync(new URL('../../../test/vectors/ipc.json', import.meta.url), 'utf8'),
)

export function bytesOf(step: Step): Uint8Array {
  return Uint8Array.from(Buffer.from(step.hex ?? '', 'hex'))
}

/** A text whose free orders do not matter: lines, and the items of a list of tags, in one order. */
export function inAnyOrder(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/[ ,]+/).sort().join(' '))
    .sort()
}
