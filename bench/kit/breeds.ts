/** What crowds are made of: members of ours, real agents, and what npm has that finds out who lives. */
import type { Breed, CrowdMember } from './crowd.ts'
import { FolkmootSubject } from './folkmoot.ts'
import { LibraryMember } from './library.ts'
import type { Library } from './peers.ts'
import { SerfSubject } from './serf.ts'

export type Kind = 'Folkmoot' | 'serf agent' | Library

export function breedOf(kind: Kind): Breed {
  // Nobody else's addresses, where the loopback is not our own.
  const block = `127.88.${(process.pid % 250) + 1}`
  if (kind === 'Folkmoot') return (number) => ours(number, `${block}.${number + 1}`)
  if (kind === 'serf agent')
    return (number) => SerfSubject.start(`m${number}`, 'says what it hears', `${block}.${number + 1}`)
  return (number) => LibraryMember.start(kind, number)
}

async function ours(number: number, ip: string): Promise<CrowdMember> {
  const member = await FolkmootSubject.start(`m${number}`, { bind: `${ip}:7946` })
  await member.tell()
  return member
}
