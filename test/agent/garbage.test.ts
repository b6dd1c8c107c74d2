/**
 * Bodies that are none, for every RPC command: what a real agent does with them ours does too, answer for answer, and hangs up where it does
 * (protocol page 3, section 1.12). Those of our own commands are held against the same rule.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Packr } from 'msgpackr'
import { RpcReader } from '../../src/agent/rpc/reader.ts'
import { withoutSerf } from '../interop/serf-agent.ts'
import { AgentProcess, type Kind } from './processes.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })
const pack = (...values: unknown[]) => Buffer.concat(values.map((value) => packr.pack(value)))
const HANDSHAKE = pack({ Command: 'handshake', Seq: 1 }, { Version: 1 })
/** Long enough for an answer on a busy machine; silence is told from slowness by a command behind, which is answered. */
const PATIENCE = 15_000

/** Errors that an agent answered with, and whether it hung up. */
interface Heard {
  errors: string[]
  isClosed: boolean
}

/** Sends bytes behind a handshake, and hears until the agent hangs up or has answered the last of them, which has this number. */
async function hear(agent: AgentProcess, bytes: Uint8Array, last: number): Promise<Heard> {
  const [host, port] = agent.rpc.split(':')
  const socket = connect({ host, port: Number(port) })
  const reader = new RpcReader(1 << 20)
  const errors: string[] = []
  let isClosed = false
  let isAnswered = false
  socket.on('error', () => undefined)
  socket.on('close', () => {
    isClosed = true
  })
  socket.on('data', (chunk) => {
    reader.push(chunk)
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      if (!(next.value instanceof Map) || !next.value.has('Error')) continue
      errors.push(String(next.value.get('Error')))
      if (Number(next.value.get('Seq')) === last) isAnswered = true
    }
  })
  await once(socket, 'connect')
  socket.write(Buffer.concat([HANDSHAKE, bytes]))
  for (let waited = 0; !isClosed && !isAnswered && waited < PATIENCE; waited += 10) await sleep(10)
  assert.ok(isClosed || isAnswered, 'neither hung up nor answered')
  socket.destroy()
  return { errors, isClosed }
}

/** A field of each command's body with a value that it cannot have. */
const WRONG: [string, Record<string, unknown>][] = [
  ['handshake', { Version: 'one' }],
  ['handshake', { Version: 2 ** 40 }],
  ['auth', { AuthKey: 5 }],
  ['event', { Name: 7 }],
  ['event', { Name: 'x', Payload: { a: 1 } }],
  ['event', { Name: 'x', Coalesce: 'yes' }],
  ['force-leave', { Node: ['n1'] }],
  ['force-leave', { Node: 'nobody', Prune: 'no' }],
  ['join', { Existing: 'n1' }],
  ['join', { Existing: [1, 2] }],
  ['members-filtered', { Tags: 3 }],
  ['members-filtered', { Status: { a: 1 } }],
  ['tags', { Tags: 'a=b' }],
  ['tags', { DeleteTags: { a: 1 } }],
  ['stream', { Type: 5 }],
  ['monitor', { LogLevel: true }],
  ['stop', { Stop: 'me' }],
  ['stop', { Stop: -1 }],
  ['query', { Name: 'x', Timeout: 'soon' }],
  ['query', { Name: 'x', RelayFactor: 999 }],
  ['query', { Name: 'x', FilterNodes: 'n1' }],
  ['respond', { ID: -3 }],
  ['install-key', { Key: 1.5 }],
  ['use-key', { Key: ['a'] }],
  ['remove-key', { Key: { a: 'b' } }],
  ['get-coordinate', { Node: 9 }],
]
const OURS_ALONE: [string, Record<string, unknown>][] = [
  ['why', { Node: 9 }],
  ['rotate-keys', { Key: 9 }],
  ['rotate-keys', { Key: '', Grace: -1 }],
]
/** Not a record at all. */
const NO_RECORDS: unknown[] = [42, -1, 'text', true, 1.5, new Uint8Array([1, 2, 3])]
const BODILESS = ['members', 'leave', 'list-keys', 'stats']

describe('bodies that are none', { skip: withoutSerf }, () => {
  const ends: (() => Promise<void>)[] = []
  const scope = { after: (end: () => Promise<void>) => ends.push(end) }
  const agents = new Map<Kind, AgentProcess>()
  const at = (kind: Kind): AgentProcess => {
    const agent = agents.get(kind)
    assert.ok(agent !== undefined)
    return agent
  }
  after(() => Promise.all(ends.map((end) => end())))
  before(async () => {
    for (const kind of ['ours', 'real'] as const)
      agents.set(kind, await AgentProcess.start(scope, kind, 'n1', ['-profile=local']))
  })
  // Behind each a command that is answered shows that the connection lives and is in step.
  const behind = pack({ Command: 'stop', Seq: 99 }, { Stop: 7 })

  for (const [command, body] of [...WRONG, ...OURS_ALONE]) {
    test(`${command} ${JSON.stringify(body)}: hung up without an answer`, async () => {
      const bytes = Buffer.concat([pack({ Command: command, Seq: 2 }, body), behind])
      const ours = await hear(at('ours'), bytes, 99)
      assert.deepEqual(ours, { errors: [''], isClosed: true })
      const isForeign = OURS_ALONE.some(([own]) => own === command)
      if (!isForeign) assert.deepEqual(await hear(at('real'), bytes, 99), ours)
    })
  }

  for (const command of new Set(WRONG.map(([name]) => name))) {
    test(`${command} with bodies that are no records, nil, lists, records of strangers`, async () => {
      for (const body of NO_RECORDS) {
        const bytes = Buffer.concat([pack({ Command: command, Seq: 2 }, body), behind])
        assert.deepEqual(await hear(at('ours'), bytes, 99), { errors: [''], isClosed: true }, String(body))
      }
      for (const body of [null, [], {}, { Stranger: [{ deep: [1, 'x', new Uint8Array(3)] }] }]) {
        const bytes = Buffer.concat([pack({ Command: command, Seq: 2 }, body), behind])
        const [ours, real] = await Promise.all([hear(at('ours'), bytes, 99), hear(at('real'), bytes, 99)])
        assert.deepEqual(ours, real, JSON.stringify(body))
      }
    })
  }

  for (const command of BODILESS.filter((name) => name !== 'leave')) {
    test(`${command} takes no body: one is the next header, which repeats the command`, async () => {
      const bytes = Buffer.concat([pack({ Command: command, Seq: 2 }, { some: 'thing' }), behind])
      const [ours, real] = await Promise.all([hear(at('ours'), bytes, 99), hear(at('real'), bytes, 99)])
      assert.deepEqual(ours, real)
      assert.equal(ours.errors.length, 4)
    })
  }

  test('both agents are what they were', async () => {
    for (const agent of agents.values()) {
      const { stdout, exit } = await agent.command('ours', 'members')
      assert.equal(exit, 0)
      assert.match(stdout, /^n1 .* alive/)
    }
  })
})
