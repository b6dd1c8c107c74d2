/**
 * `npm start`: three members on loopback in one process, each with its own three threads. They find each other, talk, lose one and see it come
 * back. With `--join ADDRESS` one member that joins an existing pool, such as one of real Serf agents.
 *
 *     npm start -- [--for SECONDS] [--join ADDRESS [--bind IP[:PORT]] [--name NAME]]
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Cluster, isFolkmootError, type Member } from 'folkmoot'

const USAGE = 'usage: npm start -- [--for SECONDS] [--join ADDRESS [--bind IP[:PORT]] [--name NAME]]'

const flags = readFlags()

function readFlags() {
  try {
    const { values } = parseArgs({
      options: {
        for: { type: 'string' },
        join: { type: 'string' },
        bind: { type: 'string' },
        name: { type: 'string' },
      },
    })
    if (values.for === undefined || Number(values.for) > 0) return values
    console.error(`--for ${values.for}: seconds, more than 0`)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
  }
  console.error(USAGE)
  process.exit(1)
}

/** The program that a newcomer writes: log who comes and goes, print the members every five seconds, leave on a signal. */
async function newcomer(seed: string): Promise<Cluster> {
  const cluster = await Cluster.create({
    bind: flags.bind ?? '127.0.0.1:0',
    nodeName: flags.name ?? 'newcomer',
    compression: false,
  })
  for (const type of ['member-join', 'member-leave', 'member-failed'] as const) {
    cluster.on(type, ({ members }) => console.log(type, ...members.map(({ name }) => name)))
  }
  const timer = setInterval(() => console.log(cluster.members().map(({ name }) => name)), 5_000)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      clearInterval(timer)
      await cluster.leave()
      await cluster.shutdown()
    })
  }
  await cluster.join([seed])
  return cluster
}

function say(who: string, what: string): void {
  console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${who.padEnd(8)} ${what}`)
}

function row({ name, address, port, status, tags }: Member): string {
  const shown = Object.entries(tags).map(([tag, value]) => `${tag}=${value}`)
  return `  ${name.padEnd(8)} ${`${address}:${port}`.padEnd(21)} ${status.padEnd(8)} ${shown.join(',')}`
}

/** A member that says what it sees. Its address stays the same over restarts. */
async function startMember(name: string, bind: string): Promise<Cluster> {
  const cluster = await Cluster.create({ nodeName: name, bind, tags: { role: 'demo' }, profile: 'local' })
  for (const type of ['member-join', 'member-leave', 'member-failed', 'member-update'] as const) {
    cluster.on(type, ({ members }) => {
      for (const member of members) if (member.name !== name) say(name, `${type} ${member.name}`)
    })
  }
  cluster.on('user-event', ({ name: event, payload }) =>
    say(name, `user-event ${event}: ${new TextDecoder().decode(payload)}`),
  )
  return cluster
}

/** Resolves when one of the members, who must not be the dead one, says that it failed. */
function failureOf(name: string, witness: Cluster): Promise<void> {
  return new Promise((resolve) => {
    witness.on('member-failed', ({ members }) => {
      if (members.some((member) => member.name === name)) resolve()
    })
  })
}

/** Ends at a signal, a second one at once, or when the time is over. */
const ending = new AbortController()

function endOn(): void {
  let signals = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      signals += 1
      if (signals > 1) process.exit(1)
      ending.abort()
    })
  }
  if (flags.for !== undefined) setTimeout(() => ending.abort(), Number(flags.for) * 1_000).unref()
}

/** Sleeps; false when the end came first. */
async function pause(milliseconds: number): Promise<boolean> {
  await sleep(milliseconds, undefined, { signal: ending.signal }).catch(() => undefined)
  return !ending.signal.aborted
}

async function story(members: Map<string, Cluster>): Promise<void> {
  const address = (name: string) => {
    const { address: ip, port } = members.get(name)?.localMember() ?? { address: '', port: 0 }
    return `${ip}:${port}`
  }
  for (const name of ['anna', 'bert', 'cleo']) members.set(name, await startMember(name, '127.0.0.1:0'))
  const [anna, bert, cleo] = members.values()
  await bert.join([address('anna')])
  await cleo.join([address('anna')])
  if (!(await pause(1_000))) return
  await bert.userEvent('greeting', 'the moot is open')
  if (!(await pause(1_000))) return

  const home = address('cleo')
  say('', 'cleo is killed: no word to anybody')
  const killedAt = performance.now()
  const failed = failureOf('cleo', anna)
  await cleo.shutdown()
  members.delete('cleo')
  await Promise.race([failed, pause(60_000)])
  if (ending.signal.aborted) return
  say('', `anna knew after ${((performance.now() - killedAt) / 1000).toFixed(1)} s`)

  const again = await startMember('cleo', home)
  members.set('cleo', again)
  await again.join([address('anna')])
  say('', 'cleo is back; press Ctrl-C to leave')
  await pause(2 ** 31 - 1)
}

async function threeMembers(): Promise<void> {
  endOn()
  const members = new Map<string, Cluster>()
  const table = setInterval(() => {
    const [first] = members.values()
    if (first !== undefined) console.log(first.members().map(row).join('\n'))
  }, 5_000)
  await story(members)
  clearInterval(table)
  say('', 'leaving')
  for (const member of members.values()) {
    await member.leave()
    await member.shutdown()
  }
}

try {
  if (flags.join === undefined) await threeMembers()
  else {
    const cluster = await newcomer(flags.join)
    if (flags.for !== undefined)
      setTimeout(() => process.kill(process.pid, 'SIGTERM'), Number(flags.for) * 1_000).unref()
    say(cluster.localMember().name, `joined ${flags.join}`)
  }
} catch (error) {
  if (!isFolkmootError(error)) throw error
  console.error(`${error.code}: ${error.message}`)
  process.exit(1)
}
