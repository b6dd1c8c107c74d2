/** A name server on loopback whose records a test may change at any time: A, AAAA and SRV, over UDP, and over TCP when told to cut answers short. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { parseIp } from '../../src/wire/address.ts'

export interface Records {
  /** A and AAAA records by name. */
  ips: Record<string, string[]>
  /** SRV records by name. */
  services?: Record<string, { target: string; port: number; priority?: number }[]>
}

const TYPE = { A: 1, AAAA: 28, SRV: 33 }

export class FakeDns {
  records: Records
  /** `truncate`: UDP answers are empty and say that there is more, which then comes over TCP. `silent`: nothing is answered. */
  mood: 'plain' | 'truncate' | 'silent' = 'plain'
  /** Questions asked so far, as «name type transport». */
  readonly asked: string[] = []
  address = ''

  private constructor(records: Records) {
    this.records = records
  }

  static async start(
    t: Pick<TestContext, 'after'>,
    records: Records,
    ip = '127.0.0.1',
    port = 0,
  ): Promise<FakeDns> {
    const dns = new FakeDns(records)
    const server = createServer((socket) => {
      let held = Buffer.alloc(0)
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => {
        held = Buffer.concat([held, bytes])
        if (held.length < 2 || held.length < 2 + held.readUInt16BE(0)) return
        const answer = dns.#answer(held.subarray(2), 'tcp')
        const length = Buffer.alloc(2)
        length.writeUInt16BE(answer.length)
        socket.end(Buffer.concat([length, answer]))
      })
    })
    server.listen(port, ip)
    await once(server, 'listening')
    const bound = server.address()
    const actualPort = bound !== null && typeof bound === 'object' ? bound.port : 0
    const socket = createSocket('udp4', (question, { address, port: from }) => {
      if (dns.mood !== 'silent') socket.send(dns.#answer(question, 'udp'), from, address)
    })
    socket.bind(actualPort, ip)
    await once(socket, 'listening')
    t.after(() => {
      socket.close()
      server.close()
    })
    dns.address = `${ip}:${actualPort}`
    return dns
  }

  #answer(question: Buffer, transport: 'udp' | 'tcp'): Buffer {
    const { name, end } = readName(question, 12)
    const type = question.readUInt16BE(end)
    this.asked.push(
      `${name} ${Object.entries(TYPE).find(([, number]) => number === type)?.[0] ?? type} ${transport}`,
    )
    const { ips, services = {} } = this.records
    const key = name.toLowerCase()
    const isKnown = key in ips || key in services
    const isCut = this.mood === 'truncate' && transport === 'udp'
    const data = isCut
      ? []
      : [...addresses(ips[key] ?? [], type), ...(type === TYPE.SRV ? targets(services[key] ?? []) : [])]
    const header = Buffer.alloc(12)
    question.copy(header, 0, 0, 2)
    header.writeUInt16BE(0x8580 | (isCut ? 0x0200 : 0) | (isKnown ? 0 : 3), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(data.length, 6)
    return Buffer.concat([
      header,
      question.subarray(12, end + 4),
      ...data.map((bytes) => record(type, bytes)),
    ])
  }
}

function readName(bytes: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = []
  let at = start
  while (bytes[at] !== 0) {
    labels.push(bytes.toString('latin1', at + 1, at + 1 + bytes[at]))
    at += 1 + bytes[at]
  }
  return { name: labels.join('.'), end: at + 1 }
}

function addresses(ips: string[], type: number): Buffer[] {
  const length = type === TYPE.A ? 4 : type === TYPE.AAAA ? 16 : -1
  return ips
    .map((ip) => parseIp(ip))
    .filter((bytes) => bytes !== undefined)
    .filter((bytes) => bytes.length === length)
    .map((bytes) => Buffer.from(bytes))
}

function targets(services: { target: string; port: number; priority?: number }[]): Buffer[] {
  return services.map(({ target, port, priority = 1 }) => {
    const fixed = Buffer.alloc(6)
    fixed.writeUInt16BE(priority, 0)
    fixed.writeUInt16BE(1, 2)
    fixed.writeUInt16BE(port, 4)
    const labels = target.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]))
    return Buffer.concat([fixed, ...labels, Buffer.from([0])])
  })
}

/** A record about the name that was asked for, good for no time at all. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, data.length >> 8, data.length & 255])
  return Buffer.concat([head, data])
}
