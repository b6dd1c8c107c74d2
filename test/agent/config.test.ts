/** Configuration of the agent: files, flags, how they are merged, and what is refused (protocol page 3, sections 3.1 to 3.3, and 6). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ConfigFiles, configure, withPort } from '../../src/agent/config.ts'
import { ConfigError, readLayer } from '../../src/agent/layers.ts'
import { agentFlags } from '../../src/agent/settings-table.ts'
import { parseFlags } from '../../src/cli/flags.ts'

function filesOf(tree: Record<string, string>): ConfigFiles {
  return {
    read: (path) => {
      if (!Object.hasOwn(tree, path)) throw new Error(`open ${path}: no such file or directory`)
      return tree[path]
    },
    list: (path) => {
      const names = Object.keys(tree).filter((file) => file.startsWith(`${path}/`))
      return names.length === 0 ? undefined : names.map((file) => file.slice(path.length + 1))
    },
  }
}

function config(args: string[], tree: Record<string, string> = {}) {
  return configure(parseFlags(agentFlags(), args), filesOf(tree), 'host-1')
}

test('the defaults are those of the original', () => {
  const { cluster, rpcAddr, level, retryInterval, leaveOnTerminate, shown } = config([])
  assert.equal(cluster.nodeName, 'host-1')
  assert.equal(cluster.protocolVersion, 5)
  assert.equal(cluster.profile, 'lan')
  assert.equal(cluster.compression, true)
  assert.deepEqual([cluster.coalescePeriod, cluster.quiescentPeriod], [3_000, 1_000])
  assert.deepEqual(
    [rpcAddr, level, retryInterval, leaveOnTerminate],
    ['127.0.0.1:7373', 'INFO', 30_000, false],
  )
  assert.equal(shown.bind, '0.0.0.0:7946')
})

test('TestConfigBindAddrParts: a bind address gets port 7946, or keeps its own', () => {
  assert.equal(withPort('0.0.0.0'), '0.0.0.0:7946')
  assert.equal(withPort('0.0.0.0:1234'), '0.0.0.0:1234')
  assert.equal(withPort('[::1]'), '[::1]:7946')
  assert.equal(withPort('::1'), '[::1]:7946')
  assert.equal(withPort('[::1]:1'), '[::1]:1')
})

test('TestDecodeConfig: every key decodes into its place', () => {
  const file = JSON.stringify({
    node_name: 'foo',
    bind: '127.0.0.2',
    replay_on_join: true,
    leave_on_terminate: true,
    skip_leave_on_interrupt: true,
    tags: { foo: 'bar', test: 'qux' },
    discover: 'foobar',
    reconnect_interval: '15s',
    reconnect_timeout: '48h',
    tombstone_timeout: '36h',
    rpc_auth: 'foobar',
    disable_name_resolution: true,
    enable_syslog: true,
    syslog_facility: 'LOCAL4',
    retry_max_attempts: 5,
    retry_interval: '60s',
    broadcast_timeout: '10s',
    retry_join: ['127.0.0.1'],
    rejoin_after_leave: true,
    snapshot_path: '/tmp/s',
    statsite_addr: '127.0.0.1:8123',
    statsd_addr: '127.0.0.1:8125',
    query_response_size_limit: 123,
    query_size_limit: 456,
    udp_buffer_size: 8_192,
  })
  const found = config(['-config-file=/a.json'], { '/a.json': file })
  const { cluster } = found
  assert.equal(cluster.nodeName, 'foo')
  assert.equal(cluster.bind, '127.0.0.2:7946')
  assert.deepEqual({ ...cluster.tags }, { foo: 'bar', test: 'qux' })
  assert.deepEqual(
    [cluster.reconnectInterval, cluster.reconnectTimeout, cluster.tombstoneTimeout],
    [15_000, 172_800_000, 129_600_000],
  )
  assert.deepEqual(
    [cluster.querySizeLimit, cluster.queryResponseSizeLimit, cluster.broadcastTimeout, cluster.udpBufferSize],
    [456, 123, 10_000, 8_192],
  )
  const told = ['nameConflictResolution', 'rejoinAfterLeave', 'protocolVersion'].map((name) =>
    Reflect.get(cluster, name),
  )
  assert.deepEqual(told, [false, true, 5])
  assert.deepEqual([found.rpcAuth, found.discover, found.syslogFacility], ['foobar', 'foobar', 'LOCAL4'])
  assert.deepEqual([found.replay, found.leaveOnTerminate, found.skipLeaveOnInterrupt], ['replay', true, true])
  assert.deepEqual([found.retryJoin, found.retryMax, found.retryInterval], [['127.0.0.1'], 5, 60_000])
  assert.deepEqual([found.statsiteAddr, found.statsdAddr], ['127.0.0.1:8123', '127.0.0.1:8125'])
})

test('TestMergeConfig: later texts and numbers win unless empty, true stays true, lists append, tags merge, protocol -1 is nothing', () => {
  const tree = {
    '/a.json':
      '{"node_name":"a","protocol":4,"event_handlers":["a"],"start_join":["a"],"retry_join":["a"],"replay_on_join":true,"tags":{"x":"1","y":"1"}}',
    '/b.json':
      '{"node_name":"","protocol":-1,"event_handlers":["b"],"start_join":["b"],"retry_join":["b"],"replay_on_join":false,"tags":{"y":"2"}}',
  }
  const found = config(['-config-file=/a.json', '-config-file=/b.json', '-event-handler=c', '-tag=z=3'], tree)
  assert.equal(found.cluster.nodeName, 'a')
  assert.equal(found.cluster.protocolVersion, 4)
  assert.deepEqual(
    found.handlers.map(({ script }) => script),
    ['a', 'b', 'c'],
  )
  assert.deepEqual(
    [found.startJoin, found.retryJoin],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  )
  assert.equal(found.replay, 'replay')
  assert.deepEqual({ ...found.cluster.tags }, { x: '1', y: '2', z: '3' })
})

test('TestReadConfigPaths_dir: *.json of a directory in order of names, others ignored; TestReadConfigPaths_file: a file with any name', () => {
  const tree = {
    '/d/b.json': '{"node_name":"b"}',
    '/d/a.json': '{"node_name":"a"}',
    '/d/z.txt': '{"node_name":"z"}',
    '/x.conf': '{"bind":"127.0.0.9"}',
  }
  const { cluster } = config(['-config-dir=/d', '-config-file=/x.conf'], tree)
  assert.deepEqual([cluster.nodeName, cluster.bind], ['b', '127.0.0.9:7946'])
})

const REFUSED: [string[], Record<string, string>, RegExp][] = [
  [['-config-file=/none'], {}, /^Error reading '\/none': open \/none: no such file or directory$/],
  [
    ['-config-file=/a'],
    { '/a': '{"unknown_x":1,"zz":2}' },
    /^Error decoding '\/a': 1 error\(s\) decoding:\n\n\* '' has invalid keys: unknown_x, zz$/,
  ],
  [
    ['-config-file=/a'],
    { '/a': '{"retry_interval":5}' },
    /'retry_interval' expected type 'string', got unconvertible type 'float64', value: '5'/,
  ],
  [['-config-file=/a'], { '/a': '{"tags":{"a":1}}' }, /'tags\[a\]' expected type 'string'/],
  [
    ['-config-file=/a'],
    { '/a': '{"start_join":"x"}' },
    /'start_join': source data must be an array or slice, got string/,
  ],
  [['-config-file=/a'], { '/a': '[]' }, /'' expected a map, got 'slice'/],
  [['-config-file=/a'], { '/a': '{"retry_interval":"5"}' }, /time: missing unit in duration "5"/],
  [['-config-file=/a'], { '/a': '' }, /EOF/],
  [['-config-file=/a'], { '/a': '{"node_name"' }, /^Error decoding '\/a': /],
  [['-event-handler=foo=bar.sh'], {}, /^Invalid event script: Event 'foo' invoking 'bar.sh'$/],
  [['-profile=bogus'], {}, /^Unknown profile: bogus$/],
  [['-tag=foo'], {}, /^Error: Invalid tag: 'foo'$/],
]
for (const [args, tree, why] of REFUSED) {
  test(`refused: ${args.join(' ')} ${Object.values(tree).join()}`, () => {
    assert.throws(() => config(args, tree), { message: why })
  })
}

test('keys match in any case, null is nothing, fractions are cut, what follows the first value is ignored', () => {
  const layer = readLayer('/a', '{"Node_Name":"n","bind":null,"retry_max_attempts":2.9} trailing "}')
  assert.deepEqual(
    [layer.text('node_name'), layer.text('bind'), layer.int('retry_max_attempts')],
    ['n', '', 2],
  )
  assert.throws(() => readLayer('/a', '{"-":1}'), ConfigError)
})

test('notices: deprecated role, intervals that are too low, rejoin without a snapshot', () => {
  const found = config(['-role=db', '-retry-interval=10ms', '-broadcast-timeout=1ms', '-rejoin'])
  assert.equal(found.cluster.tags?.role, 'db')
  assert.deepEqual([found.retryInterval, found.cluster.broadcastTimeout], [1_000, 1_000])
  assert.deepEqual(found.notices.sort(), [
    "Deprecation warning: 'Role' has been replaced with 'Tags'",
    "Warning: 'BroadcastTimeout' is too low. Setting to 1s",
    "Warning: 'RejoinAfterLeave' enabled without snapshot file",
    "Warning: 'RetryInterval' is too low. Setting to 1s",
  ])
})

test('mDNS: an object of its own, as in later releases of the original; an interface wants -discover, and one family must stay', () => {
  const file = { '/a': JSON.stringify({ discover: 'clu', mdns: { interface: 'eth7', disable_ipv6: true } }) }
  assert.deepEqual(config(['-config-file=/a'], file).mdns, {
    interface: 'eth7',
    disableIPv4: false,
    disableIPv6: true,
  })
  assert.equal(config(['-config-file=/a', '-mdns-iface=eth8'], file).mdns.interface, 'eth8')
  assert.throws(
    () => config(['-mdns-iface=eth7']),
    /^ConfigError: mDNS interface specified without enabling mDNS discovery$/,
  )
  assert.throws(() => config(['-config-file=/a', '-mdns-disable-ipv4'], file), ConfigError)
  assert.throws(() => readLayer('/a', '{"mdns":{"other":1}}'), /invalid keys: mdns_other/)
})

test('a level that is none is told apart: an agent does not start with it, and a reload goes on without it', () => {
  const { level, levelProblem } = config(['-log-level=bogus'])
  assert.deepEqual(
    [level, levelProblem],
    ['INFO', 'Invalid log level: BOGUS. Valid log levels are: [TRACE DEBUG INFO WARN ERR]'],
  )
  assert.equal(config(['-log-level=warn']).levelProblem, '')
})
