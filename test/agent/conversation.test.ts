/**
 * The recordings played to our agent: it is sent what clients sent to a real one, byte for byte, and must answer in kind: the same records in
 * the same order with the same errors, types and fields; times, ports, measurements and Lamport times aside. What happened in the pool meanwhile
 * is made to happen again.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RpcReader } from '../../src/agent/rpc/reader.ts'
import { withoutSerf } from '../interop/serf-agent.ts'
import { AgentProcess } from './processes.ts'
import { bytesOf, type Step, type Transcript, transcripts } from './transcripts.ts'

/** A record that does not come within this is missing. */
const PATIENCE = 20_000

/** Texts whose words matter to clients; all others are compared by their type. */
const WORDED = new Set(['Error', 'Event', 'Type', 'Name'])

/** What a value is, without what it measures. Lists of equal things are one. */
function shapeOf(value: unknown, field = ''): unknown {
  if (value instanceof Map) return shapeOfEntries([...value])
  if (Array.isArray(value))
    return value.length === 0 ? [] : [...new Set(value.map((item) => JSON.stringify(shapeOf(item))))].sort()
  if (value instanceof Uint8Array) return 'bytes'
  if (typeof value === 'bigint' || typeof value === 'number') return 'number'
  if (typeof value !== 'string') return value
  return WORDED.has(field) ? worded(value) : 'text'
}

/** Errors are the same but for addresses, which are of our own choice here. */
function worded(text: string): string {
  return text.replace(/\d+\.\d+\.\d+\.\d+(:\d+)?/g, 'ADDRESS')
}

/** Free maps, whose keys are not fields of a record, are compared by what they hold. */
function shapeOfEntries(entries: readonly (readonly [unknown, unknown])[]): unknown {
  const isRecord = entries.some(([key]) => typeof key === 'string' && /^[A-Z]/.test(key))
  if (!isRecord)
    return `map of ${[...new Set(entries.map(([, value]) => (value instanceof Map ? 'maps' : typeof value)))].sort()}`
  return Object.fromEntries(entries.map(([key, value]) => [key, shapeOf(value, String(key))]))
}

function valuesOf(bytes: Uint8Array): unknown[] {
  const reader = new RpcReader(1 << 24)
  reader.push(bytes)
  const values: unknown[] = []
  for (let next = reader.next(); next !== undefined; next = reader.next()) values.push(next.value)
  return values
}

/** One connection to an agent, read value by value. */
class Conversation {
  readonly #socket: Socket
  readonly #reader = new RpcReader(1 << 24)
  #isClosed = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes) => this.#reader.push(bytes))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#isClosed = true
    })
  }

  static async open(agent: AgentProcess): Promise<Conversation> {
    const [host, port] = agent.rpc.split(':')
    const socket = connect({ host, port: Number(port) })
    await once(socket, 'connect')
    return new Conversation(socket)
  }

  say(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  async hear(): Promise<unknown> {
    for (let waited = 0; waited < PATIENCE; waited += 5) {
      const next = this.#reader.next()
      if (next !== undefined) return next.value
      if (this.#isClosed) throw new Error('the agent hung up')
      await sleep(5)
    }
    throw new Error('the agent is silent')
  }

  async closed(): Promise<void> {
    for (let waited = 0; !this.#isClosed; waited += 5) {
      assert.ok(waited < PATIENCE, 'the agent hangs up')
      await sleep(5)
    }
  }

  end(): void {
    this.#socket.destroy()
  }
}

function isLog(step: Step): boolean {
  return JSON.stringify(step.decoded).includes('"Log"')
}

async function converse(
  agent: AgentProcess,
  { sequence }: Transcript,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const conversation = await Conversation.open(agent)
  try {
    for (const [i, step] of sequence.entries()) {
      if (step.close) {
        if (step.from === 'agent') await conversation.closed()
        continue
      }
      if (step.from === 'client') {
        conversation.say(bytesOf(step))
        if (step.hex?.includes(Buffer.from('stream').toString('hex'))) void meanwhile()
        // Pieces of one request must be pieces.
        await sleep(20)
        continue
      }
      if (sequence[i - 1]?.from === 'agent') continue
      // What an agent says in one go comes in any order: acks and responses of several members race.
      const end = sequence.findIndex(
        (later, at) => at > i && (later.from === 'client' || later.close === true),
      )
      const said = sequence.slice(i, end < 0 ? undefined : end).filter((one) => !isLog(one))
      const wanted = said.map((one) => JSON.stringify(valuesOf(bytesOf(one)).map((value) => shapeOf(value))))
      const heard: string[] = []
      for (const one of said) {
        const values: unknown[] = []
        while (values.length < valuesOf(bytesOf(one)).length) values.push(shapeOf(await conversation.hear()))
        heard.push(JSON.stringify(values))
      }
      assert.deepEqual(heard.sort(), wanted.sort())
    }
  } finally {
    conversation.end()
  }
}

/** Recordings whose pool we cannot make here, and why. */
const ELSEWHERE: Record<string, string> = {
  'monitor-and-stream':
    'log lines are free; the streams of a monitor are in the matrix and in the transcripts of the command line',
  'monitor-agent-dies': 'needs no agent that answers',
  'monitor-errors': 'log lines come in between',
  leave: 'in `life.test.ts`',
  'keys-list-two': 'the state of another recording',
  'members-after-force-leave': 'the state of another recording',
  'query-many-nodes': 'needs members of eighteen names',
}

describe('recordings', { skip: withoutSerf }, () => {
  const ends: (() => Promise<void>)[] = []
  const scope = { after: (end: () => Promise<void>) => ends.push(end) }
  const agents: Record<string, AgentProcess> = {}
  after(() => Promise.all(ends.map((end) => end())))

  before(async () => {
    const key = 'T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s='
    const auth = join(tmpdir(), `folkmoot-auth-${process.pid}.json`)
    writeFileSync(auth, '{"rpc_auth":"open-sesame"}')
    const handlers = ['-event-handler', 'query:load=echo 1.02', '-event-handler', 'user:deploy=true']
    agents.alpha = await AgentProcess.start(scope, 'ours', 'alpha', [
      '-profile=local',
      '-tag',
      'role=web',
      '-tag',
      'dc=east',
      ...handlers,
    ])
    agents.bravo = await AgentProcess.start(scope, 'real', 'bravo', [
      '-profile=local',
      '-tag',
      'role=db',
      '-event-handler',
      'query:load=echo 2.04',
      `-join=${agents.alpha.ip}`,
    ])
    agents.auth = await AgentProcess.start(scope, 'ours', 'guard', [`-config-file=${auth}`])
    agents.vault = await AgentProcess.start(scope, 'ours', 'vault', ['-profile=local', `-encrypt=${key}`])
    await sleep(3_000)
  })

  const other = (): Promise<void> => Promise.resolve()
  const MEANWHILE: Record<string, () => Promise<void>> = {
    'stream-user-filter': async () => {
      await agents.alpha.command('real', 'event', '-coalesce=false', 'deploy', 'build-77')
      await agents.alpha.command('real', 'event', 'deploy', '9c45b87')
    },
    'stream-query-respond': async () => {
      await sleep(300)
      await agents.bravo.command('real', 'query', '-timeout=3s', 'uptime', 'since boot')
    },
    'stream-member-events': async () => {
      await sleep(300)
      const charlie = await AgentProcess.start(scope, 'real', 'charlie', [
        '-profile=local',
        '-tag',
        'role=cache',
        `-join=${agents.alpha.ip}`,
      ])
      await sleep(4_500)
      await charlie.command('real', 'tags', '-set', 'role=proxy')
      await sleep(4_500)
      await charlie.command('real', 'leave')
    },
  }

  for (const transcript of transcripts) {
    const { name, how } = transcript
    if (name in ELSEWHERE || name.includes('doomed') || /doomed|delta/.test(how)) continue
    const who = how.includes('open-sesame') ? 'auth' : how.includes('agent vault') ? 'vault' : 'alpha'
    test(name, { timeout: 60_000 }, () => {
      const joinable = swapped(transcript, agents.bravo.ip)
      return converse(agents[who], joinable, MEANWHILE[name] ?? other)
    })
  }
})

/** The recording with the address of our own second member in it, where it joins the recorded one. */
function swapped(transcript: Transcript, ip: string): Transcript {
  if (transcript.name !== 'join-ok') return transcript
  const text = (value: string) => Buffer.from([0xa0 | value.length, ...Buffer.from(value)]).toString('hex')
  const sequence = transcript.sequence.map((step) => ({
    ...step,
    hex: step.hex?.replace(text('127.0.2.32'), text(ip)) ?? step.hex,
  }))
  return {
    ...transcript,
    sequence: sequence.map(({ hex, ...step }) => (hex === undefined ? step : { ...step, hex })),
  }
}
