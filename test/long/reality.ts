/**
 * The simulator against reality: sixteen processes in a network namespace of their own, ours and then real agents, with no loss and with a fifth
 * of all datagrams lost, and the simulator at the same settings. How long an event takes to reach half and all, and how long a death takes to be
 * known to the first and to all: medians within a fifth of each other. It wants root, `ip`, `nft`, `serf`, and a quiet machine.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { detection } from '../../bench/experiments/detection.ts'
import { quantile } from '../../bench/experiments/pool.ts'
import { spread } from '../../bench/experiments/spread.ts'
import { Crowd, type CrowdMember } from '../../bench/kit/crowd.ts'
import { apart, must } from '../../bench/kit/namespace.ts'
import { AgentProcess, type Kind } from '../agent/processes.ts'

const MEMBERS = 16
const EVENTS = 40
const KILLS = 15
const LOSSES = [0, 0.2]
const WITHIN = 0.2

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
  const times: Times = JSON.parse(await apart(fileURLToPath(import.meta.url), [kind, String(loss)]))
  return times
}

/** Sixteen agents of one kind on one machine, and when each said what. */
async function sixteen(kind: Kind, loss: number): Promise<Times> {
  const crowd = new Crowd((number) => agentOf(kind, number))
  try {
    await crowd.form(MEMBERS)
    await sleep(15_000)
    if (loss > 0) lose(loss)
    const events: number[][] = []
    for (let i = 0; i < EVENTS; i++) events.push(await crowd.event(i))
    const deaths: number[][] = []
    for (let i = 0; i < KILLS; i++) deaths.push(...(await crowd.deaths([1 + (i % (MEMBERS - 1))])))
    const median = (of: number[][], pick: (times: number[]) => number) =>
      Math.round(quantile(of.map(pick), 0.5))
    return {
      eventHalf: median(events, (times) => times[MEMBERS / 2 - 1]),
      eventAll: median(events, (times) => times[times.length - 1]),
      firstFailed: median(deaths, (times) => times[0]),
      allFailed: median(deaths, (times) => times[times.length - 1]),
    }
  } finally {
    await crowd.end()
  }
}

async function agentOf(kind: Kind, number: number): Promise<CrowdMember> {
  const scope = { after: () => undefined }
  const agent = await AgentProcess.start(scope, kind, `m${number}`, [], `127.0.1.${number + 1}`)
  const { name, ip, child } = agent
  if (child.stdout === null) throw new Error(`${name} says nothing`)
  return {
    name,
    ip,
    port: 7946,
    pid: child.pid ?? 0,
    says: child.stdout,
    // One command line drives both, so that its start is the same in both.
    join: (address) => agent.command('real', 'join', address),
    // Gathered events would tell of the gathering.
    userEvent: (event) => agent.command('real', 'event', '-coalesce=false', event),
    kill: () => agent.kill(),
  }
}

/** From now on a share of all datagrams to the pool is lost on the way in. */
function lose(share: number): void {
  must('nft', 'add', 'table', 'inet', 'f')
  must('nft', 'add', 'chain', 'inet', 'f', 'in', '{ type filter hook input priority 0 ; }')
  const chance = ['numgen', 'random', 'mod', '100', '<', String(share * 100)]
  must('nft', 'add', 'rule', 'inet', 'f', 'in', 'udp', 'dport', '7946', ...chance, 'drop')
}

const [, script, , kind, loss] = process.argv
if (script === fileURLToPath(import.meta.url) && (kind === 'ours' || kind === 'real')) {
  console.log(JSON.stringify(await sixteen(kind, Number(loss))))
  process.exit(0)
}
