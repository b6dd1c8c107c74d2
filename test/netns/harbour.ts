/**
 * Network namespaces on one bridge, an address each, and on the bridge a firewall. It stands between the members, so that a packet is lost on
 * its way: in a member's own namespace the system would tell the sender. Everything is gone when the test is over.
 */
import { spawnSync } from 'node:child_process'
import { hasNamespaces } from '../../bench/kit/namespace.ts'

function run(command: string, input = ''): boolean {
  const [program, ...args] = command.split(' ')
  return spawnSync(program, args, { input }).status === 0
}

/** Whether there are namespaces and firewalls to be had here. */
export const hasHarbours = run('nft --version') && hasNamespaces()
const LACKING = 'no root, `ip netns` or `nft` here'

/** For the `skip` option of a test: skipped loudly where there is no root. In CI nothing is skipped, so that is a failure there. */
export const withoutNamespaces: string | false =
  hasHarbours || process.env.CI !== undefined ? false : `${LACKING}: the tests in real networks were SKIPPED`

/** On the bridge itself. */
const QUAY = '10.77.0.254'

/** A namespace with an address on the bridge. */
export interface Berth {
  namespace: string
  ip: string
}

/** Packets that the firewall drops: those that fit all that is given. */
export interface Wall {
  from?: Berth
  to?: Berth
  /** Default both. */
  protocol?: 'udp' | 'tcp'
  /** Percent of them, by chance. Default 100. */
  share?: number
}

let harbours = 0

export class Harbour {
  readonly #prefix: string
  #members = 0

  /** `t`: a test, or whoever else ends it. */
  constructor(t: { after(end: () => void): unknown }) {
    if (!hasHarbours) throw new Error(LACKING)
    harbours += 1
    this.#prefix = `fm${process.pid}x${harbours}`
    must(`ip netns add ${this.#prefix}-0`)
    t.after(() => {
      for (let i = 0; i <= this.#members; i++) run(`ip netns del ${this.#prefix}-${i}`)
    })
    must(`ip -n ${this.#prefix}-0 link add br0 type bridge`)
    must(`ip -n ${this.#prefix}-0 link set br0 up`)
  }

  berth(): Berth {
    this.#members += 1
    const number = this.#members
    const namespace = `${this.#prefix}-${number}`
    const ip = `10.77.0.${number}`
    must(`ip netns add ${namespace}`)
    must(`ip -n ${namespace} link add eth0 type veth peer name port${number} netns ${this.#prefix}-0`)
    must(`ip -n ${namespace} addr add ${ip}/24 dev eth0`)
    must(`ip -n ${namespace} link set eth0 up`)
    must(`ip -n ${namespace} link set lo up`)
    must(`ip -n ${this.#prefix}-0 link set port${number} master br0`)
    must(`ip -n ${this.#prefix}-0 link set port${number} up`)
    return { namespace, ip }
  }

  /** The namespace of the bridge, with an address there from which all berths are reached whatever walls stand between them. */
  quay(): Berth {
    const namespace = `${this.#prefix}-0`
    must(`ip -n ${namespace} addr add ${QUAY}/24 dev br0`)
    must(`ip -n ${namespace} link set lo up`)
    return { namespace, ip: QUAY }
  }

  /** From now on these are dropped and no others. */
  wall(...walls: Wall[]): void {
    must(`ip netns exec ${this.#prefix}-0 nft -f -`, rulesOf(walls))
  }
}

/** What `nft` is told in the namespace of a bridge, so that these are dropped there and no others. */
export function rulesOf(walls: readonly Wall[]): string {
  const rules = walls.map(({ from, to, protocol, share = 100 }) =>
    [
      'ether type ip',
      from && `ip saddr ${from.ip}`,
      to && `ip daddr ${to.ip}`,
      protocol ? `meta l4proto ${protocol}` : 'meta l4proto { tcp, udp }',
      share < 100 && `numgen random mod 100 < ${share}`,
      'drop',
    ]
      .filter(Boolean)
      .join(' '),
  )
  const chain = ['chain f {', 'type filter hook forward priority 0', ...rules, '}'].join('\n')
  return `table bridge f\ndelete table bridge f\ntable bridge f {\n${chain}\n}\n`
}

function must(command: string, input = ''): void {
  if (!run(command, input)) throw new Error(`failed: ${command} ${input}`)
}
