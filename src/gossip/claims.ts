/**
 * Claims about members and what becomes of them: memberlist's alive, suspect and dead (protocol page 1, 7.8 to 7.13), and
 * the refutation of claims about ourselves. The sole writer of what memberlist holds.
 */
import { toLatin } from '../actors/latin.ts'
import type { Self } from '../actors/mail.ts'
import type { Claim } from '../wire/claim.ts'
import { MESSAGE } from '../wire/types.ts'
import type { ClaimParts, ClaimRules, Echo } from './claim-parts.ts'
import { DEATH, SUSPICION } from './corrections.ts'
import type { Proof } from './disputes.ts'
import { addressStart, isSameWord, unfit } from './fitness.ts'
import type { Change } from './history.ts'
import {
  aliveOverrules,
  deadOverrules,
  FORBIDDEN_INCARNATION,
  HELD,
  isActive,
  refutingIncarnation,
  suspectOverrules,
} from './precedence.ts'
import { Refutation } from './refutation.ts'
import { Suspicions } from './suspicions.ts'
import type { AccusationType } from './voice.ts'

const NOBODY = new Uint8Array(0)

export class Claims {
  readonly #parts: ClaimParts
  readonly suspicions: Suspicions
  readonly refutation: Refutation
  /** Where we are: its `bindPort` is what port 0 in a claim stands for. */
  self: Self = { name: '', ip: '', port: 0, bindPort: 0 }
  #selfRow = -1
  #isLeaving = false

  constructor(rules: ClaimRules, parts: ClaimParts) {
    this.#parts = parts
    this.suspicions = new Suspicions(rules)
    this.refutation = new Refutation(parts)
  }

  get selfRow(): number {
    return this.#selfRow
  }

  /** Whether we have said that we are gone: any word of ours after that would bring us back. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /** Puts ourselves in the table, alive at incarnation 1. After a crash we go on above the incarnation `before`, and join nothing anew. */
  begin(self: Self, address: Uint8Array, meta: Uint8Array, versions: Uint8Array, now: number, before = 0) {
    const { table, outbox, listener, voice, disputes, counters } = this.#parts
    const name = new TextEncoder().encode(self.name)
    const row = table.add(name, 0, name.length)
    this.self = self
    this.#selfRow = row
    outbox.selfRow = row
    voice.selfRow = row
    disputes.selfRow = row
    this.refutation.begin(row)
    table.setFacts(row, address, meta)
    table.setVersions(row, versions, 0)
    table.port[row] = self.port
    table.incarnation.set(row, before + 1)
    table.setHeld(row, HELD.alive, now)
    voice.alive(row)
    counters.add('memberlist.msg.alive')
    if (before === 0) listener.joined(row, now)
  }

  /** New meta of our own under the next incarnation; `finished` when its broadcast is done. */
  update(meta: Uint8Array, finished: () => void): void {
    const { table, listener, counters } = this.#parts
    const row = this.#selfRow
    const isNew = !table.hasMeta(row, meta, 0, meta.length)
    const before = table.facts(row)
    table.setFacts(row, table.address(row).slice(), meta)
    table.incarnation.set(row, refutingIncarnation(table.incarnation.get(row), 0))
    this.#parts.voice.alive(row, finished)
    counters.add('memberlist.msg.alive')
    if (isNew) listener.updated(row, before)
    else listener.changed(row)
  }

  /** Declares ourselves gone on purpose; `finished` when the broadcast is done. From now on nothing is refuted. */
  leave(now: number, finished: () => void): void {
    this.#isLeaving = true
    const row = this.#selfRow
    this.#bury(row, this.#parts.table.incarnation.get(row), this.#ownName(), HELD.left, now, finished)
  }

  /** Hears that a member is alive; `echo` says whether news of it is passed on. */
  alive(claim: Claim, now: number, echo: Echo = 'rebroadcast', proof: Proof = 'none'): void {
    const { table, counters } = this.#parts
    const refusal = unfit(claim)
    if (refusal !== '') return counters.add(refusal)
    const row = table.find(claim.bytes, claim.nodeStart, claim.nodeEnd)
    if (row < 0 || table.held[row] === HELD.unlisted) this.#introduce(row, claim, now, echo, proof)
    else if (!this.#isSameAddress(row, claim)) this.#aliveElsewhere(row, claim, now, proof)
    else if (row === this.#selfRow) this.#aliveAboutUs(claim, now)
    else if (aliveOverrules(claim.incarnation, table.incarnation.get(row))) {
      if (this.#parts.admission.admits(claim, now)) this.#accept(row, claim, now)
    } else this.#parts.corrections.staleAlive(row, claim.incarnation, now)
  }

  /** Hears that a member is suspected. The accuser's name stands in the claim. */
  suspect(claim: Claim, now: number): void {
    const from = claim.bytes.subarray(claim.fromStart, claim.fromEnd)
    const row = this.#accused(claim, SUSPICION, from, now)
    if (row >= 0) this.suspectRow(row, claim.incarnation, from, now)
  }

  /** Hears that a member is dead, or, when it says so itself, that it left. */
  dead(claim: Claim, now: number): void {
    const from = claim.bytes.subarray(claim.fromStart, claim.fromEnd)
    const row = this.#accused(claim, DEATH, from, now)
    if (row < 0) return
    const isOwnWord = toLatin(from, 0, from.length) === toLatin(claim.bytes, claim.nodeStart, claim.nodeEnd)
    this.#deadRow(row, claim.incarnation, from, isOwnWord ? HELD.left : HELD.dead, now)
  }

  /** A peer's state says that a member left: as good as its own word. */
  left(claim: Claim, now: number): void {
    const name = claim.bytes.subarray(claim.nodeStart, claim.nodeEnd)
    const row = this.#accused(claim, DEATH, name, now)
    if (row >= 0) this.#deadRow(row, claim.incarnation, name, HELD.left, now)
  }

  /** A peer's state says suspect or dead: never dead at once, we suspect it ourselves (section 7.11). */
  doubted(claim: Claim, now: number): void {
    const own = this.#ownName()
    const row = this.#accused(claim, SUSPICION, own, now)
    if (row >= 0) this.suspectRow(row, claim.incarnation, own, now)
  }

  /** Our own probe heard nothing from this instance at this incarnation. */
  silent(row: number, instance: number, incarnation: number, now: number): void {
    const { table } = this.#parts
    const isCurrent = row < table.rowCount && table.isUsed(row) && table.instance.get(row) === instance
    if (!isCurrent || table.held[row] === HELD.unlisted) return
    this.suspectRow(row, incarnation, this.#ownName(), now)
    if (table.held[row] === HELD.suspect) this.#parts.corrections.tellAccused(row, this.#ownName(), now)
  }

  suspectRow(row: number, incarnation: number, from: Uint8Array, now: number): void {
    const { table, counters, outbox, corrections } = this.#parts
    if (incarnation < table.incarnation.get(row)) {
      this.#remind(row, from, now)
      return
    }
    if (this.suspicions.isRunning(row)) {
      if (!this.suspicions.confirm(row, toLatin(from, 0, from.length))) return
      this.#note('confirmed', row, incarnation, from, now)
      this.#parts.voice.accusation(MESSAGE.suspect, row, incarnation, from)
      return
    }
    if (!suspectOverrules(incarnation, table.held[row], table.incarnation.get(row))) return
    if (row === this.#selfRow) {
      if (!this.#isLeaving) this.#refute(incarnation, from, now)
      return
    }
    this.#note('suspect', row, incarnation, from, now)
    this.#parts.voice.accusation(MESSAGE.suspect, row, incarnation, from)
    counters.add('memberlist.msg.suspect')
    table.incarnation.set(row, incarnation)
    table.setHeld(row, HELD.suspect, now)
    this.suspicions.start(row, toLatin(from, 0, from.length), table.listed, now)
    outbox.touch(row)
    corrections.accused(row, from, now)
  }

  /** Asks those whose suspicion is about to run out, and buries those for whom it did. */
  wake(now: number): void {
    const { table, counters, ask } = this.#parts
    for (let due = this.suspicions.due(now); due !== undefined; due = this.suspicions.due(now)) {
      const { row, what } = due
      if (table.held[row] !== HELD.suspect) {
        this.suspicions.end(row)
        continue
      }
      if (what === 'ask') {
        ask(row, now)
        continue
      }
      if (due.support === 'unconfirmed') counters.add('memberlist.degraded.timeout')
      this.#deadRow(row, table.incarnation.get(row), this.#ownName(), HELD.dead, now)
    }
  }

  #note(change: Change, row: number, incarnation: number, from: Uint8Array, now: number): void {
    const name = this.#parts.table.name(row)
    const confirmations = this.suspicions.confirmations(row)
    this.#parts.history.add(name, change, incarnation, toLatin(from), confirmations, now)
  }

  #ownName(): Uint8Array {
    return this.#parts.table.name(this.#selfRow)
  }

  /** Row of somebody accused, or -1 when the accusation cannot be true of anybody we hold. */
  #accused(claim: Claim, type: AccusationType, from: Uint8Array, now: number): number {
    const { table, counters, corrections } = this.#parts
    if (claim.incarnation === FORBIDDEN_INCARNATION) {
      counters.add('drop.incarnation')
      return -1
    }
    const row = table.find(claim.bytes, claim.nodeStart, claim.nodeEnd)
    if (row >= 0 && table.held[row] !== HELD.unlisted) return row
    counters.add('drop.accused-unknown')
    const name = claim.bytes.subarray(claim.nodeStart, claim.nodeEnd)
    corrections.unknownAccused(type, name, claim.incarnation, from, now)
    return -1
  }

  #introduce(knownRow: number, claim: Claim, now: number, echo: Echo, proof: Proof): void {
    const { counters, admission, newcomers, disputes, corrections } = this.#parts
    // An incarnation of 0 would leave a hidden dead record in the original; nobody honest has it.
    if (claim.incarnation === 0) {
      counters.add('drop.incarnation')
      return
    }
    if (!admission.admits(claim, now) || (knownRow < 0 && !newcomers.admits(now))) return
    if (proof !== 'present' && this.#wasSeenDead(knownRow, claim)) {
      disputes.revived(claim, this.#portOf(claim), now)
      return
    }
    const row = knownRow >= 0 ? knownRow : this.#newRow(claim)
    if (this.#accept(row, claim, now, echo) === 'accepted') corrections.introduced(row)
  }

  /** Whether its death was seen or heard of, at this incarnation or a newer one: then somebody's old state may speak, and not itself. */
  #wasSeenDead(row: number, claim: Claim): boolean {
    const { table, corrections } = this.#parts
    const { incarnation, bytes, nodeStart, nodeEnd } = claim
    if (row < 0) return corrections.isSaidDead(bytes, nodeStart, nodeEnd, incarnation)
    return incarnation <= table.incarnation.get(row) && this.#isSameAddress(row, claim)
  }

  #newRow(claim: Claim): number {
    const { table } = this.#parts
    const { bytes, nodeStart, nodeEnd } = claim
    const row = table.addFrom(
      bytes,
      nodeStart,
      nodeEnd,
      bytes,
      addressStart(claim),
      claim.addressEnd,
      bytes,
      claim.metaStart,
      claim.metaEnd,
    )
    table.port[row] = this.#portOf(claim)
    return row
  }

  /** The name is known at another address: a move if it is free, else two claim one name. */
  #aliveElsewhere(row: number, claim: Claim, now: number, proof: Proof): void {
    const { disputes, admission } = this.#parts
    if (!admission.admits(claim, now) || !disputes.isFree(row, claim, this.#portOf(claim), proof, now)) return
    disputes.moving(row, now)
    this.#accept(row, claim, now)
  }

  #aliveAboutUs(claim: Claim, now: number): void {
    const { table } = this.#parts
    const row = this.#selfRow
    const own = table.incarnation.get(row)
    if (this.#isLeaving || claim.incarnation < own) return
    if (isSameWord(table, row, claim)) return
    this.#refute(claim.incarnation, this.#ownName(), now)
    this.#parts.counters.add('memberlist.msg.alive')
  }

  #accept(row: number, claim: Claim, now: number, echo: Echo = 'rebroadcast'): 'accepted' | 'refused' {
    const { table, counters, outbox, listener } = this.#parts
    const heldBefore = table.held[row]
    if (!table.setVersions(row, claim.bytes, claim.versionsStart)) {
      counters.add('drop.alive-versions')
      if (heldBefore === HELD.unlisted && table.status[row] === 0) table.remove(row)
      return 'refused'
    }
    if (isActive(heldBefore) && claim.incarnation > table.incarnation.get(row)) listener.growing(row, now)
    for (const accuser of this.suspicions.accusers(row)) this.#parts.history.refuted(accuser, now)
    if (heldBefore !== HELD.alive) this.#note('alive', row, claim.incarnation, NOBODY, now)
    this.suspicions.end(row)
    const isNewMeta = !table.hasMeta(row, claim.bytes, claim.metaStart, claim.metaEnd)
    const before = isNewMeta ? table.facts(row) : undefined
    if (isNewMeta || !this.#isSameAddress(row, claim)) {
      table.setFacts(
        row,
        claim.bytes.subarray(addressStart(claim), claim.addressEnd),
        claim.bytes.subarray(claim.metaStart, claim.metaEnd),
      )
      table.port[row] = this.#portOf(claim)
    }
    table.incarnation.set(row, claim.incarnation)
    if (heldBefore !== HELD.alive) table.setHeld(row, HELD.alive, now)
    if (echo === 'rebroadcast') this.#parts.voice.alive(row)
    counters.add('memberlist.msg.alive')
    outbox.touch(row)
    if (!isActive(heldBefore)) listener.joined(row, now)
    else if (before !== undefined) listener.updated(row, before)
    else listener.changed(row)
    return 'accepted'
  }

  #deadRow(row: number, incarnation: number, from: Uint8Array, held: number, now: number): void {
    const { table } = this.#parts
    if (incarnation < table.incarnation.get(row)) {
      this.#remind(row, from, now)
      return
    }
    const isNews = deadOverrules(incarnation, table.held[row], table.incarnation.get(row))
    if (isNews && row !== this.#selfRow)
      this.#note(held === HELD.left ? 'left' : 'dead', row, incarnation, from, now)
    this.suspicions.end(row)
    if (!isNews) return
    if (row === this.#selfRow) {
      if (!this.#isLeaving) this.#refute(incarnation, from, now)
      return
    }
    this.#bury(row, incarnation, from, held, now)
  }

  #bury(
    row: number,
    incarnation: number,
    from: Uint8Array,
    held: number,
    now: number,
    finished?: () => void,
  ): void {
    const { table, counters, outbox, listener } = this.#parts
    this.#parts.voice.accusation(MESSAGE.dead, row, incarnation, from, finished)
    counters.add('memberlist.msg.dead')
    table.incarnation.set(row, incarnation)
    table.setHeld(row, held, now)
    outbox.touch(row)
    if (held === HELD.left) this.#parts.corrections.saidToLeave(row, now)
    listener.left(row, now)
  }

  /**
   * Somebody accuses a member, perhaps us, at an incarnation that was refuted already: it missed the refutation, and would bury one who lives. Telling
   * it again is enough. The original stays silent here, and the accuser is wrong until its next push/pull with somebody who knows better.
   */
  #remind(row: number, from: Uint8Array, now: number): void {
    const { queues, voice, corrections } = this.#parts
    corrections.staleAccusation(row, from, now)
    if (row === this.#selfRow && !this.#isLeaving && !this.refutation.isMute && !queues.membership.has(row))
      voice.alive(row)
  }

  #refute(accused: number, from: Uint8Array, now: number): void {
    this.#note('refuted', this.#selfRow, accused, from, now)
    this.#parts.history.refuted(toLatin(from), now)
    this.refutation.refute(accused)
    this.#parts.corrections.staleAccusation(this.#selfRow, from, now)
  }

  #portOf(claim: Claim): number {
    return claim.port === 0 ? this.self.bindPort : claim.port
  }

  #isSameAddress(row: number, claim: Claim): boolean {
    const { table } = this.#parts
    return table.hasAddress(row, claim.bytes, addressStart(claim), claim.addressEnd, this.#portOf(claim))
  }
}
