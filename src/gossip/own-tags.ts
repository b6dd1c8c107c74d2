/**
 * Changing our own tags (protocol page 2, sections 2.11 and 6.1): they replace the old ones at once in our own view; the
 * command is answered when the news has been sent as often as it will be, or after the broadcast timeout.
 */
import type { Envelope } from '../actors/contract.ts'
import { BroadcastTimeout, ClusterLeft, TagsTooLarge } from '../errors/errors.ts'
import { toPlain } from '../errors/plain.ts'
import { metaRoom } from '../options/coats.ts'
import type { Settings } from '../options/options.ts'
import { encodeTags } from '../wire/serf.ts'
import type { Claims } from './claims.ts'
import type { Outbox } from './outbox.ts'
import type { Standing } from './standing.ts'
import type { GossipWorld } from './world.ts'

export interface OwnTagsParts {
  /** Most bytes of encoded tags. */
  limit: number
  othersAlive(): number
  /** Whether we have said that we are gone: new tags would be the word of a living member, and peers would take us in again. */
  hasLeft(): boolean
  /** Puts new meta under the next incarnation. */
  update(meta: Uint8Array, finished: () => void): void
  /** Keeps the tags of the host, as meta, for the case of a crash. */
  remember(meta: Uint8Array): void
  reply(id: number, envelope: Envelope<null>): void
  through(): number
}

export interface OwnTagsRules {
  protocolVersion: number
  broadcastTimeout: number
}

interface Change {
  readonly id: number
  readonly after: number
  endsAt: number
  isTold: boolean
}

export class OwnTags {
  readonly #rules: OwnTagsRules
  readonly #parts: OwnTagsParts
  #changes: Change[] = []
  #tags: Record<string, string> = {}
  #overlay: Record<string, string> = {}

  constructor(rules: OwnTagsRules, parts: OwnTagsParts) {
    this.#rules = rules
    this.#parts = parts
  }

  get wakeAt(): number {
    return this.#changes.reduce((next, { endsAt }) => Math.min(next, endsAt), Number.POSITIVE_INFINITY)
  }

  /** The tags that we begin with, which are in force already. */
  begin(tags: Record<string, string>): void {
    this.#tags = tags
    this.#parts.remember(encodeTags(tags, this.#rules.protocolVersion))
  }

  /** Puts tags of our own making over those of the host, or takes them away; false when they do not fit beside them. */
  overlay(tags: Record<string, string>): boolean {
    if (this.#parts.hasLeft()) return true
    const meta = encodeTags({ ...this.#tags, ...tags }, this.#rules.protocolVersion)
    if (meta.length > this.#parts.limit) return false
    this.#overlay = tags
    this.#parts.update(meta, () => undefined)
    return true
  }

  set(id: number, tags: Record<string, string>, now: number): void {
    if (this.#parts.hasLeft()) {
      this.#parts.reply(id, { ok: false, error: toPlain(new ClusterLeft('setTags')) })
      return
    }
    const meta = encodeTags({ ...tags, ...this.#overlay }, this.#rules.protocolVersion)
    const { limit } = this.#parts
    if (meta.length > limit) {
      this.#parts.reply(id, { ok: false, error: toPlain(new TagsTooLarge(meta.length, limit)) })
      return
    }
    this.#tags = tags
    this.#parts.remember(encodeTags(tags, this.#rules.protocolVersion))
    // The fact of the update is the next one, so the mirror is right when the reply is acted upon.
    const change: Change = {
      id,
      after: this.#parts.through() + 1,
      endsAt: now + this.#rules.broadcastTimeout,
      isTold: this.#parts.othersAlive() === 0,
    }
    if (change.isTold) change.endsAt = now
    this.#changes.push(change)
    this.#parts.update(meta, () => {
      change.isTold = true
      change.endsAt = Number.NEGATIVE_INFINITY
    })
  }

  wake(now: number): void {
    const ended = this.#changes.filter(({ endsAt }) => endsAt <= now)
    if (ended.length === 0) return
    this.#changes = this.#changes.filter(({ endsAt }) => endsAt > now)
    for (const { id, after, isTold } of ended) {
      if (isTold) this.#parts.reply(id, { ok: true, value: null, after })
      else this.#parts.reply(id, { ok: false, error: toPlain(new BroadcastTimeout('tags')) })
    }
  }
}

export interface TagMachines {
  world: Pick<GossipWorld, 'reply' | 'memory'>
  standing: Standing
  claims: Claims
  outbox: Outbox
}

/** Our tags among the machines of a gossip actor. */
export function ownTagsOf(settings: Settings, machines: TagMachines): OwnTags {
  const { world, standing, claims, outbox } = machines
  return new OwnTags(settings, {
    limit: metaRoom(settings),
    othersAlive: () => standing.census().othersAlive,
    hasLeft: () => claims.isLeaving,
    update: (meta, finished) => claims.update(meta, finished),
    reply: (id, envelope) => world.reply(id, envelope),
    through: () => outbox.through,
    remember: (meta) => world.memory?.tags(meta),
  })
}
