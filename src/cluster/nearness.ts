/**
 * Round trips and paths, as a host asks for them: what members' coordinates say of the time between them, and how our probes of them are
 * answered. Names go to the detector in slices, so that no question holds it up.
 */

import { CoordinatesDisabled, InvalidArgument, UnknownMember } from '../errors/errors.ts'
import type { Ask } from './ask.ts'
import type { MemberFilter } from './cluster-types.ts'
import type { Member } from './member.ts'
import type { LastWay, MemberPath, NetworkCoordinate, ToldPath } from './near-types.ts'
import { isCoordinate, isDistances, isPaths, isPing } from './replies.ts'

export interface NearestOptions {
  /** How many members. Default 1. */
  count?: number
  /** Name of the member from which to look. Default ourselves. */
  from?: string
  /** Members that may be answers. Default all alive ones. */
  filter?: MemberFilter
}

export interface Near {
  readonly member: Member
  /** Estimated round trip in milliseconds. */
  readonly rtt: number
}

const LINES: Record<ToldPath['heard'], Record<LastWay, MemberPath['status']>> = {
  unheard: {
    direct: 'UDP works',
    indirect: 'UDP fails, helpers reach it',
    tcp: 'UDP fails, TCP works',
    none: 'no answer',
  },
  heard: {
    direct: 'UDP works',
    indirect: 'UDP out fails, helpers reach it',
    tcp: 'UDP out fails, TCP works',
    none: 'its packets come, ours stay without an answer',
  },
}

/** Names in one question to the detector: a millisecond of its time. */
const AT_ONCE = 1_000

export interface NearnessParts {
  ask: Ask
  ownName: string
  coordinates: 'on' | 'off'
  member(name: string): Member | undefined
  members(filter: MemberFilter): readonly Member[]
}

export class Nearness {
  readonly #parts: NearnessParts

  constructor(parts: NearnessParts) {
    this.#parts = parts
  }

  async rtt(one: string, other = this.#parts.ownName): Promise<number | undefined> {
    named('rtt', one)
    named('rtt', other)
    const [distance] = await this.#distances('rtt', other, [one])
    return distance ?? undefined
  }

  async coordinate(name = this.#parts.ownName): Promise<NetworkCoordinate | undefined> {
    named('coordinate', name)
    const { ask, ownName, coordinates } = this.#parts
    if (coordinates === 'off' && name === ownName) throw new CoordinatesDisabled('coordinate')
    return (await ask.detector('coordinate', { type: 'coordinate', name }, isCoordinate)) ?? undefined
  }

  async nearest(options: NearestOptions): Promise<Near[]> {
    const { count = 1, from = this.#parts.ownName, filter = {} } = options
    named('nearest', from)
    if (!Number.isInteger(count) || count < 1) {
      throw new InvalidArgument(`nearest: count must be a whole number from 1, not ${count}`)
    }
    if (this.#parts.coordinates === 'off') throw new CoordinatesDisabled('nearest')
    const members = this.#parts.members({ status: 'alive', ...filter }).filter(({ name }) => name !== from)
    const distances = await this.#distances('nearest', from, namesOf(members))
    const near: Near[] = []
    for (const [index, member] of members.entries()) {
      const rtt = distances[index]
      if (rtt !== null) near.push({ member, rtt })
    }
    return near.sort((a, b) => a.rtt - b.rtt).slice(0, count)
  }

  async ping(name: string): Promise<{ rtt: number }> {
    named('ping', name)
    const member = this.#parts.member(name)
    if (member === undefined) throw new UnknownMember(name)
    const command = { type: 'ping', name, ip: member.address, port: member.port } as const
    return this.#parts.ask.detector('ping', command, isPing)
  }

  async paths(): Promise<MemberPath[]> {
    const others = this.#parts.members({}).filter(({ name }) => name !== this.#parts.ownName)
    const found: MemberPath[] = []
    for (const names of slices(namesOf(others))) {
      const paths = await this.#parts.ask.detector('paths', { type: 'paths', names }, isPaths)
      for (const [index, path] of paths.entries()) {
        const { direct, indirect, tcp, none } = path ?? { direct: 0, indirect: 0, tcp: 0, none: 0 }
        const status = path === null ? 'not probed yet' : LINES[path.heard][path.last]
        found.push({ name: names[index], direct, indirect, tcp, none, status })
      }
    }
    return found
  }

  async #distances(call: string, from: string, all: string[]): Promise<(number | null)[]> {
    const distances: (number | null)[] = []
    for (const names of slices(all)) {
      const slice = await this.#parts.ask.detector(call, { type: 'distances', from, names }, isDistances)
      for (const distance of slice) distances.push(distance)
    }
    return distances
  }
}

function named(call: string, name: unknown): void {
  if (typeof name !== 'string') throw new InvalidArgument(`${call}: a member's name must be a text`)
}

function namesOf(members: readonly Member[]): string[] {
  return members.map(({ name }) => name)
}

function* slices(names: string[]): Generator<string[]> {
  for (let from = 0; from < names.length; from += AT_ONCE) yield names.slice(from, from + AT_ONCE)
}
