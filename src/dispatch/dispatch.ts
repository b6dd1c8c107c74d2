/**
 * The dispatch actor: what happened, on its way to the host. It keeps its own view of the members and delivers with credit, so that a
 * slow host holds up nobody but itself.
 *
 * Queries are answered and asked here, since patterns and slow hosts must hold up nobody; the keys and what else the member keeps in files
 * are read, changed and written here; and here it is decided whether we have lost our name.
 */
import { Packr } from 'msgpackr'
import type { Actor } from '../actors/contract.ts'
import { Counters, flatten, type Report } from '../actors/counters.ts'
import type { DispatchCommand, ToDispatch } from '../actors/mail.ts'
import type { NameConflict, Notice } from '../actors/notices.ts'
import { memberOf } from '../cluster/member.ts'
import { toPlain } from '../errors/plain.ts'
import { directRoom } from '../options/coats.ts'
import type { Settings } from '../options/options.ts'
import { FULL_TAGS } from '../wire/tags.ts'
import { Files } from './files.ts'
import type { KnownRows } from './fold.ts'
import { Gate } from './gate.ts'

import { HostQueries } from './host-queries.ts'
import { answerFromView, InternalQueries } from './internal-queries.ts'
import { isFileCommand, Kept } from './kept.ts'
import { KeyringKeeper } from './keyring-keeper.ts'
import { NameVote } from './name-vote.ts'
import { Patterns } from './patterns.ts'
import { Queries } from './queries.ts'
import { Questions } from './questions.ts'
import { Replies } from './replies.ts'

import { MemberView } from './view.ts'
import type { DispatchWorld } from './world.ts'

type Facts = Extract<ToDispatch, { type: 'facts' }>

export class Dispatch implements Actor<ToDispatch> {
  readonly #world: DispatchWorld
  readonly #view: MemberView
  readonly #gate: Gate
  readonly #counters = new Counters()
  readonly #questions: Questions
  readonly #queries: Queries
  readonly #hostQueries: HostQueries
  readonly #kept: Kept
  readonly #keeper: KeyringKeeper
  readonly #vote: NameVote
  readonly #resolvesConflicts: boolean
  #now = 0
  wakeAt = Number.POSITIVE_INFINITY

  constructor(settings: Settings, world: DispatchWorld) {
    this.#world = world
    this.#resolvesConflicts = settings.nameConflictResolution
    const { gossip, random } = world
    const counters = this.#counters
    const ownName = new TextEncoder().encode(settings.nodeName)
    const view = new MemberView(ownName, world.pictures)
    const patterns = new Patterns()
    const { queryResponseSizeLimit: sizeLimit } = settings
    const internal = new InternalQueries(counters)
    answerFromView(internal, ownName, view)
    // Within the limit of answers, and of a packet: what no packet holds would be cut on its way. Memberlist's type byte is one more.
    const packetRoom = directRoom(settings)
    const replies = new Replies(ownName, Math.min(sizeLimit, packetRoom - 1), {
      gossip,
      view,
      random,
      counters,
      requireNodeNames: settings.requireNodeNames,
    })
    this.#view = view
    this.#gate = new Gate(settings, (news) => world.news(news))
    const hidesTags = settings.protocolVersion < FULL_TAGS
    this.#queries = new Queries({
      ownTags: () => (hidesTags ? this.#kept.tags : view.ownTags()),
      patterns,
      replies,
      internal,
      counters,
      ownName: settings.nodeName,
      sizeLimit,
      packetRoom,
    })
    const questions = new Questions(settings, { gossip, view, patterns, counters, random })
    this.#questions = questions
    this.#hostQueries = new HostQueries({
      questions,
      reply: (id, envelope) => world.reply(id, envelope),
      tell: (mail) => world.query(mail),
    })
    const notice = (told: Notice) => this.#gate.delivery.notice(told)
    const files = new Files((operation) => world.file(operation))
    const now = () => this.#now
    this.#keeper = new KeyringKeeper(settings, { files, gossip, counters, now })
    this.#keeper.serve(internal)
    this.#vote = new NameVote(settings.nodeName, { questions, notice })
    this.#kept = new Kept(settings, {
      world,
      files,
      keeper: this.#keeper,
      counters,
      notice,
      pass: (facts) => this.#gate.facts(facts.bytes, facts.through, this.#now),
    })
  }

  /** For the simulator: what the host knows by the events that it was sent. */
  get known(): KnownRows {
    return this.#gate.delivery.known
  }

  /** For the simulator's checks to look at. */
  get view(): Pick<MemberView, 'each'> {
    return this.#view
  }

  receive(mail: ToDispatch, now: number): void {
    this.#enter(now)
    switch (mail.type) {
      case 'facts':
        this.#facts(mail, now)
        break
      case 'asked':
        this.#questions.asked(mail, now)
        break
      case 'answers':
        this.#questions.answers(mail.bytes)
        break
      case 'keyring-set':
        this.#keeper.isSet(mail.number)
        break
      case 'conflict':
        this.#conflict(mail.conflict)
        break
      case 'restart':
        this.#gate.delivery.notice(mail.restart)
        break
      case 'refused':
        this.#gate.delivery.notice(mail.refusal)
        break
      case 'connection':
        this.#gate.delivery.notice(mail.change)
        break
      case 'clock':
        this.#kept.clock(mail)
        break
      case 'leaving':
        this.#kept.leaving()
        break
      case 'file':
        this.#kept.files.finished(mail.number, mail.outcome)
        break
      case 'taken':
        this.#gate.taken(mail.number, now)
        break
      case 'mirrored':
        this.#gate.delivery.mirrored(mail.number)
        break
      case 'feed':
        this.#gate.delivery.feed(mail.feed)
        break
      case 'command':
        this.#command(mail.id, mail.command, now)
        break
    }
    this.#plan()
  }

  wake(now: number): void {
    this.#enter(now)
    this.#kept.wake(now)
    this.#gate.wake(now)
    this.#questions.wake(now)
    this.#queries.wake(now)
    this.#plan()
  }

  #enter(now: number): void {
    this.#now = now
    this.#kept.enter(now)
  }

  #conflict(conflict: NameConflict): void {
    this.#gate.delivery.notice(conflict)
    if (conflict.about === 'self' && this.#resolvesConflicts) {
      this.#vote.start(conflict.existing, conflict.other)
    }
  }

  #plan(): void {
    this.wakeAt = Math.min(this.#gate.wakeAt, this.#questions.wakeAt, this.#queries.wakeAt, this.#kept.wakeAt)
  }

  #facts(mail: Facts, now: number): void {
    const { weight, bytes } = mail
    this.#counters.add('facts', weight)
    this.#view.apply(bytes)
    this.#questions.facts(bytes)
    // Before those are struck out that the host does not hear of: the snapshot hears of all.
    const line = this.#kept.heard(mail)
    this.#queries.sift(bytes, now)
    this.#kept.passOn(mail, line)
  }

  #command(id: number, command: DispatchCommand, now: number): void {
    if (isFileCommand(command)) return this.#kept.command(id, command)
    switch (command.type) {
      case 'query':
        return this.#hostQueries.start(id, command.query, command.wish)
      case 'query-close':
        return this.#hostQueries.close(id, command.query)
      case 'respond': {
        const { lamportTime, queryId, payload } = command
        const refusal = this.#queries.respond(lamportTime, queryId, payload, now)
        if (refusal !== undefined) return this.#world.reply(id, { ok: false, error: toPlain(refusal) })
        return this.#world.reply(id, { ok: true, value: null, after: 0 })
      }
      case 'members':
        return this.#world.reply(id, { ok: true, value: this.#members(), after: 0 })
      case 'fingerprints':
        return this.#world.reply(id, { ok: true, value: this.#keeper.fingerprints, after: 0 })
      case 'stats':
        return this.#world.reply(id, { ok: true, value: flatten(this.#report()), after: 0 })
      case 'metrics':
        return this.#world.reply(id, { ok: true, value: this.#report(), after: 0 })
    }
  }

  /** All members as msgpackr records: half the time of a structured clone, and a quarter of its decoding. */
  #members(): Uint8Array {
    const members: unknown[] = []
    this.#view.each((picture) => {
      members.push({ row: picture.row, ...memberOf(picture) })
    })
    // Copied out of msgpackr's pooled buffer, which would be cloned whole with it.
    return Uint8Array.from(new Packr({ useRecords: true }).pack(members))
  }

  #report(): Report {
    return this.#counters.report({
      members: this.#view.size,
      untaken: this.#gate.delivery.untaken,
      waiting: this.#gate.delivery.waiting,
      ...this.#gate.gauges,
      open_queries: this.#questions.open,
      unanswered_queries: this.#queries.open,
    })
  }
}
