/**
 * Finds peers on the local network by multicast DNS, as `serf agent -discover` does (protocol page 3, section 3.5): answers for our own node, and
 * a question once a minute whose answers are joined. Off unless asked for.
 */
import { createSocket } from 'node:dgram'
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
const GROUP_IPV6 = 'ff02::fb'
/** What the package makes of the class IN with the bit that asks for an answer to the asker alone. */
const UNICAST_IN = 'UNKNOWN_32769'
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
  readonly #responders: MulticastDNS[]
  readonly #askers: MulticastDNS[]
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
    { responders, askers }: Sockets,
  ) {
    this.#name = config.discover
    this.#service = `_serf_${config.discover}._tcp.local`
    this.#instance = `${cluster.localMember().name}.${this.#service}`
    this.#cluster = cluster
    this.#desk = desk
    this.#replay = config.replay === 'replay'
    this.#log = log
    this.#responders = responders
    this.#askers = askers
    for (const mdns of [...responders, ...askers]) {
      mdns.on('error', (error: Error) => log('ERR', `agent.mdns: ${error.message}`))
      mdns.on('warning', () => undefined)
    }
    for (const responder of responders) {
      responder.on('query', (packet, from) =>
        this.#answer(responder, packet.questions ?? [], packet.id ?? 0, from),
      )
    }
    for (const asker of askers) {
      asker.on('response', (packet) =>
        this.#heard([...(packet.answers ?? []), ...(packet.additionals ?? [])]),
      )
    }
  }

  /** Rejects when the interface is unknown or its sockets cannot be had. */
  static async start(
    config: AgentConfig,
    cluster: Cluster,
    desk: Desk,
    log: (level: Level, text: string) => void,
  ): Promise<MdnsDiscovery> {
    const found = new MdnsDiscovery(config, cluster, desk, log, await socketsOf(config.mdns))
    if (config.mdns.interface !== '')
      log('INFO', `agent: Starting mDNS listener on interface ${config.mdns.interface}`)
    found.#ask()
    return found
  }

  async close(): Promise<void> {
    clearTimeout(this.#poll)
    clearTimeout(this.#quiet)
    for (const mdns of [...this.#responders, ...this.#askers])
      await new Promise<void>((resolve) => mdns.destroy(() => resolve()))
  }

  #ask(): void {
    this.#poll = setTimeout(() => this.#ask(), POLL)
    this.#poll.unref()
    // A family, or an interface, that cannot send holds up no other; only when none can is nothing asked.
    let failed = 0
    for (const asker of this.#askers) {
      asker.query({ questions: [{ name: this.#service, type: 'PTR' }] }, (error) => {
        if (!error) return
        failed += 1
        if (failed === this.#askers.length)
          this.#log('ERR', `agent.mdns: Failed to poll for new hosts: ${error.message}`)
      })
    }
  }

  #answer(
    responder: MulticastDNS,
    questions: readonly { name: string; type: string; class?: string | undefined }[],
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
    responder.respond(
      {
        id: questions.some((question) => String(question.class) === UNICAST_IN) ? id : 0,
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

interface Sockets {
  responders: MulticastDNS[]
  askers: MulticastDNS[]
}

/** Sockets of both families, or of the one that is wanted; a family that this host has no address of is left out. */
async function socketsOf({
  interface: name,
  disableIPv4,
  disableIPv6,
}: AgentConfig['mdns']): Promise<Sockets> {
  const all = networkInterfaces()
  const addresses = (family: 'IPv4' | 'IPv6') =>
    Object.entries(all).flatMap(([known, found = []]) => {
      if (name !== '' ? known !== name : found.every(({ internal }) => internal)) return []
      const first = found.find((one) => one.family === family)
      return first === undefined ? [] : [{ name: known, address: first.address }]
    })
  const responders: MulticastDNS[] = []
  const askers: MulticastDNS[] = []
  if (!disableIPv4) {
    const place = name === '' ? undefined : addresses('IPv4')[0]?.address
    if (name === '' || place !== undefined) {
      // Bound to all: who is bound to one address does not hear the group.
      responders.push(makeMdns({ ...(place === undefined ? {} : { interface: place }), bind: '0.0.0.0' }))
      askers.push(await askerOf('udp4', place))
    }
  }
  if (!disableIPv6) {
    const places = addresses('IPv6').map((found) => `::%${found.name}`)
    for (const place of places) askers.push(await askerOf('udp6', place))
    if (places.length > 0) responders.push(responderIPv6(places))
  }
  if (askers.length === 0) throw new Error(`no address for multicast DNS${name === '' ? '' : ` on ${name}`}`)
  return { responders, askers }
}

async function askerOf(type: 'udp4' | 'udp6', place: string | undefined): Promise<MulticastDNS> {
  const socket = createSocket(type)
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(0, () => resolve())
  })
  socket.setMulticastTTL(255)
  if (place !== undefined) socket.setMulticastInterface(place)
  const ip = type === 'udp6' ? { type, ip: GROUP_IPV6, interface: place ?? '::' } : {}
  return makeMdns({ socket, bind: false, multicast: false, ...ip })
}

/** One for all interfaces: of several sockets of one port each would hear, and answer, everything. */
function responderIPv6(places: readonly string[]): MulticastDNS {
  const socket = createSocket({ type: 'udp6', reuseAddr: true, ipv6Only: true })
  socket.once('listening', () => {
    for (const place of places) socket.addMembership(GROUP_IPV6, place)
  })
  const first = places[0]
  return makeMdns({ socket, type: 'udp6', ip: GROUP_IPV6, interface: first, bind: '::', multicast: false })
}
