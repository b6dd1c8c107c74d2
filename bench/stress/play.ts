/** Sets the place up for a scenario, has a process play it there, and clears away all that is left, whatever happened. */
import { fork, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Harbour, hasHarbours } from '../../test/netns/harbour.ts'
import { tieToUs } from '../kit/children.ts'
import { serfVersion } from '../kit/machine.ts'
import type { Harboured } from './places.ts'
import type { Played, PlayOrder } from './played.ts'
import type { Scenario } from './scenario.ts'

const PROGRAM = fileURLToPath(new URL('./act.js', import.meta.url))
/** What a scenario may take beside its trouble: to begin, to come to rest, to end. Rounds of calm may double it. */
const MORE_TIME = 240_000
const LAST_WORDS = 5_000

export interface PlayOptions {
  seed: number
  /** Milliseconds; for those scenarios that let themselves be told. */
  trouble: number | undefined
  /** `loopback`: no namespaces, even where they can be had. */
  ground: 'namespaces' | 'loopback'
}

export const groundHere: PlayOptions['ground'] = hasHarbours ? 'namespaces' : 'loopback'

/** Undefined where the scenario cannot be played on such ground. */
export async function play(
  { name, needs, places, trouble, length }: Scenario,
  options: PlayOptions,
): Promise<Played | undefined> {
  if (needs === 'walls' && options.ground === 'loopback') return undefined
  const ends: (() => void)[] = []
  const end = () => {
    for (const one of ends.splice(0).reverse()) one()
  }
  process.once('exit', end)
  try {
    const folder = mkdtempSync(join(tmpdir(), 'folkmoot-stress-'))
    ends.push(() => rmSync(folder, { recursive: true, force: true }))
    const ground =
      options.ground === 'namespaces' ? harboured(places, ends) : { own: '', berths: [], quay: '' }
    const asked = length === 'as asked' ? (options.trouble ?? trouble) : trouble
    const serf = serfVersion() === undefined ? 'no serf here' : 'with agents'
    return await acted({ name, seed: options.seed, trouble: asked, folder, serf, ...ground }, ground)
  } finally {
    end()
    process.off('exit', end)
  }
}

function harboured(places: number, ends: (() => void)[]): Harboured & { quay: string } {
  const harbour = new Harbour({ after: (end) => ends.push(end) })
  const quay = harbour.quay()
  const berths = Array.from({ length: places }, () => harbour.berth())
  ends.push(() => {
    for (const { namespace } of [quay, ...berths]) killAllIn(namespace)
  })
  return { own: quay.ip, berths, quay: quay.namespace }
}

/** A process that plays in a namespace of ours may have been killed before it could end what it started. */
function killAllIn(namespace: string): void {
  const { stdout } = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' })
  for (const pid of stdout.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // Gone in between.
    }
  }
}

function acted(order: PlayOrder, { quay }: { quay: string }): Promise<Played> {
  const child =
    quay === ''
      ? fork(PROGRAM, [])
      : fork(PROGRAM, [], { execPath: 'ip', execArgv: ['netns', 'exec', quay, process.execPath] })
  tieToUs(child)
  return new Promise((resolve) => {
    const fails = (why: string) => {
      const verdicts = [{ aim: 'it is played to its end', measured: why, verdict: 'not met' } as const]
      resolve({
        name: order.name,
        seed: order.seed,
        seconds: order.trouble / 1000,
        verdicts,
        numbers: {},
        memory: [],
      })
    }
    const patience = setTimeout(
      () => {
        child.kill('SIGTERM')
        setTimeout(() => child.kill('SIGKILL'), LAST_WORDS).unref()
        fails('it did not end by itself')
      },
      2 * order.trouble + MORE_TIME,
    )
    let result: Played | undefined
    child.once('message', (played: Played) => {
      result = played
    })
    child.once('exit', (code) => {
      clearTimeout(patience)
      if (result === undefined) fails(`its process ended with status ${code}`)
      else resolve(result)
    })
    child.send(order)
  })
}
