/**
 * Options: what a host may say, what each number is for and how far it may go, the profiles, and how options become the settings
 * that the actors are told. Pure: the host name is passed in.
 */

import { InvalidArgument, InvalidOption } from '../errors/errors.ts'
import { type ReapRule, settleReapRules } from '../gossip/reap-rules.ts'
import { encodeTags, META_LIMIT } from '../wire/tags.ts'
import { type AdmissionOptions, type AdmissionSettings, settleAdmission } from './admission.ts'
import { type CoatSettings, fitPackets, settleKeys, settleLabel } from './coats.ts'
import { distance } from './distance.ts'
import { FILE_OPTIONS, type FileOptions, type FileSettings, settleFiles } from './files.ts'
import { BOUNDS, IN_ORDER, LAN, type Numbers, PROFILES, type Profile, TOGETHER } from './numbers.ts'
import { ADVERTISES, BINDS, ownPlace, settleServers } from './places.ts'
import { type RejoinOptions, type RejoinSettings, settleRejoin } from './rejoin.ts'
import { settleTcpPings, TCP_PING_OPTIONS, type TcpPingOptions, type TcpPingSettings } from './tcp-pings.ts'
import {
  ownTransport,
  settleTransport,
  TRANSPORT_OPTIONS,
  type TransportOptions,
  type TransportSettings,
} from './transport.ts'
import { settleWorkers, type ThreadFileSettings, type ThreadFiles } from './workers.ts'

export type { Numbers, Profile } from './numbers.ts'

/** Where the three actors run. Isolation from a busy host is promised for `per-actor` alone. */
export type Threads = 'per-actor' | 'one' | 'none'

/**
 * What follows when the main thread stands still: `report` says so to the host itself when it is back; `tag` shows peers the tag `host-stalled`; `fail`
 * stops all signs of life, so that peers see a failure; `leave` leaves the pool, for good. All but `leave` end when the main thread is back.
 */
export type HostStallAction = 'report' | 'tag' | 'fail' | 'leave'

/** A logger in pino's shape. */
export interface Logger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** What the actors are told: every number decided, nothing optional. Survives structured clone. Durations in milliseconds. */
export interface Settings
  extends Numbers,
    CoatSettings,
    AdmissionSettings,
    FileSettings,
    TransportSettings,
    TcpPingSettings {
  nodeName: string
  /** IP to bind, or the name of an interface or a host; the actors are told an IP. */
  bindIp: string
  /** 0: the system picks. */
  bindPort: number
  /** IP to advertise, or the name of an interface or a host, or `auto`; empty or no IP: decided when the sockets are bound. */
  advertiseIp: string
  /** 0: the bound port. */
  advertisePort: number
  tags: Record<string, string>
  reapRules: readonly ReapRule[]
  /** Name servers to ask instead of the system's resolver, as `ip` or `ip:port`; usually none. */
  dnsServers: string[]
  rejoin: RejoinSettings
  nameConflictResolution: boolean
  threads: Threads
  workers: ThreadFileSettings
  /** Whether a suspect is told so in its ping. */
  buddy: boolean
  /** When a helper says nack: the part of `probeTimeout` that it waits. */
  nackAt: number
  coordinates: boolean
  hostStall: { after: number; action: HostStallAction }
  /** Added to every value of `metrics()`. */
  metricLabels: Record<string, string>
}

/** What a host may say. Everything has a default; durations in milliseconds. */
export interface ClusterOptions
  extends Partial<Numbers>,
    AdmissionOptions,
    FileOptions,
    TransportOptions,
    TcpPingOptions {
  /** Name of this member, unique in the pool: 1 to 128 bytes. Default: the host name. */
  nodeName?: string
  /**
   * An IP, an interface or a host name of this host, each with or without a port, for UDP and TCP: `10.0.0.1:7946`, `[fd00::1]:7946`, `eth0`.
   * Default `0.0.0.0:7946`. Port 0: the system picks.
   */
  bind?: string
  /**
   * What peers are told: an IP, an interface, a host name (resolved at every start, and again while we are alone), or `auto`, each with or without a port. Default: the bound
   * address; when bound to all, that of the default route. The choice and its reason are logged.
   */
  advertise?: string
  /** Tags that peers see, at most 512 bytes when encoded. Default none. */
  tags?: Record<string, string>
  /** Timings. Default `lan`. */
  profile?: Profile
  /**
   * How long members are remembered after they failed or left, by their tags: the first rule that matches counts, in place of
   * `reconnectTimeout` and `tombstoneTimeout`. Default none.
   */
  reapRules?: readonly ReapRule[]
  /** Whether what we send is compressed; what comes compressed is always read. Default true. */
  compression?: boolean
  /**
   * Keys of 16, 24 or 32 bytes (AES-GCM 128, 192, 256), as bytes or in base64 as `serf keygen` prints them. The first one encrypts what we
   * send, all of them are tried on what comes. Default none: nothing is encrypted, and whoever reaches our ports can speak for any member.
   */
  encryptionKeys?: readonly (string | Uint8Array)[]
  /**
   * Whether what comes must be encrypted when there are keys. Default true. Together with `verifyOutgoing` it switches a live pool to
   * encryption and back, one member after the other: keys with both off; then outgoing on; then incoming on.
   */
  verifyIncoming?: boolean
  /** Whether what we send is encrypted when there are keys. Default true. */
  verifyOutgoing?: boolean
  /** Name of the pool on packets and streams, at most 255 bytes: members under different labels never meet. Default none, as Serf. */
  label?: string
  /** For a proxy in front of us that takes labels off: what comes without one is taken as ours, what has one is refused. Default false. */
  skipInboundLabelCheck?: boolean
  /** Name servers to ask for the names of seeds, as `ip` or `ip:port`. Default none: the system's resolver. */
  dnsServers?: string[]
  /** Whether a suspect is told in its ping that it is one, so that it can refute at once. Default true; false is for measurements. */
  buddy?: boolean
  /**
   * After which part of `probeTimeout`, above 0 to 1, we tell an asker that a member does not answer us. Default 1, as the original;
   * with LAN timings that nack comes as the asker gives up, 0.8 lets it come in time.
   */
  nackAt?: number
  /** Whether acks carry network coordinates, from which round trips are estimated. Default true. */
  coordinates?: boolean
  /**
   * Whether seeds are kept, by name, and tried again while we are alone or they are lost: those given here, and those of every `join()`
   * that reached somebody. Default true.
   */
  rejoin?: boolean | RejoinOptions
  /**
   * Whether all are asked when another member has our name, and this member stops when most see the name elsewhere. Default true; otherwise
   * both stay and `name-conflict` tells of it.
   */
  nameConflictResolution?: boolean
  /** Where the actors run. Default `per-actor`. */
  threads?: Threads
  /** Where the files of the threads lie, for bundlers that put them elsewhere than beside the bundle. Default: beside our own files. */
  workers?: ThreadFiles
  /**
   * What follows when the main thread has not turned for `after` milliseconds (100 to an hour, 0: nothing is watched). Our threads answer for a hung
   * program as if it were well; this is how that does not stay hidden. Default `{ after: 5000, action: 'report' }`; with `threads: 'none'` only `report`.
   */
  hostStall?: { after?: number; action?: HostStallAction }
  /** Labels on every value of `metrics()`, such as the name of the pool. Default none. */
  metricLabels?: Record<string, string>
  /** Where warnings go. Default nowhere. */
  logger?: Logger
}

const OTHERS = [
  'nodeName',
  'bind',
  'advertise',
  'tags',
  'reapRules',
  'cidrsAllowed',
  'validateNodeNames',
  'requireNodeNames',
  'admit',
  'profile',
  'compression',
  'encryptionKeys',
  'verifyIncoming',
  'verifyOutgoing',
  'label',
  'skipInboundLabelCheck',
  'dnsServers',
  'rejoin',
  'nameConflictResolution',
  'threads',
  'workers',
  'buddy',
  'hostStall',
  'nackAt',
  'coordinates',
  'metricLabels',
  'logger',
]
const DEFAULT_PORT = 7946
const LONGEST_NAME = 128

/**
 * Checks options and decides everything they leave open. `hostName` is the default name of the member. Throws InvalidOption, which
 * names the option, its value and what would be right, or InvalidArgument where there are no options to name.
 */
export function settle(options: ClusterOptions, hostName: string): Settings {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgument('create: the options must be an object')
  }
  refuseUnknown(options)
  refuseLogger(options.logger)
  const profile = oneOf('profile', options.profile ?? 'lan', ['lan', 'wan', 'local'])
  const numbers = settleNumbers(options, PROFILES[profile])
  const bind = ownPlace('bind', options.bind ?? ownTransport(options)?.address ?? '0.0.0.0', BINDS)
  const advertise =
    options.advertise === undefined ? { ip: '' } : ownPlace('advertise', options.advertise, ADVERTISES)
  const nodeName = settleName(options.nodeName ?? hostName)
  const tags = fitTags(settleTags(options.tags ?? {}), numbers.protocolVersion)
  const coats = settleCoats(options)
  const { length } = encodeTags(tags, numbers.protocolVersion)
  fitPackets({ udpBufferSize: numbers.udpBufferSize, label: coats.label, nodeName }, length)
  return {
    ...numbers,
    ...coats,
    ...settleAdmission(options, nodeName),
    ...settleFiles(options),
    ...settleTransport(options),
    ...settleTcpPings(options),
    nodeName,
    bindIp: bind.ip,
    bindPort: bind.port ?? DEFAULT_PORT,
    advertiseIp: advertise.ip,
    advertisePort: advertise.port ?? 0,
    tags,
    dnsServers: settleServers(options.dnsServers ?? []),
    reapRules: settleReapRules(options.reapRules ?? []),
    nameConflictResolution: flag('nameConflictResolution', options.nameConflictResolution ?? true),
    rejoin: settleRejoin(options.rejoin ?? true),
    threads: oneOf('threads', options.threads ?? 'per-actor', ['per-actor', 'one', 'none']),
    workers: settleWorkers(options.workers ?? {}),
    buddy: flag('buddy', options.buddy ?? true),
    nackAt: part('nackAt', options.nackAt ?? 1),
    coordinates: flag('coordinates', options.coordinates ?? true),
    hostStall: settleHostStall(options),
    metricLabels: texts('metricLabels', options.metricLabels ?? {}),
  }
}

function settleCoats(options: ClusterOptions): CoatSettings {
  return {
    compression: flag('compression', options.compression ?? true),
    encryptionKeys: settleKeys('encryptionKeys', options.encryptionKeys ?? []),
    verifyIncoming: flag('verifyIncoming', options.verifyIncoming ?? true),
    verifyOutgoing: flag('verifyOutgoing', options.verifyOutgoing ?? true),
    label: settleLabel(options.label ?? ''),
    skipInboundLabelCheck: flag('skipInboundLabelCheck', options.skipInboundLabelCheck ?? false),
  }
}

function refuseUnknown(options: ClusterOptions): void {
  const known = [...OTHERS, ...FILE_OPTIONS, ...TRANSPORT_OPTIONS, ...TCP_PING_OPTIONS, ...Object.keys(LAN)]
  for (const [name, value] of Object.entries(options)) {
    if (known.includes(name)) continue
    const nearest = known.toSorted((a, b) => distance(name, a) - distance(name, b))[0]
    // A key under a misspelt name is a key all the same.
    const shown = /key|secret|encrypt/i.test(name + nearest) ? '(not shown)' : value
    throw new InvalidOption(name, shown, `left out: there is no such option (did you mean ${nearest}?)`)
  }
}

function settleNumbers(options: ClusterOptions, profile: Numbers): Numbers {
  const numbers = { ...profile }
  for (const name of numberNames()) {
    const value = options[name]
    if (value === undefined) continue
    const [least, most] = BOUNDS[name]
    const isFit = Number.isInteger(value) && value >= least && value <= most
    if (!isFit) throw new InvalidOption(name, value, `a whole number from ${least} to ${most}`)
    numbers[name] = value
  }
  for (const [smaller, larger, reason] of IN_ORDER) {
    if (numbers[smaller] < numbers[larger]) continue
    const bound = `below ${larger}, which is ${numbers[larger]}: ${reason}`
    throw new InvalidOption(smaller, numbers[smaller], bound)
  }
  for (const [one, other] of TOGETHER) {
    if (numbers[one] > 0 === numbers[other] > 0) continue
    const [off, on] = numbers[one] > 0 ? [other, one] : [one, other]
    throw new InvalidOption(off, numbers[off], `above 0 like ${on}: with one of the two nothing is held back`)
  }
  return numbers
}

/** The keys of BOUNDS, with their type. */
function numberNames(): (keyof Numbers)[] {
  const isNumber = (name: string): name is keyof Numbers => name in BOUNDS
  return Object.keys(BOUNDS).filter(isNumber)
}

function settleName(name: unknown): string {
  const bytes = typeof name === 'string' ? new TextEncoder().encode(name).length : 0
  if (typeof name === 'string' && bytes >= 1 && bytes <= LONGEST_NAME) return name
  throw new InvalidOption('nodeName', name, `a text of 1 to ${LONGEST_NAME} bytes`)
}

/** Checks tags given as an option or in a call. */
export function settleTags(tags: unknown): Record<string, string> {
  return texts('tags', tags)
}

function texts(option: string, value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidOption(option, value, 'an object of texts')
  }
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw new InvalidOption(`${option}.${name}`, text, 'a text')
  }
  return { ...value }
}

/** Tags that are too long would make a member that no peer can be told of. */
function fitTags(tags: Record<string, string>, protocolVersion: number): Record<string, string> {
  const { length } = encodeTags(tags, protocolVersion)
  if (length <= META_LIMIT) return tags
  throw new InvalidOption('tags', tags, `at most ${META_LIMIT} bytes when encoded, not ${length}`)
}

const LOGGER_CALLS = ['debug', 'info', 'warn', 'error'] as const

/** A logger that cannot log would be found out by the first warning, on a bad day. */
function refuseLogger(logger: unknown): void {
  if (logger === undefined) return
  const bound = `an object with the functions ${LOGGER_CALLS.join(', ')}`
  if (typeof logger !== 'object' || logger === null) throw new InvalidOption('logger', logger, bound)
  for (const call of LOGGER_CALLS) {
    if (typeof Reflect.get(logger, call) !== 'function') throw new InvalidOption('logger', logger, bound)
  }
}

function flag(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new InvalidOption(option, value, 'true or false')
}

/** A part of something: above 0, at most all. */
function part(option: string, value: unknown): number {
  if (typeof value === 'number' && value > 0 && value <= 1) return value
  throw new InvalidOption(option, value, 'a number above 0 and at most 1')
}

const SHORTEST_STALL = 100
const LONGEST_STALL = 3_600_000

function settleHostStall({ hostStall = {}, threads }: ClusterOptions): Settings['hostStall'] {
  if (typeof hostStall !== 'object' || hostStall === null) {
    throw new InvalidOption('hostStall', hostStall, 'an object with after and action')
  }
  const { after = 5_000, action: given = 'report' } = hostStall
  const isFit = after === 0 || (after >= SHORTEST_STALL && after <= LONGEST_STALL)
  if (!(Number.isInteger(after) && isFit)) {
    const bound = `0, or a whole number from ${SHORTEST_STALL} to ${LONGEST_STALL}`
    throw new InvalidOption('hostStall.after', after, bound)
  }
  const action = oneOf('hostStall.action', given, ['report', 'tag', 'fail', 'leave'])
  if (threads === 'none' && action !== 'report') {
    throw new InvalidOption(
      'hostStall.action',
      action,
      'report, as threads is none: nothing else runs while the main thread is stalled',
    )
  }
  return { after, action }
}

function oneOf<Choice extends string>(option: string, value: unknown, choices: readonly Choice[]): Choice {
  const choice = choices.find((candidate) => candidate === value)
  if (choice !== undefined) return choice
  throw new InvalidOption(option, value, `one of ${choices.join(', ')}`)
}
