/** Lines of the original's tests of its RPC client and its agent, each at an agent of ours. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Agent } from '../../src/agent/agent.ts'
import { configure } from '../../src/agent/config.ts'
import { LogBook } from '../../src/agent/log-book.ts'
import { RpcError } from '../../src/agent/rpc/client.ts'
import { RpcReader } from '../../src/agent/rpc/reader.ts'
import { readKeys, writeRequestHeader } from '../../src/agent/rpc/records.ts'
import { writeHandshake, writeOneText } from '../../src/agent/rpc/requests.ts'
import { RpcWriter } from '../../src/agent/rpc/writer.ts'
import { agentFlags } from '../../src/agent/settings-table.ts'
import { parseFlags } from '../../src/cli/flags.ts'
import { Cluster } from '../../src/cluster/cluster.ts'
import { dialAgent } from '../../workers/cli/dial.ts'
import { eventually, freshIp } from '../interop/serf-agent.ts'
import { AgentProcess } from './processes.ts'

const KEY = 'T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s='
const OTHER = 'HvY8ubRZMgafUOWvrOadwOckVa1wN3QWAo46FVKbVN8='
const THIRD = 'X/GrCLASSbu8ZB8nvYaY+Tu5RJ8MZ/NUZbIyVsTLyqs='
const patience = { within: 40_000 }
const fresh = (name: string) => join(mkdtempSync(join(tmpdir(), 'folkmoot-rpc-')), name)
const text = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes ?? new Uint8Array(0))
const bytes = (value: string) => new TextEncoder().encode(value)

async function served(t: TestContext, name: string, args: string[] = [], ip = freshIp()) {
  const agent = await AgentProcess.start(t, 'ours', name, ['-profile=local', ...args], ip)
  const client = await dialAgent(agent.rpc, '')
  t.after(() => client.close())
  return { agent, client }
}

/** The next of a feed that fits; the feed stays open. */
async function found<Item>(feed: AsyncIterator<Item>, fits: (item: Item) => boolean): Promise<Item> {
  for (let next = await feed.next(); !next.done; next = await feed.next())
    if (fits(next.value)) return next.value
  throw new Error('the feed ended')
}

test('TestAgent_eventHandler: the handler of a fresh agent hears one event, its own join', async (t) => {
  const file = fresh('heard')
  const { client } = await served(t, 'n1', ['-event-handler', `echo $SERF_EVENT >> ${file}; cat >> ${file}`])
  await eventually('heard', () => existsSync(file) && readFileSync(file, 'utf8').includes('n1'), patience)
  await client.event({ name: 'after', payload: null, coalesce: false })
  await eventually('the next', () => readFileSync(file, 'utf8').includes('user'), patience)
  assert.match(readFileSync(file, 'utf8'), /^member-join\nn1\t127\.\S+\t\t\nuser\n$/)
})

test('TestAgentShutdown_multiple: five times give no error', async () => {
  const cluster = await Cluster.create({ bind: `${freshIp()}:0`, nodeName: 'n1', threads: 'one' })
  const files = { read: () => '', list: () => undefined }
  const config = configure(parseFlags(agentFlags(), []), files, 'n1')
  const agent = new Agent(cluster, config, new LogBook('INFO', () => new Date(0)), {
    now: () => performance.now(),
    date: () => Date.now(),
    later: () => () => undefined,
    isSame: (a, b) => a === b,
    runtime: () => ({}),
    gauges: () => [],
    run: async () => ({ failure: '', output: new Uint8Array(0) }),
  })
  for (let i = 0; i < 5; i++) await agent.shutdown()
  assert.equal(await agent.ended, 'shut-down')
})

test('TestAgentUserEvent, TestRPCClientUserEvent: an event reaches the own handler with its payload', async (t) => {
  const file = fresh('heard')
  const { client } = await served(t, 'n1', ['-event-handler', `user:deploy=cat > ${file}`])
  await client.event({ name: 'deploy', payload: bytes('foo'), coalesce: false })
  await eventually('heard', () => existsSync(file) && readFileSync(file, 'utf8') === 'foo\n', patience)
})

test('TestAgentQuery_BadPrefix: names of Serf itself cannot be asked', async (t) => {
  const { client } = await served(t, 'n1')
  const query = {
    filterNodes: null,
    filterTags: null,
    requestAck: false,
    relayFactor: 0,
    timeout: 0,
    payload: null,
  }
  await assert.rejects(client.query({ ...query, name: '_serf_test' }), /cannot contain the '_serf_' prefix/)
})

test('TestAgentTagsFile: tags set on one agent are those of the next that uses the file', async (t) => {
  const file = fresh('tags.json')
  const { agent, client } = await served(t, 'n1', [`-tags-file=${file}`])
  await client.tags({ tags: { tag1: 'val1', tag2: '<val2>' }, deleteTags: null })
  assert.equal(readFileSync(file, 'utf8'), '{\n  "tag1": "val1",\n  "tag2": "\\u003cval2\\u003e"\n}')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  await agent.kill()
  const next = await served(t, 'n2', [`-tags-file=${file}`])
  const [member] = await next.client.members()
  assert.deepEqual({ ...member.tags }, { tag1: 'val1', tag2: '<val2>' })
  await next.agent.says(`Restored 2 tag(s) from ${file}`)
})

test('TestAgentKeyringFile: a file of three keys gives three keys, and keeps what changes', async (t) => {
  const file = fresh('keys.json')
  writeFileSync(file, JSON.stringify([KEY, OTHER, THIRD]))
  const { agent, client } = await served(t, 'n1', [`-keyring-file=${file}`])
  assert.equal((await client.listKeys()).keys?.size, 3)
  await agent.says(`Restored keyring with 3 keys from ${file}`)
  await client.changeKey('use-key', OTHER)
  await client.changeKey('remove-key', THIRD)
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')).sort(), [KEY, OTHER].sort())
  assert.equal(JSON.parse(readFileSync(file, 'utf8'))[0], OTHER)
})

test('TestCommandRun_join: -join with -replay leads to two members', async (t) => {
  const { agent } = await served(t, 'n1')
  const second = await served(t, 'n2', ['-replay', `-join=${agent.ip}`])
  assert.equal((await second.client.members()).length, 2)
  await second.agent.says(
    '==> Joining cluster...(replay: true)\n    Join completed. Synced with 1 initial agents\n',
  )
})

test('TestCommandRun_advertiseAddr: members are told the advertised address, in four bytes', async (t) => {
  const { client, agent } = await served(t, 'n1', ['-advertise=127.0.0.10:12345'])
  const [member] = await client.members()
  assert.deepEqual([member.addr, member.port], [Uint8Array.of(127, 0, 0, 10), 12_345])
  assert.match(agent.output, /^ {4}Advertise addr: '127\.0\.0\.10:12345'$/m)
})

test('TestRPCClientJoin, TestRPCClientMembers: one member, a join by name/ip says 1, then two', async (t) => {
  const [one, two] = await Promise.all([served(t, 'n1'), served(t, 'n2')])
  assert.equal((await one.client.members()).length, 1)
  assert.equal(await one.client.join({ existing: [`n2/${two.agent.ip}`], replay: false }), 1)
  assert.equal((await one.client.members()).length, 2)
  assert.equal(
    await one.client.join({ existing: [one.agent.ip], replay: false }),
    1,
    'ourselves count, as they do there',
  )
})

test('TestRPCClientMembersFiltered: names, tags, and who is made to leave', async (t) => {
  const one = await served(t, 'n1', ['-tag=tag1=val1', '-tag=tag2=val2'])
  const two = await served(t, 'n2', [`-join=${one.agent.ip}`])
  await eventually('two', async () => (await one.client.members()).length === 2, patience)
  const count = async (tags: Record<string, string>, status: string, name: string) =>
    (await one.client.membersFiltered({ tags, status, name })).length
  assert.deepEqual([await count({}, '', '.*'), await count({}, '', 'bad')], [2, 0])
  assert.equal(await count({ tag1: 'val1' }, '', ''), 1)
  assert.equal(await count({ tag1: 'val1', tag2: 'val2' }, '', ''), 1)
  assert.equal(await count({ tag1: 'val1', tag2: 'bad' }, '', ''), 0)
  // It lives and cannot contradict at once.
  two.agent.child.kill('SIGSTOP')
  await one.client.forceLeave({ node: 'n2', prune: false })
  assert.deepEqual([await count({}, 'alive', ''), await count({}, 'leaving', '')], [1, 1])
  two.agent.child.kill('SIGCONT')
})

test('TestRPCClientForceLeave, TestRPCClientForceLeave_prune: who failed becomes left, and then is gone', async (t) => {
  const one = await served(t, 'n1')
  const { agent } = await served(t, 'n2', [`-join=${one.agent.ip}`])
  await eventually('two', async () => (await one.client.members()).length === 2, patience)
  await agent.kill()
  const status = async () => (await one.client.members()).find(({ name }) => name === 'n2')?.status
  await eventually('failed', async () => (await status()) === 'failed', patience)
  await one.client.forceLeave({ node: 'n2', prune: false })
  assert.equal(await status(), 'left')
  await one.client.forceLeave({ node: 'n2', prune: true })
  assert.equal((await one.client.members()).length, 1)
})

test('TestRPCClientMonitor: the remembered lines come first, a join of nobody is logged', async (t) => {
  const { client } = await served(t, 'n1')
  const { feed } = await client.monitor('debug')
  await found(feed, (line) => line.includes('Accepted client'))
  await client.join({ existing: [], replay: false })
  await found(feed, (line) => line.includes('joining'))
})

test('TestIPCEventStream: of a stream with three filters and Seq 42 three of five events pass, with the ID of this client', async (t) => {
  const { agent, client } = await served(t, 'n1')
  const [host, port] = agent.rpc.split(':')
  const socket = connect({ host, port: Number(port) })
  t.after(() => socket.destroy())
  const reader = new RpcReader(1 << 20)
  const records: Map<unknown, unknown>[] = []
  socket.on('data', (chunk) => {
    reader.push(chunk)
    for (let next = reader.next(); next !== undefined; next = reader.next())
      if (next.value instanceof Map) records.push(next.value)
  })
  const writer = new RpcWriter()
  writeRequestHeader(writer, { command: 'handshake', seq: 1 })
  writeHandshake(writer, 1)
  writeRequestHeader(writer, { command: 'stream', seq: 42 })
  writeOneText(writer, 'Type', 'user:foobar,member-join,query:deploy')
  socket.write(writer.copy())
  await eventually('both answers', () => records.length === 2, patience)
  records.length = 0
  for (const name of ['foobar', 'other']) await client.event({ name, payload: bytes('x'), coalesce: false })
  const query = {
    filterNodes: null,
    filterTags: null,
    requestAck: false,
    relayFactor: 0,
    timeout: 300_000_000n,
  }
  for (const name of ['other', 'deploy']) await client.query({ ...query, name, payload: bytes('y') })
  await served(t, 'n2', [`-join=${agent.ip}`])
  const isOf = (event: string, name: string) => (record: Map<unknown, unknown>) =>
    record.get('Event') === event &&
    JSON.stringify([...record], (_key, value) => (value instanceof Map ? [...value] : value)).includes(name)
  await eventually('the join of n2', () => records.some(isOf('member-join', 'n2')), patience)
  const told = records.filter((record) => record.has('Event')).map((record) => Object.fromEntries(record))
  const of = (event: string) => told.filter((record) => record.Event === event)
  assert.deepEqual(of('user'), [
    { Coalesce: false, Event: 'user', LTime: 1, Name: 'foobar', Payload: bytes('x') },
  ])
  const [asked, ...more] = of('query')
  assert.deepEqual([asked.ID, asked.Name, asked.Payload, more], [1, 'deploy', bytes('y'), []])
  const headers = records.filter((record) => record.has('Seq')).map((record) => Object.fromEntries(record))
  assert.equal(headers.length, told.length)
  for (const header of headers) assert.deepEqual(header, { Error: '', Seq: 42 })
})

test('TestRPCClientStream_User: a stream of several filters tells what passes, in whole records', async (t) => {
  const { client } = await served(t, 'n1')
  const { feed } = await client.stream('user:foobar,member-leave,query:deploy')
  await client.event({ name: 'other', payload: null, coalesce: false })
  await client.event({ name: 'foobar', payload: bytes('baz'), coalesce: false })
  assert.deepEqual(await found(feed, () => true), {
    event: 'user',
    lTime: 2,
    name: 'foobar',
    payload: bytes('baz'),
    coalesce: false,
  })
  await client.event({ name: 'foobar', payload: bytes(''), coalesce: false })
  const nothing = await found(feed, () => true)
  assert.ok('payload' in nothing && nothing.payload === null, 'no payload is nil, as in the original')
})

test('TestRPCClientStream_Member: one member with all its fields', async (t) => {
  const { client } = await served(t, 'n1')
  const { feed } = await client.stream('*')
  const record = await found(feed, ({ event }) => event === 'member-join')
  assert.ok('members' in record)
  const [{ addr, port, ...member }] = record.members
  assert.deepEqual([addr.length, port], [4, 7946])
  assert.deepEqual(member, {
    name: 'n1',
    tags: member.tags,
    status: 'alive',
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 5,
  })
})

test('TestRPCClientUpdateTags: the new tag shows at once', async (t) => {
  const { client } = await served(t, 'n1')
  await client.tags({ tags: { testing: '1' }, deleteTags: null })
  assert.equal((await client.members())[0].tags.testing, '1')
})

test('TestRPCClientQuery: the handler sees name and payload; one ack and its answer come back', async (t) => {
  const { client } = await served(t, 'n1', ['-event-handler', 'query=printf "$SERF_QUERY_NAME "; cat'])
  const { feed } = await client.query({
    filterNodes: null,
    filterTags: {},
    requestAck: true,
    relayFactor: 0,
    timeout: 1_000_000_000n,
    name: 'deploy',
    payload: bytes('foo'),
  })
  const records: string[] = []
  for await (const { type, from, payload } of feed) records.push(`${type} ${from} ${text(payload)}`)
  assert.deepEqual(records.sort(), ['ack n1 ', 'response n1 deploy foo\n'])
})

test('TestRPCClientStream_Query, TestRPCClientStream_Query_Respond: a query on a stream is answered from it', async (t) => {
  const { client } = await served(t, 'n1')
  const { feed } = await client.stream('query')
  const asked = await client.query({
    filterNodes: null,
    filterTags: {},
    requestAck: true,
    relayFactor: 0,
    timeout: 1_500_000_000n,
    name: 'ping',
    payload: bytes('x'),
  })
  const record = await found(feed, () => true)
  assert.deepEqual(record, { event: 'query', id: 1, lTime: 1, name: 'ping', payload: bytes('x') })
  await client.respond({ id: 1, payload: bytes('ok') })
  const records: string[] = []
  for await (const { type, from, payload } of asked.feed) records.push(`${type} ${from} ${text(payload)}`)
  assert.deepEqual(records.sort(), ['ack n1 ', 'response n1 ok'])
})

test('TestRPCClientAuth: without the key nothing, with it everything', async (t) => {
  const file = fresh('a.json')
  writeFileSync(file, '{"rpc_auth":"foobar"}')
  const { agent, client } = await served(t, 'n1', [`-config-file=${file}`])
  await assert.rejects(
    client.event({ name: 'deploy', payload: null, coalesce: false }),
    /Authentication required/,
  )
  const known = await dialAgent(agent.rpc, 'foobar')
  await known.event({ name: 'deploy', payload: null, coalesce: false })
  known.close()
  await assert.rejects(dialAgent(agent.rpc, 'wrong'), /Invalid authentication token/)
})

async function failure(
  call: Promise<unknown>,
): Promise<{ message: string; messages: Record<string, string> }> {
  try {
    await call
  } catch (error) {
    if (error instanceof RpcError) return { message: error.message, messages: readKeys(error.body).messages }
    throw error
  }
  throw new Error('it did not fail')
}

test('TestRPCClient_Keys_EncryptionDisabledError: all four fail and name the node', async (t) => {
  const { client } = await served(t, 'n1')
  for (const command of ['install-key', 'use-key', 'remove-key'] as const) {
    const { message, messages } = await failure(client.changeKey(command, KEY))
    assert.deepEqual([message, Object.keys(messages)], ['1/1 nodes reported failure', ['n1']])
    assert.match(messages.n1, /encryption not enabled/)
  }
  assert.match((await failure(client.listKeys())).messages.n1, /encryption not enabled/)
})

test('TestRPCClient_Keys: the life of a key', async (t) => {
  const { client } = await served(t, 'n1', [`-encrypt=${KEY}`])
  const counts = async () => Object.fromEntries((await client.listKeys()).keys ?? [])
  assert.deepEqual(await counts(), { [KEY]: 1 })
  assert.match((await failure(client.changeKey('use-key', OTHER))).messages.n1, /not in the keyring/)
  assert.match((await failure(client.changeKey('install-key', 'badkey'))).message, /illegal base64 data/)
  for (let i = 0; i < 2; i++) await client.changeKey('install-key', OTHER)
  assert.deepEqual(await counts(), { [KEY]: 1, [OTHER]: 1 })
  assert.match((await failure(client.changeKey('remove-key', KEY))).messages.n1, /not allowed/)
  for (let i = 0; i < 2; i++) await client.changeKey('use-key', OTHER)
  await client.changeKey('remove-key', KEY)
  assert.deepEqual(await counts(), { [OTHER]: 1 })
})

test('TestRPCClientStats, TestRPCClientGetCoordinate: the own name; the own coordinate, and none of nobody', async (t) => {
  const { client } = await served(t, 'n1')
  assert.equal((await client.stats()).agent.name, 'n1')
  assert.equal((await client.coordinate('n1'))?.vec?.length, 8)
  assert.equal(await client.coordinate('nope'), undefined)
})
