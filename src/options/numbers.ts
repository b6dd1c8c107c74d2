/**
 * The numbers among the options: what each is for, Serf's profiles, how far each may go, and which must be below which. `options.ts` says how
 * they are settled.
 */

/** Sets of timings for a local network, a wide one, and one machine; the numbers are Serf's. */
export type Profile = 'lan' | 'wan' | 'local'

/** The numbers among the settings, with their meaning. Durations in milliseconds. */
export interface Numbers {
  /** Serf protocol that we speak, 2 to 5. Default 5, as the agent. */
  protocolVersion: number
  /** Time between two probes. Shorter finds failures sooner and costs as much more traffic. */
  probeInterval: number
  /** How long a direct ack may take before others are asked to ping too; below `probeInterval`, or there is no time left to ask. */
  probeTimeout: number
  /** Members asked to ping one that does not answer. */
  indirectChecks: number
  /** How far a member in poor health stretches its probes: up to this many intervals. 1 switches that off. */
  awarenessMaxMultiplier: number
  /** Length of a suspicion in probe intervals, times the logarithm of the pool. Higher forgives longer pauses. */
  suspicionMult: number
  /** How many times longer a suspicion lasts while nobody confirms it. 1 switches that off. */
  suspicionMaxTimeoutMult: number
  /** How often a broadcast is sent, times the logarithm of the pool. */
  retransmitMult: number
  /** Time between two gossip ticks. */
  gossipInterval: number
  /** Members that get a packet at each tick. */
  gossipNodes: number
  /** How long the dead are still told what goes on, so that they can refute. */
  gossipToTheDeadTime: number
  /** Time between two push/pulls in a small pool; 0 switches them off. */
  pushPullInterval: number
  /** Time for a whole TCP exchange. */
  tcpTimeout: number
  /** Largest packet sent, all coats counted in. Above the MTU packets are cut to pieces on the way. */
  udpBufferSize: number
  /**
   * Messages that may wait between detector and gossip, of each of two kinds; beyond it they are dropped and counted. Go has 1,024
   * and drains them one by one; here they are gathered for 5 ms or more, and a burst of 200,000 a second for so long must fit.
   */
  handoffQueueDepth: number
  /**
   * Bytes of datagrams that the system keeps for us while a turn runs, and of those that it keeps until they are sent; it may give less (on Linux
   * `net.core.rmem_max` and `wmem_max`). What does not fit is lost: the metric `folkmoot.udp.kernel-drops` counts it where the system tells.
   */
  udpReceiveBuffer: number
  udpSendBuffer: number
  /**
   * After how long a dead member's name may be taken at another address, whatever its owner says; before that, and while it is not known to be
   * dead, its owner is asked, and the name is free if it does not answer. 0: never (it must leave), as in the original.
   */
  deadNodeReclaimTime: number
  /** How long news of our own (tags, leave) may take until it has been sent as often as it will be. */
  broadcastTimeout: number
  /** How long we stay after a leave, so that peers can still probe us while the news spreads. */
  leavePropagateDelay: number
  /** Bytes of a user event, name and payload, and again when encoded. */
  userEventSizeLimit: number
  /** Lamport times of user events that are remembered. */
  eventBuffer: number
  /** How long a query waits for answers, in gossip intervals, times the logarithm of the pool. */
  queryTimeoutMult: number
  /** Bytes of a query of ours when encoded. */
  querySizeLimit: number
  /** Bytes of an answer of ours when encoded, and again when wrapped for a relay. */
  queryResponseSizeLimit: number
  /** Lamport times of queries that are remembered. */
  queryBuffer: number
  /** Above 0 it stands in for `maxQueueDepth`. */
  minQueueDepth: number
  /** Broadcasts of one kind that may wait; twice the pool is always allowed. Beyond it the most sent are dropped and counted. */
  maxQueueDepth: number
  /** Broadcasts of one kind that wait before it is warned of, once a minute at most. */
  queueDepthWarning: number
  /** Share of each packet, in percent, that user events and queries have even while members come and go. */
  userMessageShare: number
  /** Names in the table of members, in any status: one more is dropped and counted. The default is what a push/pull can carry. */
  maxMembers: number
  /** How long an intent about a member we do not know is kept. */
  recentIntentTimeout: number
  /** How often members are looked for that are gone for so long that they can be forgotten. */
  reapInterval: number
  /** How long a failed member is remembered, and tried to be reached again. */
  reconnectTimeout: number
  /** How long a member that left is remembered. */
  tombstoneTimeout: number
  /** How often a failed member may be tried to be reached again; 0: never. */
  reconnectInterval: number
  /** A member that is back so soon after it failed counts as flapping. */
  flapTimeout: number
  /** Longest that member events are held back to be told together; 0, as the one below: they are told one by one. */
  coalescePeriod: number
  /** Held member events are told when no other came for so long. */
  quiescentPeriod: number
  /** As `coalescePeriod` for user events that may be merged: of each name the newest are told. */
  userCoalescePeriod: number
  /** As `quiescentPeriod` for user events. */
  userQuiescentPeriod: number
}

const MEBIBYTE = 2 ** 20
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** memberlist's LAN numbers and Serf's own (protocol page 1, section 9; page 2, section 6.2). */
export const LAN: Numbers = {
  protocolVersion: 5,
  probeInterval: SECOND,
  probeTimeout: 500,
  indirectChecks: 3,
  awarenessMaxMultiplier: 8,
  suspicionMult: 4,
  suspicionMaxTimeoutMult: 6,
  retransmitMult: 4,
  gossipInterval: 200,
  gossipNodes: 3,
  gossipToTheDeadTime: 30 * SECOND,
  pushPullInterval: 30 * SECOND,
  tcpTimeout: 10 * SECOND,
  udpBufferSize: 1_400,
  handoffQueueDepth: 16_384,
  udpReceiveBuffer: 4 * MEBIBYTE,
  udpSendBuffer: 2 * MEBIBYTE,
  deadNodeReclaimTime: 30 * SECOND,
  broadcastTimeout: 5 * SECOND,
  leavePropagateDelay: SECOND,
  userEventSizeLimit: 512,
  eventBuffer: 512,
  queryTimeoutMult: 16,
  querySizeLimit: 1_024,
  queryResponseSizeLimit: 1_024,
  queryBuffer: 512,
  minQueueDepth: 0,
  maxQueueDepth: 4_096,
  queueDepthWarning: 128,
  userMessageShare: 20,
  maxMembers: 1_048_576,
  recentIntentTimeout: 5 * MINUTE,
  reapInterval: 15 * SECOND,
  reconnectTimeout: DAY,
  tombstoneTimeout: DAY,
  reconnectInterval: 30 * SECOND,
  flapTimeout: MINUTE,
  coalescePeriod: 0,
  quiescentPeriod: 0,
  userCoalescePeriod: 0,
  userQuiescentPeriod: 0,
}

export const PROFILES: Record<Profile, Numbers> = {
  lan: LAN,
  wan: {
    ...LAN,
    tcpTimeout: 30 * SECOND,
    suspicionMult: 6,
    pushPullInterval: MINUTE,
    probeTimeout: 3 * SECOND,
    probeInterval: 5 * SECOND,
    gossipNodes: 4,
    gossipInterval: 500,
    gossipToTheDeadTime: MINUTE,
  },
  local: {
    ...LAN,
    tcpTimeout: SECOND,
    indirectChecks: 1,
    retransmitMult: 2,
    suspicionMult: 3,
    pushPullInterval: 15 * SECOND,
    probeTimeout: 200,
    gossipInterval: 100,
    gossipToTheDeadTime: 15 * SECOND,
  },
}

/** Least and most of each number. */
export const BOUNDS: Record<keyof Numbers, readonly [least: number, most: number]> = {
  protocolVersion: [2, 5],
  probeInterval: [10, HOUR],
  probeTimeout: [1, HOUR],
  indirectChecks: [0, 32],
  awarenessMaxMultiplier: [1, 64],
  suspicionMult: [1, 1_000],
  suspicionMaxTimeoutMult: [1, 1_000],
  retransmitMult: [1, 100],
  gossipInterval: [1, HOUR],
  gossipNodes: [1, 64],
  gossipToTheDeadTime: [0, DAY],
  pushPullInterval: [0, DAY],
  tcpTimeout: [10, HOUR],
  udpBufferSize: [576, 65_507],
  handoffQueueDepth: [16, 1_048_576],
  udpReceiveBuffer: [65_536, 1024 * MEBIBYTE],
  udpSendBuffer: [65_536, 1024 * MEBIBYTE],
  deadNodeReclaimTime: [0, DAY],
  broadcastTimeout: [1, HOUR],
  leavePropagateDelay: [0, HOUR],
  userEventSizeLimit: [1, 9_216],
  eventBuffer: [1, 65_536],
  queryTimeoutMult: [1, 1_000],
  querySizeLimit: [1, 65_507],
  queryResponseSizeLimit: [1, 65_507],
  queryBuffer: [1, 65_536],
  minQueueDepth: [0, 1_048_576],
  maxQueueDepth: [1, 1_048_576],
  queueDepthWarning: [1, 1_048_576],
  userMessageShare: [0, 80],
  maxMembers: [2, 1_048_576],
  recentIntentTimeout: [SECOND, DAY],
  reapInterval: [10, DAY],
  reconnectTimeout: [0, 365 * DAY],
  tombstoneTimeout: [0, 365 * DAY],
  reconnectInterval: [0, DAY],
  flapTimeout: [0, DAY],
  coalescePeriod: [0, HOUR],
  quiescentPeriod: [0, HOUR],
  userCoalescePeriod: [0, HOUR],
  userQuiescentPeriod: [0, HOUR],
}

/** Pairs of which the first must be below the second, or a mechanism silently never works. */
export const IN_ORDER: readonly (readonly [keyof Numbers, keyof Numbers, string])[] = [
  ['probeTimeout', 'probeInterval', 'no time would be left to ask others'],
  ['gossipInterval', 'broadcastTimeout', 'no news of ours would be out in time'],
]

/** Pairs of which both must be above 0 or none: with one alone nothing would be held back. */
export const TOGETHER: readonly (readonly [keyof Numbers, keyof Numbers])[] = [
  ['coalescePeriod', 'quiescentPeriod'],
  ['userCoalescePeriod', 'userQuiescentPeriod'],
]
