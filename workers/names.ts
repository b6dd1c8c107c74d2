/**
 * Names into addresses, for joins. A and AAAA come from the system's resolver (`getaddrinfo`: hosts file, search domains and all), SRV from
 * its name servers. This is gossip's business: a look-up occupies libuv's pool and may take seconds, which nothing with a deadline
 * waits for.
 */
import { lookup, Resolver } from 'node:dns/promises'
import type { FoundPlace } from '../src/actors/mail.ts'

/** Targets of one SRV name that are looked up; what is over is left out. */
const MOST_TARGETS = 64
/** Addresses that one name may stand for; what is over is left out. */
const MOST_PLACES = 256
/** How long a name server may take, and how often it is asked. */
const PATIENCE = { timeout: 2_000, tries: 2 }

export class Names {
  readonly #servers: readonly string[]

  /** `servers`, as `ip[:port]`, are asked instead of the system's resolver if there are any. */
  constructor(servers: readonly string[]) {
    this.#servers = servers
  }

  /** The places a name stands for; port 0 where the name says nothing of ports. Rejects with the resolver's error. */
  async find(host: string): Promise<FoundPlace[]> {
    const places = host.startsWith('_') ? await this.#services(host) : await this.#hosts(host, 0)
    return places.slice(0, MOST_PLACES)
  }

  /** SRV: the targets in the order of their priority, each with the addresses it has. */
  async #services(host: string): Promise<FoundPlace[]> {
    const records = await this.#resolver().resolveSrv(host)
    const best = records.sort((a, b) => a.priority - b.priority || b.weight - a.weight).slice(0, MOST_TARGETS)
    const found = await Promise.allSettled(best.map(({ name, port }) => this.#hosts(name, port)))
    const places = found.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
    const failure = found.find((outcome) => outcome.status === 'rejected')
    if (places.length === 0 && failure !== undefined) throw failure.reason
    return places
  }

  async #hosts(host: string, port: number): Promise<FoundPlace[]> {
    if (this.#servers.length === 0) {
      const found = await lookup(host, { all: true, verbatim: true })
      return found.map(({ address }) => ({ ip: address, port }))
    }
    const resolver = this.#resolver()
    const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    const ips = [four, six].flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
    if (ips.length === 0 && four.status === 'rejected') throw four.reason
    return ips.map((ip) => ({ ip, port }))
  }

  #resolver(): Resolver {
    const resolver = new Resolver(PATIENCE)
    if (this.#servers.length > 0) resolver.setServers(this.#servers)
    return resolver
  }
}
