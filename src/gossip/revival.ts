/**
 * Revival: members of a life before. Those that a snapshot calls failed, whom Serf forgets, are listed as failed again, and so are tried now and
 * then until they are back or reaped. Only name and address are known of them: memberlist's list does not have them, and peers hear nothing.
 *
 * And after a crash of the actors the table begins with the members that the host knows, as it knows them, and nobody is told of a join. Who went
 * meanwhile is found by probing, who came by the push/pulls that follow at once.
 */
import { FactReader, STATUS } from '../actors/facts.ts'
import { fromLatin } from '../actors/latin.ts'
import type { Crash, RememberedMember, Restored } from '../actors/mail.ts'
import { parseIp, parsePlace } from '../wire/address.ts'
import { encodeTags } from '../wire/tags.ts'
import type { CrashMemory } from './crash-memory.ts'
import type { Entrance } from './entrance.ts'
import type { LamportClock } from './lamport.ts'
import type { MemberTable } from './members.ts'
import type { Outbox } from './outbox.ts'
import { HELD } from './precedence.ts'
import type { Standing } from './standing.ts'
import type { Sync } from './sync.ts'

/** From this protocol version on no tags are no tags, and not an empty role. */
const TAGGED = 3

export interface RevivalParts {
  table: MemberTable
  outbox: Outbox
  standing: Standing
  sync: Sync
  entrance: Entrance
  memberClock: LamportClock
  eventClock: LamportClock
  queryClock: LamportClock
  memory?: CrashMemory
}

/** What memberlist held of a member whom Serf saw in a status. */
const HELD_AS: Record<number, number> = {
  [STATUS.alive]: HELD.alive,
  [STATUS.leaving]: HELD.alive,
  [STATUS.failed]: HELD.dead,
  [STATUS.left]: HELD.left,
}

export class Revival {
  readonly #parts: RevivalParts

  constructor(parts: RevivalParts) {
    this.#parts = parts
  }

  /** Once we are in the table ourselves. With a crash behind us we go on where we were, and hear from others at once what we missed. */
  begin(restored: Restored | undefined, now: number): void {
    if (restored?.crash !== undefined) this.#goOn(restored.crash, now)
    else
      for (const member of restored?.members ?? []) if (member.status === 'failed') this.#recall(member, now)
  }

  #recall({ name, address }: RememberedMember, now: number): void {
    const { table, standing } = this.#parts
    const bytes = fromLatin(name)
    const place = parsePlace(address)
    const ip = place === undefined ? undefined : parseIp(place.ip)
    if (ip === undefined || table.find(bytes, 0, bytes.length) >= 0) return
    const row = table.add(bytes, 0, bytes.length, ip, encodeTags({}, TAGGED))
    table.port[row] = place?.port ?? 0
    standing.known(row, STATUS.failed, 0, now)
  }

  #goOn(crash: Crash, now: number): void {
    const { entrance, sync } = this.#parts
    for (const reader = new FactReader(crash.pictures); !reader.atEnd; reader.next()) {
      if (reader.isMember) this.#revive(reader, now)
    }
    entrance.remember(crash.seeds)
    sync.soon(now)
  }

  /** To be called at the end of every turn. */
  remember(): void {
    const { memory, table, standing, memberClock, eventClock, queryClock } = this.#parts
    if (memory === undefined || standing.selfRow < 0) return
    memory.note(table.incarnation.get(standing.selfRow), memberClock.time, eventClock.time, queryClock.time)
  }

  #revive(reader: FactReader, now: number): void {
    const { table, outbox, standing } = this.#parts
    const { name, status, statusTime } = reader
    const known = table.find(name, 0, name.length)
    if (known === standing.selfRow) return standing.known(known, STATUS.alive, statusTime, now)
    const held = HELD_AS[status]
    if (held === undefined || known >= 0) return
    const row = table.add(name, 0, name.length, reader.address, reader.meta)
    table.setVersions(row, reader.versions, 0)
    table.port[row] = reader.port
    table.incarnation.set(row, reader.incarnation)
    table.setHeld(row, held, now)
    standing.known(row, status, statusTime, now)
    outbox.touch(row)
  }
}
