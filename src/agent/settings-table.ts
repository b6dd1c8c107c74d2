/**
 * Every setting of the agent: its key in configuration files, its flag, its kind and its default (protocol page 3, section 3.2). The rows
 * under «beyond» are ours; the original refuses them as unknown keys.
 */
import type { FlagSpec } from '../cli/flags.ts'

export type SettingKind = 'text' | 'bool' | 'int' | 'duration' | 'list' | 'tags'

export interface SettingSpec {
  kind: SettingKind
  /** The flag that sets it too; empty for none. */
  flag: string
  help: string
}

const only = (kind: SettingKind, help: string): SettingSpec => ({ kind, flag: '', help })
const also = (kind: SettingKind, flag: string, help: string): SettingSpec => ({ kind, flag, help })

export const SETTINGS = {
  node_name: also('text', 'node', 'name of this node (default: the host name)'),
  bind: also('text', 'bind', 'address to listen on, with or without a port (default 0.0.0.0:7946)'),
  interface: also('text', 'iface', 'network interface to listen on'),
  advertise: also('text', 'advertise', 'address that peers are told'),
  encrypt_key: also('text', 'encrypt', 'base64 key of 16, 24 or 32 bytes'),
  keyring_file: also('text', 'keyring-file', 'file that holds the encryption keys'),
  event_handlers: also('list', 'event-handler', '[filter=]script to run on events; may be repeated'),
  start_join: also('list', 'join', 'address to join at start; may be repeated'),
  replay_on_join: also('bool', 'replay', 'deliver user events from before the join'),
  retry_join: also('list', 'retry-join', 'address to join until it works; may be repeated'),
  retry_interval: also(
    'duration',
    'retry-interval',
    'time between two attempts of -retry-join (default 30s)',
  ),
  retry_max_attempts: also(
    'int',
    'retry-max',
    'attempts of -retry-join after the first; 0 (default) for ever',
  ),
  log_level: also('text', 'log-level', 'TRACE, DEBUG, INFO (default), WARN or ERR'),
  profile: also('text', 'profile', 'lan (default), wan or local'),
  protocol: also('int', 'protocol', 'Serf protocol version, 2 to 5 (default 5)'),
  role: also('text', 'role', 'deprecated: the same as -tag role=...'),
  rpc_addr: also('text', 'rpc-addr', 'address of the RPC listener (default 127.0.0.1:7373)'),
  rpc_auth: only('text', 'token that RPC clients must show'),
  snapshot_path: also('text', 'snapshot', 'file that remembers the pool over restarts'),
  rejoin_after_leave: also('bool', 'rejoin', 'rejoin after a graceful leave too'),
  tags: also('tags', 'tag', 'tag of this node: key=value; may be repeated'),
  tags_file: also('text', 'tags-file', 'file that keeps tags set at run time'),
  discover: also('text', 'discover', 'mDNS cluster name to find peers by'),
  enable_syslog: also('bool', 'syslog', 'log to syslog as well'),
  syslog_facility: only('text', 'facility of syslog (default LOCAL0)'),
  broadcast_timeout: also('duration', 'broadcast-timeout', 'how long a broadcast may take (default 5s)'),
  enable_compression: only(
    'bool',
    'taken and without effect, as in the original: -disable-compression decides',
  ),
  disable_coordinates: only('bool', 'no network coordinates'),
  leave_on_terminate: only('bool', 'SIGTERM leaves gracefully'),
  skip_leave_on_interrupt: only('bool', 'SIGINT ends without a leave'),
  reconnect_interval: only('duration', 'between two attempts to reach failed members (default 30s)'),
  reconnect_timeout: only('duration', 'after it failed members are forgotten (default 24h)'),
  tombstone_timeout: only('duration', 'after it members that left are forgotten (default 24h)'),
  disable_name_resolution: only('bool', 'no vote when two members claim one name'),
  query_size_limit: only('int', 'bytes of a query (default 1024)'),
  query_response_size_limit: only('int', 'bytes of an answer (default 1024)'),
  user_event_size_limit: only('int', 'bytes of a user event (default 512, at most 9216)'),
  statsite_addr: only('text', 'statsite to send metrics to, by TCP'),
  statsd_addr: only('text', 'statsd to send metrics to, by UDP'),
  validate_node_names: only(
    'bool',
    'refuse names with other characters than letters, digits, dashes and dots',
  ),

  // Beyond the original
  label: also('text', 'label', 'label of the pool: packets of other pools are dropped'),
  skip_inbound_label_check: also('bool', 'skip-inbound-label-check', 'take packets without our label'),
  no_verify_incoming: also('bool', 'no-verify-incoming', 'take unencrypted packets although a key is set'),
  no_verify_outgoing: also('bool', 'no-verify-outgoing', 'send unencrypted packets although a key is set'),
  udp_buffer_size: also(
    'int',
    'udp-buffer-size',
    'bytes that a packet has at most, all coats counted in (default 1400)',
  ),
  expect: also('int', 'expect', 'members to wait for before this node counts as ready'),
  http_addr: also('text', 'http-addr', 'address for metrics, health and readiness over HTTP (default off)'),
  handler_timeout: also(
    'duration',
    'handler-timeout',
    'a handler that runs longer is killed (default 1h, 0s for never)',
  ),
  handler_concurrency: also('int', 'handler-concurrency', 'runs of one handler at a time (default 1)'),
  mdns_interface: also('text', 'mdns-iface', 'network interface for mDNS'),
  mdns_disable_ipv4: also('bool', 'mdns-disable-ipv4', 'no mDNS over IPv4'),
  mdns_disable_ipv6: also('bool', 'mdns-disable-ipv6', 'no mDNS over IPv6'),
  log_format: also('text', 'log-format', "'text' (default) or 'json'"),
} as const satisfies Record<string, SettingSpec>

export type SettingName = keyof typeof SETTINGS

export function isSetting(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name)
}

const FLAG_KINDS: Readonly<Record<SettingKind, FlagSpec['kind']>> = {
  text: 'text',
  bool: 'bool',
  int: 'int',
  // Read with the configuration, whose errors it shares.
  duration: 'text',
  list: 'texts',
  tags: 'texts',
}

/** The flags of `agent`: those of the table, the files, and the one that switches compression off. */
export function agentFlags(): Record<string, FlagSpec> {
  const flags: Record<string, FlagSpec> = {
    'config-file': {
      kind: 'texts',
      help: 'JSON file, or directory of *.json files, to read; may be repeated',
    },
    'config-dir': { kind: 'texts', help: 'the same as -config-file' },
    'disable-compression': { kind: 'bool', help: 'send uncompressed packets' },
  }
  for (const { kind, flag, help } of Object.values(SETTINGS)) {
    if (flag !== '') flags[flag] = { kind: FLAG_KINDS[kind], help }
  }
  return flags
}
