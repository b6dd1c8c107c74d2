/** The agent's configuration: from flags and files to what the library and the agent itself are started with (protocol page 3, sections 3.1 to 3.3). */
import { tagsOf } from '../cli/command.ts'
import { parseDuration } from '../cli/durations.ts'
import type { Flags } from '../cli/flags.ts'
import type { ClusterOptions } from '../options/options.ts'
import { type HandlerSpec, isValid, parseHandler } from './filters.ts'
import { ConfigError, Layer, readLayer } from './layers.ts'
import { LEVELS, type Level, levelOf } from './log-book.ts'
import { isSetting, SETTINGS, type SettingName } from './settings-table.ts'

const MS = 1_000_000n
const LEAST_INTERVAL = 1_000_000_000n
const DEFAULT_PORT = 7946
/** What the agent fixes, as the original's does: coalescing, and how long a leave may spread. */
const COALESCE = {
  coalescePeriod: 3_000,
  quiescentPeriod: 1_000,
  userCoalescePeriod: 3_000,
  userQuiescentPeriod: 1_000,
}

/** Reads files for the configuration. */
export interface ConfigFiles {
  /** Text of a file; throws with the system's reason. */
  read(path: string): string
  /** Names in a directory, or undefined when it is none. */
  list(path: string): string[] | undefined
}

export interface AgentConfig {
  cluster: ClusterOptions
  level: Level
  /** What is wrong with the level that is configured, as a line to print; empty for nothing. A reload goes on without it. */
  levelProblem: string
  handlers: HandlerSpec[]
  startJoin: readonly string[]
  retryJoin: readonly string[]
  /** Milliseconds. */
  retryInterval: number
  retryMax: number
  replay: 'replay' | 'ignore'
  rpcAddr: string
  rpcAuth: string
  leaveOnTerminate: boolean
  skipLeaveOnInterrupt: boolean
  discover: string
  mdns: { interface: string; disableIPv4: boolean; disableIPv6: boolean }
  /** The network interface to listen on; empty for none. */
  interface: string
  syslogFacility: string
  statsdAddr: string
  statsiteAddr: string
  expect: number
  httpAddr: string
  /** Milliseconds; Infinity for never. */
  handlerTimeout: number
  handlerConcurrency: number
  logFormat: 'text' | 'json'
  /** Shown in the banner as configured. */
  shown: {
    bind: string
    advertise: string
    profile: string
    encrypted: boolean
    snapshot: boolean
    compression: boolean
  }
  /** Lines for the console that are no failures. */
  notices: string[]
}

/** Flags and files to a configuration. Throws ConfigError. */
export function configure(flags: Flags, files: ConfigFiles, hostName: string): AgentConfig {
  const layer = layersOf(flags, files)
  const notices: string[] = []
  const tags = ownTags(layer, notices)
  const retryInterval = Number(atLeast(layer, 'retry_interval', 30_000n * MS, 'RetryInterval', notices) / MS)
  const level = levelOf(layer.text('log_level') || 'INFO')
  const handlers = layer.list('event_handlers').flatMap(parseHandler)
  for (const { filter, script } of handlers) {
    if (!isValid(filter))
      throw new ConfigError(`Invalid event script: Event '${filter.kind}' invoking '${script}'`)
  }
  const bind = withPort(layer.text('bind') || '0.0.0.0')
  const nodeName = layer.text('node_name') || hostName
  const compression = flags.isSet('disable-compression') ? 'off' : 'on'
  const cluster = clusterOptions(layer, { nodeName, tags, bind, compression: compression === 'on', notices })
  if (layer.isSet('rejoin_after_leave') && layer.text('snapshot_path') === '') {
    notices.push("Warning: 'RejoinAfterLeave' enabled without snapshot file")
  }
  return {
    cluster,
    level: level ?? 'INFO',
    levelProblem: level === undefined ? wrongLevel(layer.text('log_level')) : '',
    handlers,
    startJoin: layer.list('start_join'),
    retryJoin: layer.list('retry_join'),
    retryInterval,
    retryMax: layer.int('retry_max_attempts'),
    replay: layer.isSet('replay_on_join') ? 'replay' : 'ignore',
    rpcAddr: layer.text('rpc_addr') || '127.0.0.1:7373',
    rpcAuth: layer.text('rpc_auth'),
    leaveOnTerminate: layer.isSet('leave_on_terminate'),
    skipLeaveOnInterrupt: layer.isSet('skip_leave_on_interrupt'),
    discover: layer.text('discover'),
    mdns: mdnsOf(layer),
    interface: layer.text('interface'),
    syslogFacility: layer.isSet('enable_syslog') ? layer.text('syslog_facility') || 'LOCAL0' : '',
    statsdAddr: layer.text('statsd_addr'),
    statsiteAddr: layer.text('statsite_addr'),
    expect: layer.int('expect'),
    httpAddr: layer.text('http_addr'),
    handlerTimeout: handlerTimeout(layer, flags),
    handlerConcurrency: Math.max(1, layer.int('handler_concurrency')),
    logFormat: logFormat(layer),
    shown: {
      bind,
      advertise: layer.text('advertise') === '' ? '' : withPort(layer.text('advertise')),
      profile: layer.text('profile') || 'lan',
      encrypted: layer.text('encrypt_key') !== '' || layer.text('keyring_file') !== '',
      snapshot: layer.text('snapshot_path') !== '',
      compression: compression === 'on',
    },
    notices,
  }
}

function wrongLevel(given: string): string {
  return `Invalid log level: ${given.toUpperCase()}. Valid log levels are: [${LEVELS.join(' ')}]`
}

function layersOf(flags: Flags, files: ConfigFiles): Layer {
  const paths = [...flags.texts('config-file'), ...flags.texts('config-dir')]
  const layers = paths.flatMap((path) => layersAt(path, files))
  return [...layers, flagLayer(flags)].reduce((under, later) => under.under(later), new Layer())
}

function layersAt(path: string, files: ConfigFiles): Layer[] {
  const names = files.list(path)
  const paths =
    names === undefined
      ? [path]
      : names
          .filter((name) => name.endsWith('.json'))
          .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
          .map((name) => `${path}/${name}`)
  return paths.map((file) => {
    let text: string
    try {
      text = files.read(file)
    } catch (error) {
      throw new ConfigError(
        `Error reading '${file}': ${error instanceof Error ? error.message : String(error)}`,
      )
    }
    return readLayer(file, text)
  })
}

function flagLayer(flags: Flags): Layer {
  const layer = new Layer()
  for (const [key, { kind, flag }] of Object.entries(SETTINGS)) {
    if (flag === '' || !flags.has(flag) || !isSetting(key)) continue
    const name: SettingName = key
    if (kind === 'text') layer.set(name, flags.text(flag))
    else if (kind === 'bool') layer.set(name, flags.isSet(flag))
    else if (kind === 'int') layer.set(name, flags.int(flag, 0))
    else if (kind === 'duration') layer.set(name, durationFrom(flags.text(flag)))
    else if (kind === 'list') layer.set(name, flags.texts(flag))
    else layer.set(name, tagsOf(flags.texts(flag)))
  }
  return layer
}

/** The agent's durations are texts to the flag parser, so that their errors are those of configuration. */
function durationFrom(text: string): bigint {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new ConfigError(`Error: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function ownTags(layer: Layer, notices: string[]): Record<string, string> {
  const tags: Record<string, string> = { ...layer.tags('tags') }
  if (layer.text('role') !== '') {
    notices.push("Deprecation warning: 'Role' has been replaced with 'Tags'")
    tags.role = layer.text('role')
  }
  return tags
}

function atLeast(
  layer: Layer,
  name: SettingName,
  fallback: bigint,
  shown: string,
  notices: string[],
): bigint {
  const given = layer.duration(name) || fallback
  if (given >= LEAST_INTERVAL) return given
  notices.push(`Warning: '${shown}' is too low. Setting to 1s`)
  return LEAST_INTERVAL
}

interface Parts {
  nodeName: string
  tags: Record<string, string>
  bind: string
  compression: boolean
  notices: string[]
}

const PROFILES = ['lan', 'wan', 'local'] as const

function clusterOptions(layer: Layer, { nodeName, tags, bind, compression, notices }: Parts): ClusterOptions {
  const named = layer.text('profile') || 'lan'
  const profile = PROFILES.find((known) => known === named)
  if (profile === undefined) throw new ConfigError(`Unknown profile: ${named}`)
  const options: ClusterOptions = {
    nodeName,
    tags,
    bind,
    profile,
    compression,
    // Taken modulo 256, as the original's byte is.
    protocolVersion: layer.int('protocol') > 0 ? layer.int('protocol') % 256 : 5,
    broadcastTimeout: Number(
      atLeast(layer, 'broadcast_timeout', 5_000n * MS, 'BroadcastTimeout', notices) / MS,
    ),
    ...COALESCE,
  }
  const texts: [SettingName, (text: string) => void][] = [
    ['advertise', (text) => Object.assign(options, { advertise: withPort(text) })],
    ['encrypt_key', (text) => Object.assign(options, { encryptionKeys: [text] })],
    ['keyring_file', (text) => Object.assign(options, { keyringFile: text })],
    ['snapshot_path', (text) => Object.assign(options, { snapshotPath: text })],
    ['tags_file', (text) => Object.assign(options, { tagsFile: text })],
    ['label', (text) => Object.assign(options, { label: text })],
  ]
  for (const [name, take] of texts) if (layer.text(name) !== '') take(layer.text(name))
  const flags: [SettingName, object][] = [
    ['rejoin_after_leave', { rejoinAfterLeave: true }],
    ['disable_coordinates', { coordinates: false }],
    ['disable_name_resolution', { nameConflictResolution: false }],
    ['validate_node_names', { validateNodeNames: true }],
    ['skip_inbound_label_check', { skipInboundLabelCheck: true }],
    ['no_verify_incoming', { verifyIncoming: false }],
    ['no_verify_outgoing', { verifyOutgoing: false }],
  ]
  for (const [name, change] of flags) if (layer.isSet(name)) Object.assign(options, change)
  const numbers: [SettingName, string][] = [
    ['query_size_limit', 'querySizeLimit'],
    ['query_response_size_limit', 'queryResponseSizeLimit'],
    ['user_event_size_limit', 'userEventSizeLimit'],
    ['udp_buffer_size', 'udpBufferSize'],
  ]
  for (const [name, option] of numbers)
    if (layer.int(name) > 0) Object.assign(options, { [option]: layer.int(name) })
  const times: [SettingName, string][] = [
    ['reconnect_interval', 'reconnectInterval'],
    ['reconnect_timeout', 'reconnectTimeout'],
    ['tombstone_timeout', 'tombstoneTimeout'],
  ]
  for (const [name, option] of times) {
    if (layer.duration(name) > 0n) Object.assign(options, { [option]: Number(layer.duration(name) / MS) })
  }
  return options
}

function mdnsOf(layer: Layer): AgentConfig['mdns'] {
  const isOff = layer.text('discover') === ''
  if (isOff && layer.text('mdns_interface') !== '')
    throw new ConfigError('mDNS interface specified without enabling mDNS discovery')
  const disableIPv4 = layer.isSet('mdns_disable_ipv4')
  const disableIPv6 = layer.isSet('mdns_disable_ipv6')
  if (!isOff && disableIPv4 && disableIPv6)
    throw new ConfigError('mDNS discovery without IPv4 and without IPv6')
  return { interface: layer.text('mdns_interface') || layer.text('interface'), disableIPv4, disableIPv6 }
}

function handlerTimeout(layer: Layer, flags: Flags): number {
  if (flags.has('handler-timeout') && layer.duration('handler_timeout') === 0n)
    return Number.POSITIVE_INFINITY
  return Number((layer.duration('handler_timeout') || 3_600_000n * MS) / MS)
}

function logFormat(layer: Layer): 'text' | 'json' {
  const format = layer.text('log_format') || 'text'
  if (format === 'text' || format === 'json') return format
  throw new ConfigError(`Unknown log format: ${format}`)
}

/** An address with the port that Serf uses where none is given; IPv6 with a port needs brackets. */
export function withPort(address: string): string {
  if (/^\[.*\]$/.test(address)) return `${address}:${DEFAULT_PORT}`
  const colons = address.split(':').length - 1
  if (colons === 0) return `${address}:${DEFAULT_PORT}`
  return colons > 1 && !address.startsWith('[') ? `[${address}]:${DEFAULT_PORT}` : address
}
