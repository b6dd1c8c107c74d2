/**
 * All mail between the actors, one union per mailbox. Packed mail carries bytes whose records are described beside
 * their writers and readers (facts, roster, packed); everything else is small, rare and readable.
 *
 *     wire  <->  detector  <->  gossip  <->  dispatch  <->  Cluster (main thread)
 */
import type { FileOutcome } from '../dispatch/files.ts'
import type { ActorName, Envelope, Lane, LogLevel } from './contract.ts'
import type { ConnectionChange, MemberRefused, MemberRestart, NameConflict, Notice } from './notices.ts'

/** Mail to the detector: the wire's, gossip's, and the facade's. */
export type ToDetector =
  | { type: 'packet'; bytes: Uint8Array; ip: string; port: number }
  /** The operating system refused a datagram that carried the ping numbered `seqNo`. */
  | { type: 'unsent'; seqNo: number }
  /** All bytes so far of the answer to a ping over TCP. */
  | { type: 'ping-stream-data'; seqNo: number; bytes: Uint8Array }
  | { type: 'ping-stream-failed'; seqNo: number }
  /** Peers added, changed, gone; packed by `roster.ts`, folded per member by the sender. Rows are likely to be as many as `expected` soon. */
  | { type: 'roster'; bytes: Uint8Array; expected: number }
  /** Packets to send; packed by `packed.ts`. */
  | { type: 'deliver'; bytes: Uint8Array }
  /** Broadcasts that may ride on pings and acks; packed by `packed.ts`. Replaces the tray before it. */
  | { type: 'tray'; number: number; bytes: Uint8Array }
  /** We leave: this message goes straight to the peers, and `told` says how many acknowledged it. */
  | { type: 'farewell'; bytes: Uint8Array }
  /** We had to refute: our health goes down. */
  | { type: 'accused' }
  /** A join waits to be confirmed: ping whoever is at this address, and tell of its ack, and of a ping that names us. */
  | { type: 'greet'; number: number; name: Uint8Array; ip: string; port: number }
  /** Who we are, known once the sockets are bound. Probing starts with it. */
  | { type: 'begin'; self: Self }
  /** Gossip: we are at another address by now. */
  | { type: 'self'; self: Self }
  /** Gossip: these keys from now on, the primary first. `keyring-set` answers with the same number. */
  | { type: 'keyring'; number: number; keys: Uint8Array[]; verify?: Verification }
  | { type: 'command'; id: number; command: DetectorCommand }

/** Mail to gossip: the detector's, dispatch's, the streams', and the facade's. */
export type ToGossip =
  /** Messages heard in packets that are not about probing; packed by `packed.ts`. `weight` counts them. */
  | { type: 'overheard'; lane: Lane; weight: number; bytes: Uint8Array }
  /** A probe found no sign of life: verdict about what was probed, so that a late one is recognised. */
  | { type: 'silent'; row: number; instance: number; incarnation: number }
  /** So many peers have acknowledged a packet that carried our leave, and so many may still do so. */
  | { type: 'told'; count: number; awaited: number }
  /** The greeting of this number was acknowledged, below 0 one of a suspected member; 0: somebody pings us by our name. */
  | { type: 'greeted'; number: number }
  /** The host's main thread is stalled, or turns again. */
  | { type: 'host'; state: 'stalled' | 'recovered' }
  /** How many sends of tray `number` were not used, one count per item. */
  | { type: 'piggybacked'; number: number; unused: Uint8Array }
  | { type: 'stream-accepted'; stream: number; ip: string; port: number }
  | { type: 'stream-connected'; stream: number }
  | { type: 'stream-data'; stream: number; bytes: Uint8Array }
  /** The peer ended or the stream broke; `error` is empty for a clean end. */
  | { type: 'stream-closed'; stream: number; error: string }
  /** What a name stands for; `error` says why there is nothing. */
  | { type: 'resolved'; lookup: number; places: FoundPlace[]; error: string }
  /** What our address is by now, as it was asked; empty where that is not known. */
  | { type: 'advertised'; ip: string }
  | { type: 'begin'; self: Self; restored?: Restored }
  /** Dispatch: start a query; `asked` answers with the same `number`. */
  | { type: 'ask'; number: number; question: Question }
  /** Dispatch: the query of this Lamport time once more, straight to these. */
  | { type: 'ask-again'; lamportTime: number; places: { ip: string; port: number }[] }
  /** Dispatch: a message of the Serf layer for one address, memberlist's type byte in front. */
  | { type: 'answer'; ip: string; port: number; bytes: Uint8Array }
  /** Dispatch: these keys from now on, the primary first; none for no encryption. `keyring-set` answers when the detector has them too. */
  | { type: 'keyring'; number: number; keys: Uint8Array[]; verify?: Verification }
  /** The detector has the keys of this number. */
  | { type: 'keyring-set'; number: number }
  | { type: 'command'; id: number; command: GossipCommand }

/** What keys are for: whether what comes must be sealed under one of them, and whether what goes is. */
export interface Verification {
  incoming: 'verified' | 'any'
  outgoing: 'sealed' | 'plain'
}

/** A query as its asker wishes it. */
export interface QueryWish {
  name: string
  payload: Uint8Array | null
  /** Names of the members that are meant; empty for all. */
  nodes: readonly string[]
  /** Patterns by tag; all must be found. */
  tags: Readonly<Record<string, string>>
  requestAck: boolean
  relayFactor: number
  /** Milliseconds; 0 for the default. */
  timeout: number
}

/** One member's answer to a query. */
export interface QueryAnswer {
  readonly from: string
  /** The asker's own: it may be kept and changed. */
  readonly payload: Uint8Array
}

/** Why a query is over: everyone expected has answered or is known to be gone, or time was up. */
export type QueryEnding = 'answered' | 'deadline'

/** A query of our own, before gossip gives it its place in time. */
export interface Question {
  name: string
  payload: Uint8Array | null
  /** Encoded filters (protocol page 2, section 2.5); null for none. */
  filters: Uint8Array[] | null
  flags: number
  relayFactor: number
  /** Milliseconds. */
  timeout: number
}

/** A query of ours on its way: answers name both numbers. */
export interface Asked {
  id: number
  lamportTime: number
}

/** Mail to dispatch: gossip's and the facade's. */
export type ToDispatch =
  /** What happened, each once, in order; packed by `facts.ts`. `through` numbers the last fact inside. */
  | { type: 'facts'; weight: number; bytes: Uint8Array; through: number }
  /** What became of `ask`: the query is on its way, or was refused and nobody heard of it. */
  | { type: 'asked'; number: number; outcome: Envelope<Asked> }
  /** Answers and acks to our queries, as they came; packed as `overheard` is. */
  | { type: 'answers'; weight: number; bytes: Uint8Array }
  /** Gossip and the detector both have the keys of this number. */
  | { type: 'keyring-set'; number: number }
  /** Two members claim one name, and both answer. */
  | { type: 'conflict'; conflict: NameConflict }
  /** A member was started again between two probes. */
  | { type: 'restart'; restart: MemberRestart }
  /** A member was not let in. */
  | { type: 'refused'; refusal: MemberRefused }
  /** Whether we are in a pool has changed. */
  | { type: 'connection'; change: ConnectionChange }
  /** An operation on a file is over. */
  | { type: 'file'; number: number; outcome: FileOutcome }
  /** The next time of the clock of members; told with a delay, and only where a snapshot is kept. */
  | { type: 'clock'; memberTime: number }
  /** We are about to leave: the last thing that a snapshot hears of the pool. */
  | { type: 'leaving' }
  /** The facade has handled news up to this number: credit. */
  | { type: 'taken'; number: number }
  /** The facade has applied mirror news up to this number: credit of their own. */
  | { type: 'mirrored'; number: number }
  | { type: 'feed'; feed: Feed }
  | { type: 'command'; id: number; command: DispatchCommand }

/** What the facade says to dispatch without waiting for an answer. */
export type Credit = Extract<ToDispatch, { type: 'taken' | 'mirrored' | 'feed' }>

/** What becomes of a query of the host, by the number it gave it. */
export type QueryMail =
  | { type: 'query-heard'; query: number; answers: readonly QueryAnswer[]; acks: readonly string[] }
  | { type: 'query-ended'; query: number; silent: readonly string[]; how: QueryEnding }

/** Mail to the facade. */
export type ToHost =
  | News
  | MirrorNews
  | QueryMail
  /** The host's main thread was found stalled, or turns again, after so many milliseconds. */
  | { type: 'host'; state: 'stalled' | 'recovered'; stalledFor: number }
  | { type: 'log'; actor: ActorName; level: LogLevel; message: string }

/**
 * A delivery to the host. `buffers` hold packed facts. Members in the first `fresh` buffers are mirror changes and are
 * applied at once; `runs` then names, in order, what listeners hear: triples of buffer index, offset of the first
 * record and number of records. The facade answers with `taken`.
 */
export interface News {
  type: 'news'
  number: number
  /** Number of the last fact that the mirror holds once `fresh` buffers are applied. */
  through: number
  buffers: Uint8Array[]
  fresh: number
  runs: number[]
  /** Whether with these all events up to `through` are told; some may still wait or be kept back. */
  told: 'all' | 'some'
  /** User events dropped since the last delivery because the host was too slow. */
  lagged: number
  /** Member events that were folded away since then for the same reason. */
  folded: number
  /** What the host should know although nothing changed for it. */
  notices: Notice[]
}

/** Member records for the mirror alone: their events follow when listeners have taken what came before. Answered with `mirrored`. */
export interface MirrorNews {
  type: 'mirror'
  number: number
  through: number
  bytes: Uint8Array
}

/** Whether member events that wait for a slow host may be folded, or somebody reads without loss. */
export type Feed = 'folded' | 'whole'

export type { ActorName }

/** Our own place on the wire. */
export interface Self {
  name: string
  /** Advertised address as text, never a host name. */
  ip: string
  port: number
  /** The port our own sockets are bound to: what a missing port in old messages means. */
  bindPort: number
  /** Addresses of this host that reach our sockets besides `ip`: when bound to all, those of its interfaces. */
  boundIps?: readonly string[]
}

/** An address that a name stands for; port 0 where the name says nothing of ports, as all but SRV do. */
export interface FoundPlace {
  ip: string
  port: number
}

/** What a member knows from a life before, when it begins. Times of 0: nothing. */
export interface Restored {
  /** Last Lamport times that were seen. */
  memberTime: number
  eventTime: number
  queryTime: number
  /** Out of the tags file, in the place of those of the options. */
  tags?: Record<string, string>
  members: RememberedMember[]
  /** After a crash of the actors: what the host knows, and what we were. */
  crash?: Crash
}

/** What goes on after a crash as if there had been none. */
export interface Crash {
  /** Our incarnation before. */
  incarnation: number
  /** The members that the host knows, ourselves included; packed by `facts.ts`. */
  pictures: Uint8Array
  /** Seeds that the host joined with success. */
  seeds: string[]
}

/** A member that a snapshot remembers. */
export interface RememberedMember {
  /** A character for each byte. */
  name: string
  /** `ip:port`, IPv6 in brackets. */
  address: string
  status: 'alive' | 'failed'
}

export type DetectorCommand =
  | { type: 'stats' }
  | { type: 'metrics' }
  /** The coordinate of a member; of ourselves for our own name. */
  | { type: 'coordinate'; name: string }
  /** Estimated round trips in milliseconds between one member and others; null where one is not known. At most 1,000 names. */
  | { type: 'distances'; from: string; names: string[] }
  /** How probes of these members were answered; null for those never probed. At most 1,000 names. */
  | { type: 'paths'; names: string[] }
  /** One ping to a member at its address. */
  | { type: 'ping'; name: string; ip: string; port: number }
  /** Pings of probes that were acknowledged, `CompletedPings`: those that this reader has not had, or else the next one. */
  | { type: 'next-pings'; reader: number }
  /** This reader wants no more. */
  | { type: 'end-pings'; reader: number }

/** A probe's ping that was acknowledged in time. */
export interface CompletedPing {
  name: Uint8Array
  /** Round trip in milliseconds. */
  rtt: number
  payload: Uint8Array | null
}

export interface CompletedPings {
  pings: CompletedPing[]
  /** Older ones that were not kept for this reader. */
  missed: number
}

export interface PingReply {
  /** Round trip in milliseconds. */
  rtt: number
}

export type GossipCommand =
  /** `ticket`: what `cancel-join` calls it by. */
  | { type: 'join'; seeds: string[]; ignoreOldEvents: boolean; ticket?: number }
  /** Gives a join up: its dials are dropped and its reply says so. */
  | { type: 'cancel-join'; ticket: number }
  | { type: 'leave' }
  | { type: 'force-leave'; name: string; prune: boolean }
  | { type: 'set-tags'; tags: Record<string, string> }
  | { type: 'user-event'; name: string; payload: Uint8Array | null; coalesce: boolean }
  /** The last transitions of a member; of all where the name is empty. */
  | { type: 'history'; name: string }
  | { type: 'stats' }
  | { type: 'metrics' }

export type DispatchCommand =
  /** The members as dispatch knows them, as msgpackr records: the mirror's first filling. */
  | { type: 'members' }
  /** Starts a query; the host's number for it comes back with what becomes of it. */
  | { type: 'query'; query: number; wish: QueryWish }
  | { type: 'query-close'; query: number }
  /** The host's answer to a query, which is known by both numbers. */
  | { type: 'respond'; lamportTime: number; queryId: number; payload: Uint8Array }
  /** Reads the files, before anything is bound: the answer is a `Restored`. */
  | { type: 'restore' }
  /** Answered once the disk holds all that the snapshot heard so far, or has refused it. */
  | { type: 'sync' }
  /** Keys of this member alone, and what they are for; what is left out stays. */
  | ({ type: 'encrypt'; keys?: Uint8Array[] } & Partial<Verification>)
  /** Writes the tags file, where one is kept. */
  | { type: 'keep-tags'; tags: Record<string, string> }
  /** Those of our own keys, the primary first. */
  | { type: 'fingerprints' }
  | { type: 'stats' }
  | { type: 'metrics' }

/** What became of one seed of a join. */
export interface SeedOutcome {
  seed: string
  /** The addresses it stood for, as `ip:port` or `[ipv6]:port`. */
  addresses: string[]
  /** Whether one of them exchanged state with us. */
  reached: boolean
  /** Whether one of them is our own, which is not dialled. */
  own: boolean
  /** Why not; empty when it was reached. */
  error: string
  /** Where somebody is there who will have nothing to do with us, or we with it: the likely reason. */
  refusal?: Refusal
}

/**
 * Why a join is refused, as far as can be seen from here. `label`: the connection was closed without a word, as under another label. `key`: what
 * was said could not be read, or not by them. `version`: protocol versions do not go together. `rule`: a rule about who is let in, there or here.
 * `name`: our name is taken. `other`: the text says what is known.
 */
export type Refusal = 'label' | 'key' | 'version' | 'rule' | 'name' | 'other'

export interface Joined {
  /** How many seeds were reached. */
  reached: number
  outcomes: SeedOutcome[]
}
