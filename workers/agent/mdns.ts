/**
 * Finds peers on the local network by multicast DNS, as `serf agent -discover` does (protocol page 3, section 3.5): answers for our own node, and
 * a question once a minute whose answers are joined. Off unless asked for.
 */
import { createSocket, type Socket } from 'node:dgram'
import { hostname, networkInterfaces } from 'node:os'
import makeMdns, { type MulticastDNS } from 'multicast-dns'
import type { AgentConfig } from '../../src/agent/config.ts'
import type { Desk } from '../../src/agent/desk.ts'
import type { Level } from '../../src/agent/log-book.ts'
import type { Cluster } from '../../src/cluster/cluster.ts'

const POLL = 60_000
/** The agent joins what it found so long after the last of it came. */
const QUIET = 100
const TTL = 120
/** Addresses that are remembered as joined; a network does not hold more peers than a pool bears. */
const MOST_HANDLED = 10_000
/** Questions that are answered in a second: what is asked more often is a flood (6,000 a second were seen in the field). */
const MOST_ANSWERS = 50

export class MdnsDiscovery {
  readonly #service: string
  readonly #instance: string
  readonly #host = `${hostname()}.`.replace(/\.+$/, '')
  readonly #cluster: Cluster
  readonly #desk: Desk
  readonly #replay: boolean
  readonly #log: (level: Level, text: string) => void
  readonly #name: string
  readonly #responder: MulticastDNS
  readonly #asker: MulticastDNS
  readonly #handled = new Set<string>()
  readonly #found = new Set<string>()
  #poll: NodeJS.Timeout | undefined
  #quiet: NodeJS.Timeout | undefined
  #answered = 0
  #answeredSince = 0

  private constructor(
    config: AgentConfig,
    cluster: Cluster,
    desk: Desk,
    log: (level: Level, text: string) => void,
    sockets: { asking: Socket; interface: string | undefined },
  ) {
    this.#name = config.discover
    this.#service = `_serf_${config.discover}._tcp.local`
    this.#instance = `${cluster.localMember().name}.${this.#service}`
    this.#cluster = cluster
    this.#desk = desk
    this.#replay = config.replay === 'replay'
    this.#log = log
    const place = sockets.interface === undefined ? {} : { interface: sockets.interface }
    // Bound to all: who is bound to one address does not hear the group.
    this.#responder = makeMdns({ ...place, bind: '0.0.0.0' })
    this.#asker = makeMdns({ socket: sockets.asking, bind: false, multicast: false })
    for (const mdns of [this.#responder, this.#asker]) {
      mdns.on('error', (error: Error) => log('ERR', `agent.mdns: ${error.message}`))
      mdns.on('warning', () => undefined)
    }
    this.#responder.on('query', (packet, from) => this.#answer(packet.questions ?? [], packet.id ?? 0, from))
    this.#asker.on('response', (packet) =>
      this.#heard([...(packet.answers ?? []), ...(packet.additionals ?? [])]),
    )
  }

  /** Rejects when the interface is unknown or its sockets cannot be had. */
  static async start(
    config: AgentConfig,
    cluster: Cluster,
    desk: Desk,
    log: (level: Level, text: string) => void,
  ): Promise<MdnsDiscovery> {
    const address = addressOf(config.mdnsInterface)
    const asking = createSocket('udp4')
    await new Promise<void>((resolve, reject) => {
      asking.once('error', reject)
      asking.bind(0, () => resolve())
    })
    asking.setMulticastTTL(255)
    if (address !== undefined) asking.setMulticastInterface(address)
    const found = new MdnsDiscovery(config, cluster, desk, log, { asking, interface: address })
    if (config.mdnsInterface !== '')
      log('INFO', `agent: Starting mDNS listener on interface ${config.mdnsInterface}`)
    found.#ask()
    return found
  }

  async close(): Promise<void> {
    clearTimeout(this.#poll)
    clearTimeout(this.#quiet)
    await new Promise<void>((resolve) => this.#responder.destroy(() => resolve()))
    await new Promise<void>((resolve) => this.#asker.destroy(() => resolve()))
  }

  #ask(): void {
    this.#poll = setTimeout(() => this.#ask(), POLL)
    this.#poll.unref()
    this.#asker.query({ questions: [{ name: this.#service, type: 'PTR' }] }, (error) => {
      if (error) this.#log('ERR', `agent.mdns: Failed to poll for new hosts: ${error.message}`)
    })
  }

  #answer(
    questions: readonly { name: string; type: string }[],
    id: number,
    from: { address: string; port: number },
  ): void {
    const isOurs = questions.some(({ name, type }) => {
      if (name === this.#service) return type === 'PTR' || type === 'ANY'
      if (name === '_services._dns-sd._udp.local') return type === 'PTR'
      return name === this.#instance || (name === this.#host && (type === 'A' || type === 'AAAA'))
    })
    if (!isOurs || !this.#mayAnswer()) return
    const { address, port } = this.#cluster.localMember()
    const isIPv6 = address.includes(':')
    const named = { ttl: TTL, class: 'IN' as const, flush: false }
    const services = questions.some(({ name }) => name.startsWith('_services.'))
    this.#responder.respond(
      {
        id: from.port === 5353 ? 0 : id,
        answers: services
          ? [{ ...named, name: '_services._dns-sd._udp.local', type: 'PTR', data: this.#service }]
          : [
              { ...named, name: this.#service, type: 'PTR', data: this.#instance },
              {
                ...named,
                name: this.#instance,
                type: 'SRV',
                data: { port, target: this.#host, priority: 10, weight: 1 },
              },
              { ...named, name: this.#host, type: isIPv6 ? 'AAAA' : 'A', data: address },
              { ...named, name: this.#instance, type: 'TXT', data: `Serf '${this.#name}' cluster` },
            ],
      },
      // To the asker alone, as the original: who asks from an ephemeral port hears nothing else.
      { address: from.address, port: from.port },
    )
  }

  #mayAnswer(): boolean {
    const now = performance.now()
    if (now - this.#answeredSince > 1_000) {
      this.#answeredSince = now
      this.#answered = 0
    }
    this.#answered += 1
    return this.#answered <= MOST_ANSWERS
  }

  #heard(records: readonly { name: string; type: string; data?: unknown }[]): void {
    const services = records.filter(({ name, type }) => type === 'SRV' && name.endsWith(`.${this.#service}`))
    for (const { data } of services) {
      if (typeof data !== 'object' || data === null || !('port' in data) || !('target' in data)) continue
      const host = records.find(({ name, type }) => name === data.target && (type === 'A' || type === 'AAAA'))
      if (typeof host?.data !== 'string') continue
      const place = host.data.includes(':')
        ? `[${host.data}]:${String(data.port)}`
        : `${host.data}:${String(data.port)}`
      if (this.#handled.has(place) || this.#handled.size >= MOST_HANDLED) continue
      this.#found.add(place)
      clearTimeout(this.#quiet)
      this.#quiet = setTimeout(() => void this.#join(), QUIET)
    }
  }

  async #join(): Promise<void> {
    const places = [...this.#found]
    this.#found.clear()
    for (const place of places) this.#handled.add(place)
    const { joined, error } = await this.#desk.join({ existing: places, replay: this.#replay })
    if (joined > 0) this.#log('INFO', `agent.mdns: Joined ${joined} hosts`)
    else this.#log('ERR', `agent.mdns: Failed to join: ${error}`)
  }
}

function addressOf(name: string): string | undefined {
  if (name === '') return undefined
  const found = networkInterfaces()[name]?.find(({ family }) => family === 'IPv4')
  if (found === undefined) throw new Error(`Invalid network interface: ${name} has no IPv4 address`)
  return found.address
}
