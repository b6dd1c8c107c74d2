/**
 * The real `serf agent` as a subject, with a listener on the event stream of its RPC. The listener is not on its bill; it counts the name that every
 * poured event carries in the raw bytes, so that it is never what is slow.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RpcClient } from '../../src/agent/rpc/client.ts'
import { RPC_VERSION, writeRequestHeader } from '../../src/agent/rpc/records.ts'
import { writeHandshake, writeOneText } from '../../src/agent/rpc/requests.ts'
import { RpcWriter } from '../../src/agent/rpc/writer.ts'
import { dialAgent } from '../../workers/cli/dial.ts'
import { tieToUs } from './children.ts'
import { EVENT_NAME } from './made-up.ts'
import type { Subject } from './subject.ts'

/** Of every event that it is told to send. */
const PAYLOAD = new Uint8Array(64).fill(0x78)
const START_PATIENCE = 10_000
let hosts = 0

function freshIp(): string {
  hosts += 1
  return `127.77.${(process.pid % 250) + 1}.${hosts}`
}

export class SerfSubject implements Subject {
  readonly kind = 'serf agent'
  readonly name: string
  readonly ip: string
  readonly port = 7946
  readonly #child: ChildProcess
  readonly #client: RpcClient
  #listener: EventCounter | undefined

  private constructor(name: string, ip: string, child: ChildProcess, client: RpcClient) {
    this.name = name
    this.ip = ip
    this.#child = child
    this.#client = client
  }

  /** `listens`: whether its user events are streamed to a listener, or its log says what it hears. */
  static async start(
    name: string,
    listens: 'with a listener' | 'alone' | 'says what it hears' = 'with a listener',
    ip = freshIp(),
  ): Promise<SerfSubject> {
    const rpc = `${ip}:7373`
    const level = listens === 'says what it hears' ? 'info' : 'err'
    const flags = [`-node=${name}`, `-bind=${ip}:7946`, `-rpc-addr=${rpc}`, '-profile=lan']
    const child = spawn('serf', ['agent', ...flags, `-log-level=${level}`], {
      stdio: ['ignore', listens === 'says what it hears' ? 'pipe' : 'ignore', 'ignore'],
    })
    tieToUs(child)
    const subject = new SerfSubject(name, ip, child, await dialled(rpc))
    if (listens === 'with a listener') subject.#listener = await EventCounter.open(ip)
    return subject
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async join(address: string): Promise<void> {
    const reached = await this.#client.join({ existing: [address], replay: false })
    if (reached !== 1) throw new Error(`the agent reached ${reached} of one address`)
  }

  /** Its log, where it was started to say what it hears. */
  get says(): Readable {
    const { stdout } = this.#child
    if (stdout === null) throw new Error(`${this.name} says nothing`)
    return stdout
  }

  async userEvent(name: string): Promise<void> {
    await this.#client.event({ name, payload: PAYLOAD, coalesce: false })
  }

  async members(): Promise<number> {
    return (await this.#client.members()).length
  }

  async alive(): Promise<number> {
    return (await this.#client.members()).filter(({ status }) => status === 'alive').length
  }

  async heard(): Promise<number> {
    return this.#listener?.count ?? 0
  }

  /** Ends it as a crash would: it has no other end here. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#listener?.close()
    this.#client.close()
    this.#child.kill('SIGKILL')
    await gone
  }

  stop(): Promise<void> {
    return this.kill()
  }
}

async function dialled(rpc: string): Promise<RpcClient> {
  const endsAt = performance.now() + START_PATIENCE
  for (;;) {
    try {
      return await dialAgent(rpc, '')
    } catch (error) {
      if (performance.now() > endsAt) throw error
      await sleep(50)
    }
  }
}

/** Counts events on an agent's stream of user events. */
class EventCounter {
  count = 0
  readonly #socket: Socket
  #rest: Buffer = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => this.#scan(bytes))
    socket.on('error', () => undefined)
  }

  static async open(ip: string): Promise<EventCounter> {
    const socket = connect(7373, ip)
    await once(socket, 'connect')
    const counter = new EventCounter(socket)
    const writer = new RpcWriter()
    writer.reset()
    writeRequestHeader(writer, { command: 'handshake', seq: 1 })
    writeHandshake(writer, RPC_VERSION)
    writeRequestHeader(writer, { command: 'stream', seq: 2 })
    writeOneText(writer, 'Type', 'user')
    socket.write(writer.copy())
    await once(socket, 'data')
    return counter
  }

  close(): void {
    this.#socket.destroy()
  }

  #scan(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    let at = all.indexOf(EVENT_NAME)
    let end = 0
    for (; at >= 0; at = all.indexOf(EVENT_NAME, end)) {
      this.count += 1
      end = at + EVENT_NAME.length
    }
    this.#rest = all.subarray(Math.max(end, all.length - EVENT_NAME.length + 1))
  }
}
