/** Puts together those who judge claims about members: precedence, late words, names at two addresses, who is let in. */
import type { Counters } from '../actors/counters.ts'
import type { NameConflict } from '../actors/notices.ts'
import { Admission, type AdmissionRules } from './admission.ts'
import { Appeals } from './appeals.ts'
import type { ClaimRules } from './claim-parts.ts'
import { Claims } from './claims.ts'
import { Corrections } from './corrections.ts'
import { Disputes } from './disputes.ts'
import type { Exchange } from './exchange.ts'
import { memberGauges } from './gauges.ts'
import { History } from './history.ts'
import type { MemberListener } from './listener.ts'
import type { MemberTable } from './members.ts'
import { Newcomers } from './newcomers.ts'
import { forget } from './oblivion.ts'
import type { Outbox } from './outbox.ts'
import type { Queues } from './queues.ts'
import { Verifier } from './verifier.ts'
import { Voice } from './voice.ts'
import type { GossipWorld } from './world.ts'

export interface JudgeRules extends ClaimRules, AdmissionRules {
  gossipToTheDeadTime: number
  deadNodeReclaimTime: number
  probeTimeout: number
  maxMembers: number
}

export interface JudgeParts {
  world: GossipWorld
  table: MemberTable
  queues: Queues
  outbox: Outbox
  counters: Counters
  listener: MemberListener
  now(): number
  /** Two members claim one name, perhaps ours. */
  conflict(conflict: NameConflict): void
  exchange(ip: string, port: number, exchange: Exchange): number
  /** A ping over TCP that may take `timeout` milliseconds. */
  ping(ip: string, port: number, name: Uint8Array, timeout: number, done: (error: string) => void): void
}

export interface Judges {
  claims: Claims
  appeals: Appeals
  voice: Voice
  admission: Admission
  disputes: Disputes
  newcomers: Newcomers
  history: History
  /** Forgets what is too old to matter. */
  sweep(now: number): void
  gauges(): Record<string, number>
}

/** A ping over TCP takes two round trips where one over UDP takes one. */
const ROUND_TRIPS = 2

export function judgesOf(rules: JudgeRules, parts: JudgeParts): Judges {
  const { world, table, queues, outbox, counters, listener, now, ping } = parts
  const { detector, dispatch } = world
  const history = new History(world.log)
  const voice = new Voice({ table, queues, detector })
  const corrections = new Corrections({ table, voice, counters, random: world.random })
  const verifier = new Verifier({
    counters,
    ping: (ip, port, name, done) => ping(ip, port, name, ROUND_TRIPS * rules.probeTimeout, done),
  })
  const disputes = new Disputes(rules.deadNodeReclaimTime, {
    table,
    verifier,
    counters,
    now,
    judge: (claim, proof) => claims.alive(claim, now(), 'rebroadcast', proof),
    conflict: (conflict) => {
      dispatch.tell({ type: 'conflict', conflict })
      parts.conflict(conflict)
    },
  })
  const admission = new Admission(rules, {
    counters,
    vetoes: () => world.vetoes?.(),
    refused: (refusal) => dispatch.tell({ type: 'refused', refusal }),
  })
  const newcomers = new Newcomers(rules.maxMembers, { table, counters, log: world.log })
  const ask = (row: number, at: number) => appeals.ask(row, at)
  const judging = { history, voice, corrections, disputes, admission, newcomers, ask }
  const claims = new Claims(rules, { table, queues, outbox, counters, detector, listener, ...judging })
  const { suspicions } = claims
  const { exchange } = parts
  const appeals = new Appeals(rules.probeInterval, { table, suspicions, voice, detector, counters, exchange })
  const forgetful = [corrections, disputes, admission, verifier]
  const sweep = (at: number) =>
    forget(rules.gossipToTheDeadTime, claims.selfRow, { table, outbox, listener, forgetful }, at)
  const gauges = () => ({
    ...memberGauges(table),
    ...history.gauges(),
    suspicions: suspicions.size,
    'accusations-unknown': corrections.waiting,
    verifications: verifier.running,
  })
  return { claims, appeals, voice, admission, disputes, newcomers, history, sweep, gauges }
}
