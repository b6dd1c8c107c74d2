/** Options: the profiles are Serf's numbers, and everything wrong is refused with its name, its value and what would be right. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidArgument, InvalidOption } from '../src/errors/errors.ts'
import { settle } from '../src/options/options.ts'

/** Settles whatever a host without types might pass. */
function settleAny(options: object) {
  return settle(options, 'host')
}

test('defaults are the LAN profile, the host name, all addresses and port 7946', () => {
  const settings = settle({}, 'host')
  assert.equal(settings.nodeName, 'host')
  assert.deepEqual([settings.bindIp, settings.bindPort, settings.threads], ['0.0.0.0', 7946, 'per-actor'])
  assert.equal(settings.compression, true)
})

test('the three profiles have the numbers of the protocol page', () => {
  const names = [
    'probeInterval',
    'probeTimeout',
    'gossipInterval',
    'gossipNodes',
    'gossipToTheDeadTime',
    'indirectChecks',
    'retransmitMult',
    'suspicionMult',
    'pushPullInterval',
    'tcpTimeout',
  ] as const
  const numbers = (profile: 'lan' | 'wan' | 'local') => names.map((name) => settle({ profile }, 'h')[name])
  assert.deepEqual(numbers('lan'), [1_000, 500, 200, 3, 30_000, 3, 4, 4, 30_000, 10_000])
  assert.deepEqual(numbers('wan'), [5_000, 3_000, 500, 4, 60_000, 3, 4, 6, 60_000, 30_000])
  assert.deepEqual(numbers('local'), [1_000, 200, 100, 3, 15_000, 1, 2, 3, 15_000, 1_000])
})

test("the numbers of the Serf layer are those of the protocol page (page 2, 6.2), the version is the agent's", () => {
  const settings = settle({}, 'h')
  const numbers = {
    protocolVersion: 5,
    broadcastTimeout: 5_000,
    leavePropagateDelay: 1_000,
    coalescePeriod: 0,
    quiescentPeriod: 0,
    userCoalescePeriod: 0,
    userQuiescentPeriod: 0,
    reapInterval: 15_000,
    reconnectInterval: 30_000,
    reconnectTimeout: 86_400_000,
    tombstoneTimeout: 86_400_000,
    flapTimeout: 60_000,
    queueDepthWarning: 128,
    maxQueueDepth: 4_096,
    minQueueDepth: 0,
    recentIntentTimeout: 300_000,
    eventBuffer: 512,
    queryBuffer: 512,
    queryTimeoutMult: 16,
    queryResponseSizeLimit: 1_024,
    querySizeLimit: 1_024,
    userEventSizeLimit: 512,
    nameConflictResolution: true,
    coordinates: true,
    validateNodeNames: false,
    rejoinAfterLeave: false,
    snapshotPath: '',
    keyringFile: '',
    metricLabels: {},
    tags: {},
    reapRules: [],
  }
  const settled = Object.fromEntries(Object.entries(settings).filter(([name]) => name in numbers))
  assert.deepEqual(settled, numbers)
  assert.throws(() => settle({ protocolVersion: 1 }, 'h'), /protocolVersion .*from 2 to 5/)
})

test('what is given wins over the profile', () => {
  assert.equal(settle({ profile: 'wan', probeInterval: 4_000 }, 'h').probeInterval, 4_000)
})

const WRONG: [options: object, option: string, bound: RegExp][] = [
  [{ nodeName: '' }, 'nodeName', /1 to 128 bytes/],
  [{ nodeName: 'x'.repeat(129) }, 'nodeName', /1 to 128 bytes/],
  [{ nodeName: 7 }, 'nodeName', /a text/],
  [{ bind: 'name/10.0.0.1:7946' }, 'bind', /an IP address/],
  [{ bind: '127.0.0.1:70000' }, 'bind', /an IP address/],
  [{ bind: '127.0.0.1:-1' }, 'bind', /an IP address/],
  [{ bind: '' }, 'bind', /an IP address/],
  [{ tcpFallbackPings: 1 }, 'tcpFallbackPings', /true or false/],
  [{ tcpFallbackExcept: 'p1' }, 'tcpFallbackExcept', /a list of/],
  [{ advertise: 'no where' }, 'advertise', /an IP address/],
  [{ tags: [] }, 'tags', /an object of texts/],
  [{ tags: { role: 1 } }, 'tags.role', /a text/],
  [{ tags: { role: 'x'.repeat(600) } }, 'tags', /at most 512 bytes when encoded, not 610/],
  [{ logger: 7 }, 'logger', /debug, info, warn, error/],
  [{ logger: { debug() {}, info() {}, warn() {} } }, 'logger', /debug, info, warn, error/],
  [{ profile: 'moon' }, 'profile', /lan, wan, local/],
  [{ threads: 'two' }, 'threads', /per-actor, one, none/],
  [{ workers: 'out' }, 'workers', /detector, gossip, dispatch, member/],
  [{ workers: { probe: '/a.js' } }, 'workers.probe', /left out/],
  [{ workers: { gossip: 'gossip.js' } }, 'workers.gossip', /absolute path/],
  [{ workers: { gossip: new URL('https://a.example/gossip.js') } }, 'workers.gossip', /file: or data:/],
  [{ compression: 'yes' }, 'compression', /true or false/],
  [{ probeInterval: 0 }, 'probeInterval', /whole number from 10/],
  [{ probeInterval: 1.5 }, 'probeInterval', /whole number/],
  [{ probeInterval: '1s' }, 'probeInterval', /whole number/],
  [{ probeInterval: Number.NaN }, 'probeInterval', /whole number/],
  [{ protocolVersion: 6 }, 'protocolVersion', /from 2 to 5/],
  [{ udpBufferSize: 100 }, 'udpBufferSize', /from 576/],
  [{ userEventSizeLimit: 9_217 }, 'userEventSizeLimit', /to 9216/],
  [{ probeTimeout: 1_000 }, 'probeTimeout', /below probeInterval, which is 1000/],
  [{ probeInterval: 400 }, 'probeTimeout', /below probeInterval, which is 400/],
  [{ broadcastTimeout: 100 }, 'gossipInterval', /below broadcastTimeout, which is 100/],
  [{ probeIntervall: 500 }, 'probeIntervall', /did you mean probeInterval\?/],
  [{ nodename: 'a' }, 'nodename', /did you mean nodeName\?/],
]

for (const [options, option, bound] of WRONG) {
  test(`${JSON.stringify(options)} is refused, naming ${option}`, () => {
    assert.throws(
      () => settleAny(options),
      (error) => {
        assert.ok(error instanceof InvalidOption)
        assert.equal(error.code, 'ERR_INVALID_OPTION')
        assert.equal(error.option, option)
        assert.match(error.bound, bound)
        assert.ok(error.message.includes(option))
        return true
      },
    )
  })
}

test('addresses of ours are taken in every form', () => {
  const forms: [string, string, number][] = [
    ['10.0.0.1', '10.0.0.1', 7946],
    ['10.0.0.1:7000', '10.0.0.1', 7000],
    ['10.0.0.1:0', '10.0.0.1', 0],
    ['::1', '::1', 7946],
    ['[::1]:7000', '::1', 7000],
    ['[fd00:0:0:0::1]', 'fd00::1', 7946],
    ['::ffff:10.0.0.1', '10.0.0.1', 7946],
    ['[fe80::1%eth0]:7000', 'fe80::1%eth0', 7000],
    ['localhost:7000', 'localhost', 7000],
    ['eth0', 'eth0', 7946],
  ]
  for (const [bind, ip, port] of forms) {
    const settings = settle({ bind }, 'h')
    assert.deepEqual([settings.bindIp, settings.bindPort], [ip, port], bind)
  }
})

test('tags are measured as they will be encoded: protocol 2 sends the role alone', () => {
  const tags = { role: 'web', notes: 'x'.repeat(600) }
  assert.deepEqual(settle({ tags, protocolVersion: 2 }, 'h').tags, tags)
})

test('a logger of the usual shape is taken', () => {
  assert.equal(settle({ logger: console }, 'h').nodeName, 'h')
})

test('what is no object at all is refused by name too', () => {
  for (const options of [null, 7, 'lan']) {
    assert.throws(() => Reflect.apply(settle, undefined, [options, 'h']), InvalidArgument)
  }
})
