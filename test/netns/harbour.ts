/** Members in network namespaces of their own, on one bridge, with a firewall each. Everything is gone when the test is over. */
import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ClusterOptions, Stats } from 'folkmoot'
import { eventually, tieToUs } from '../interop/serf-agent.ts'

function run(command: string): boolean {
  const [program, ...args] = command.split(' ')
  return spawnSync(program, args).status === 0
}

const isAble =
  process.getuid?.() === 0 &&
  run('nft --version') &&
  run(`ip netns add fmt${process.pid}`) &&
  run(`ip netns del fmt${process.pid}`)
const LACKING = 'no root, `ip netns` or `nft` here'

/** For the `skip` option of a test: skipped loudly where there is no root. In CI nothing is skipped, so that is a failure there. */
export const withoutNamespaces: string | false =
  isAble || process.env.CI !== undefined ? false : `${LACKING}: the tests in real networks were SKIPPED`

/** What a member in a namespace says when it is asked. */
export interface Word {
  members: { name: string; status: string }[]
  stats: Stats
}

export class Harbour {
  readonly #prefix = `fm${process.pid}`
  #members = 0

  constructor(t: TestContext) {
    if (!isAble) throw new Error(LACKING)
    this.#must(`ip netns add ${this.#prefix}-0`)
    t.after(() => {
      for (let i = 0; i <= this.#members; i++) run(`ip netns del ${this.#prefix}-${i}`)
    })
    this.#must(`ip -n ${this.#prefix}-0 link add br0 type bridge`)
    this.#must(`ip -n ${this.#prefix}-0 link set br0 up`)
  }

  /** A namespace with an address on the bridge. */
  berth(): { namespace: string; ip: string } {
    this.#members += 1
    const number = this.#members
    const namespace = `${this.#prefix}-${number}`
    const ip = `10.77.0.${number}`
    this.#must(`ip netns add ${namespace}`)
    this.#must(`ip -n ${namespace} link add eth0 type veth peer name port${number} netns ${this.#prefix}-0`)
    this.#must(`ip -n ${namespace} addr add ${ip}/24 dev eth0`)
    this.#must(`ip -n ${namespace} link set eth0 up`)
    this.#must(`ip -n ${namespace} link set lo up`)
    this.#must(`ip -n ${this.#prefix}-0 link set port${number} master br0`)
    this.#must(`ip -n ${this.#prefix}-0 link set port${number} up`)
    return { namespace, ip }
  }

  /** Drops what comes in and fits the rule, as `meta l4proto udp`. */
  drop(namespace: string, rule: string): void {
    const nft = `ip netns exec ${namespace} nft`
    this.#must(`${nft} add table inet f`)
    this.#must(`${nft} add chain inet f in { type filter hook input priority 0 ; }`)
    this.#must(`${nft} add rule inet f in ${rule} drop`)
  }

  /** Starts a member of ours; the function asks it. */
  async start(
    t: TestContext,
    berth: { namespace: string; ip: string },
    options: ClusterOptions,
  ): Promise<() => Promise<Word>> {
    const child = fork(
      join(import.meta.dirname, 'sailor.js'),
      [JSON.stringify({ bind: `${berth.ip}:7946`, profile: 'local', ...options })],
      {
        execPath: 'ip',
        execArgv: ['netns', 'exec', berth.namespace, process.execPath],
      },
    )
    tieToUs(child)
    t.after(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    })
    await once(child, 'message')
    return async () => {
      child.send('speak')
      const [word] = await once(child, 'message')
      return word
    }
  }

  #must(command: string): void {
    if (!run(command)) throw new Error(`failed: ${command}`)
  }
}

/** Waits until each of the members lists so many alive. */
export async function allAlive(asks: (() => Promise<Word>)[], within = 40_000): Promise<void> {
  await eventually(
    `${asks.length} alive everywhere`,
    async () => {
      const words = await Promise.all(asks.map((ask) => ask()))
      return words.every(
        ({ members }) => members.filter(({ status }) => status === 'alive').length === asks.length,
      )
    },
    { within, every: 300 },
  )
}
