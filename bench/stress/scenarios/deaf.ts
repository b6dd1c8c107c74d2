/** Listeners that never read while events pour: an iterator of the library, and a stream of an agent's RPC. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { writeRequestHeader } from '../../../src/agent/rpc/records.ts'
import { writeHandshake, writeOneText } from '../../../src/agent/rpc/requests.ts'
import { RpcWriter } from '../../../src/agent/rpc/writer.ts'
import { memoryOf } from '../../kit/cost.ts'
import { Agent } from '../agent.ts'
import type { Player } from '../player.ts'
import type { Scenario } from '../scenario.ts'
import type { Clothes, Stage } from '../stage.ts'

const MIB = 2 ** 20
const EVENTS = 1_000
const PAYLOAD = 'x'.repeat(400)
/** What a process may hold more than before it had a deaf listener: its bounds, and what a busy minute does to a heap. */
const MOST_MORE = 48 * MIB
const BOUND = 20_000
const LATE = 10_000

/** Subscribes to user events and never reads. */
async function deafStream(agent: Agent): Promise<Socket> {
  const [host, port] = agent.rpc.split(':')
  const socket = connect(Number(port), host)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.pause()
  const writer = new RpcWriter()
  writer.reset()
  writeRequestHeader(writer, { command: 'handshake', seq: 1 })
  writeHandshake(writer, 1)
  writeRequestHeader(writer, { command: 'stream', seq: 2 })
  writeOneText(writer, 'Type', 'user')
  socket.write(writer.copy())
  return socket
}

/** Reads at last; whether the stream says that something was lost. */
async function isTold(socket: Socket): Promise<boolean> {
  let heard = ''
  socket.on('data', (bytes: Buffer) => {
    heard = (heard + bytes.toString('latin1')).slice(-1_000_000)
  })
  socket.resume()
  const endsAt = performance.now() + LATE
  while (!heard.includes('lagged') && performance.now() < endsAt)
    await new Promise((resolve) => setTimeout(resolve, 50))
  socket.destroy()
  return heard.includes('lagged')
}

async function settled(stage: Stage, players: readonly Player[]): Promise<number[]> {
  for (const { pid } of players) process.kill(pid, 'SIGUSR2')
  await stage.pause(1_000, 1_000)
  return players.map(({ pid }) => memoryOf(pid).resident)
}

/** So many events a second by two members until then; in the second half of the time each has a listener that is deaf. */
export async function deafness(
  stage: Stage,
  agent: Agent,
  perSecond: number,
  until: number,
): Promise<{ lost: number; told: boolean }> {
  const [host] = stage.ours
  // What a process takes for a flood of events, deaf or not, it takes before it is weighed.
  const own: number[] = []
  let turn = 0
  const flood = (end: number) =>
    stage.evenly(perSecond, end, () => {
      turn += 1
      if (turn % 2 === 0) stage.speak(agent, PAYLOAD)
      else own.push(stage.speak(host, PAYLOAD))
    })
  const now = performance.now()
  await flood(now + (until - now) / 2)
  const stream = await deafStream(agent)
  await host.deafen()
  const before = await settled(stage, [host, agent])
  await flood(until)
  const after = await settled(stage, [host, agent])
  const more = after.map((bytes, i) => bytes - before[i])
  stage.story.check(
    'a deaf listener costs its process a bounded piece of memory',
    `${more.map((bytes) => `${Math.round(bytes / MIB)} MiB`).join(' in the library, ')} at the agent`,
    more.every((bytes) => bytes < MOST_MORE) ? 'met' : 'not met',
  )
  const heard = own.filter((event) => (stage.story.heard.get(host.name)?.[event] ?? 0) > 0).length
  stage.story.check(
    'another listener beside the deaf one hears all that its member says',
    `${heard} of ${own.length} events`,
    heard === own.length ? 'met' : 'not met',
  )
  const [lost, told] = await Promise.all([host.lagged(), isTold(stream)])
  return { lost, told }
}

/** An agent of ours in the pool. */
export async function ourAgent(stage: Stage, name: string, outfit: Clothes = {}): Promise<Agent> {
  const agent = await Agent.start('ours', name, stage.places.next(), stage.outfit(name, outfit), stage.story)
  await agent.join([stage.players[0].address])
  stage.add(agent)
  return agent
}

export const deaf: Scenario = {
  name: 'deaf',
  title: 'Listeners that never read',
  about: `Two of ours, an agent of ours and two real agents; one listener of the library and one stream of our agent's RPC never read while their two members say ${EVENTS} user events of 400 bytes a second; before, they said as many without deaf listeners.`,
  places: 5,
  needs: 'nothing',
  trouble: 60_000,
  length: 'as asked',
  async play(stage) {
    await stage.pool({ ours: 2, agents: 2 })
    const agent = await ourAgent(stage, 'folk-agent')
    const { lost, told } = await deafness(stage, agent, EVENTS, stage.end())
    stage.story.check(
      'who reads at last is told that something is lost',
      `${lost} events in the library; the stream of the agent ${told ? 'says so' : 'does not'}`,
      lost > 0 && told ? 'met' : 'not met',
    )
    await stage.calm(BOUND)
  },
}
