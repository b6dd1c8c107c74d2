/**
 * The simulator against reality: sixteen processes in a network namespace of their own, ours and then real agents, with no loss and with a fifth
 * of all datagrams lost, and the simulator at the same settings. How long an event takes to reach half and all, and how long a death takes to be
 * known to the first and to all: medians within a fifth of each other. It wants root, `ip`, `nft`, `serf`, and a quiet machine.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { detection } from '../../bench/experiments/detection.ts'
import { quantile } from '../../bench/experiments/pool.ts'
import { spread } from '../../bench/experiments/spread.ts'
import { AgentProcess, type Kind } from '../agent/processes.ts'

const MEMBERS = 16
const EVENTS = 40
const KILLS = 15
const LOSSES = [0, 0.2]
const WITHIN = 0.2
const PATIENCE = 60_000

/** Medians in milliseconds. */
interface Times {
  eventHalf: number
  eventAll: number
  firstFailed: number
  allFailed: number
}

export async function prove(seed: number): Promise<unknown> {
  const found: Record<string, Record<'simulated' | 'ours' | 'serf', Times>> = {}
  const expected = LOSSES.map((loss) => simulated(seed, loss))
  // All at once, each in its own namespace: 64 processes that mostly wait.
  const runs = LOSSES.map(async (loss, i) => {
    const [ours, serf] = await Promise.all([measured('ours', loss), measured('real', loss)])
    found[`loss ${loss * 100}%`] = { simulated: expected[i], ours, serf }
  })
  await Promise.all(runs)
  console.error(JSON.stringify(found))
  for (const [loss, { simulated: expected, ...others }] of Object.entries(found))
    for (const [program, times] of Object.entries(others))
      for (const [name, value] of Object.entries(times)) {
        const ratio = value / Object.entries(expected).filter(([other]) => other === name)[0][1]
        assert.ok(Math.abs(ratio - 1) <= WITHIN, `${loss}, ${program}, ${name}: ${ratio} of the simulator's`)
      }
  return { members: MEMBERS, events: EVENTS, kills: KILLS, 'medians, ms': found }
}

function simulated(seed: number, loss: number): Times {
  const told = spread({ seed, members: MEMBERS, loss, events: 200 })
  const dead = detection({ seed, members: MEMBERS, loss, kills: 200 })
  return {
    eventHalf: Math.round(told.half),
    eventAll: Math.round(told.all),
    firstFailed: Math.round(dead.firstFailed),
    allFailed: Math.round(dead.allFailed),
  }
}

/** Runs this module in a namespace of its own. */
async function measured(kind: Kind, loss: number): Promise<Times> {
  const namespace = `fmr${process.pid}-${kind}-${loss * 100}`
  must('ip', 'netns', 'add', namespace)
  try {
    must('ip', '-n', namespace, 'link', 'set', 'lo', 'up')
    const args = [
      'netns',
      'exec',
      namespace,
      process.execPath,
      fileURLToPath(import.meta.url),
      kind,
      String(loss),
    ]
    const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const [exit] = await once(child, 'close')
    if (exit !== 0) throw new Error(`${kind} with loss ${loss} failed: ${said}`)
    const times: Times = JSON.parse(said)
    return times
  } finally {
    spawnSync('ip', ['netns', 'del', namespace])
  }
}

function must(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}

/** Sixteen agents of one kind on one machine, and when each said what. */
class Sixteen {
  readonly #kind: Kind
  readonly #agents: AgentProcess[] = []
  readonly #ends: (() => Promise<void>)[] = []
  readonly #heard: { text: string; at: number }[] = []

  constructor(kind: Kind) {
    this.#kind = kind
  }

  async measure(loss: number): Promise<Times> {
    try {
      for (let i = 0; i < MEMBERS; i++) this.#agents.push(await this.#start(i))
      await sleep(15_000)
      if (loss > 0) lose(loss)
      const events: number[][] = []
      for (let i = 0; i < EVENTS; i++) events.push(await this.#event(i))
      const deaths: number[][] = []
      for (let i = 0; i < KILLS; i++) deaths.push(await this.#death(1 + (i % (MEMBERS - 1))))
      const median = (of: number[][], pick: (times: number[]) => number) =>
        Math.round(quantile(of.map(pick), 0.5))
      return {
        eventHalf: median(events, (times) => times[MEMBERS / 2 - 1]),
        eventAll: median(events, (times) => times[times.length - 1]),
        firstFailed: median(deaths, (times) => times[0]),
        allFailed: median(deaths, (times) => times[times.length - 1]),
      }
    } finally {
      await Promise.all(this.#ends.map((end) => end()))
    }
  }

  async #start(i: number): Promise<AgentProcess> {
    const scope = { after: (end: () => Promise<void>) => this.#ends.push(end) }
    const seeds = i === 0 ? [] : ['-join=127.0.1.1']
    const agent = await AgentProcess.start(scope, this.#kind, `m${i}`, seeds, `127.0.1.${i + 1}`)
    agent.child.stdout?.on('data', (text: string) => this.#heard.push({ text, at: performance.now() }))
    return agent
  }

  /** Milliseconds after `from` at which a text was said, once by each. */
  async #times(text: string, from: number, count: number): Promise<number[]> {
    const said = () => this.#heard.filter((heard) => heard.text.includes(text)).map(({ at }) => at - from)
    for (let waited = 0; said().length < count && waited < PATIENCE; waited += 50) await sleep(50)
    return said()
  }

  async #event(i: number): Promise<number[]> {
    this.#heard.length = 0
    await sleep(200 * Math.random())
    const agent = this.#agents[i % MEMBERS]
    // Of one length, so that none begins another: the end of a line may come by itself.
    const event = `e${100 + i}`
    const text = `user-event: ${event}`
    // Gathered events would tell of the gathering.
    const asked = agent.command('real', 'event', '-coalesce=false', event)
    const first = await this.#times(text, 0, 1)
    await asked
    const times = await this.#times(text, first[0], MEMBERS - 1)
    await sleep(1_000)
    return times
  }

  async #death(victim: number): Promise<number[]> {
    this.#heard.length = 0
    const from = performance.now() + 1_000 * Math.random()
    await sleep(from - performance.now())
    const { name } = this.#agents[victim]
    await this.#agents[victim].kill()
    const times = await this.#times(`EventMemberFailed: ${name} `, from, MEMBERS - 1)
    this.#agents[victim] = await this.#start(victim)
    await sleep(8_000)
    return times
  }
}

/** From now on a share of all datagrams to the pool is lost on the way in. */
function lose(share: number): void {
  must('nft', 'add', 'table', 'inet', 'f')
  must('nft', 'add', 'chain', 'inet', 'f', 'in', '{ type filter hook input priority 0 ; }')
  const chance = ['numgen', 'random', 'mod', '100', '<', String(share * 100)]
  must('nft', 'add', 'rule', 'inet', 'f', 'in', 'udp', 'dport', '7946', ...chance, 'drop')
}

const [, script, kind, loss] = process.argv
if (script === fileURLToPath(import.meta.url) && (kind === 'ours' || kind === 'real')) {
  console.log(JSON.stringify(await new Sixteen(kind).measure(Number(loss))))
  process.exit(0)
}
