/** Virtual time for the code of hosts: timers of every kind, dates and clocks, as Node's are, and the real ones back afterwards. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import timers, { setTimeout as importedTimeout } from 'node:timers'
import {
  scheduler,
  setInterval as ticks,
  setImmediate as turn,
  setTimeout as wait,
} from 'node:timers/promises'
import { promisify } from 'node:util'
import { simulate } from 'folkmoot/simulator'

async function virtual(t: TestContext) {
  const sim = await simulate({ nodes: 0, startAt: 1_000_000 })
  t.after(() => sim.end())
  return sim
}

test('timers ring in order of their times, not before, and as often as they should', async (t) => {
  const sim = await virtual(t)
  const rung: string[] = []
  const ring = (name: string) => rung.push(`${name} ${sim.now}`)
  setTimeout(ring, 20, 'b')
  setTimeout(ring, 10, 'a')
  importedTimeout(ring, 15, 'imported')
  timers.setTimeout(ring, 16, 'module')
  setImmediate(ring, 'now')
  const every = setInterval(ring, 30, 'every')
  const never = setTimeout(ring, 5, 'never')
  clearTimeout(never)
  const byNumber = setTimeout(ring, 5, 'by number')
  clearTimeout(Number(byNumber))
  setTimeout(ring, -1, 'least')
  const stays = setTimeout(ring, 40, 'refreshed')
  await sim.advance(35)
  stays.refresh()
  assert.ok(stays.hasRef() && !stays.unref().hasRef())
  await sim.advance(65)
  clearInterval(every)
  await sim.advance(100)
  assert.deepEqual(rung, [
    'now 0',
    'least 1',
    'a 10',
    'imported 15',
    'module 16',
    'b 20',
    'every 30',
    'every 60',
    'refreshed 75',
    'every 90',
  ])
  assert.throws(() => Reflect.apply(setTimeout, undefined, ['no function']), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('promises wait in virtual time, and stop with their signals', async (t) => {
  const sim = await virtual(t)
  const waits = [
    wait(100, 'a'),
    promisify(setTimeout)(50, 'b'),
    scheduler.wait(70).then(() => 'c'),
    turn('d'),
    promisify(setImmediate)('e'),
    scheduler.yield().then(() => 'f'),
  ]
  assert.deepEqual(await sim.settled(Promise.all(waits)), ['a', 'b', 'c', 'd', 'e', 'f'])
  assert.equal(sim.now, 100)
  const abort = new AbortController()
  const stopped = wait(1_000, undefined, { signal: abort.signal })
  abort.abort()
  await assert.rejects(stopped, { name: 'AbortError', code: 'ABORT_ERR' })
  await assert.rejects(wait(1, undefined, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  const signal = AbortSignal.timeout(500)
  await sim.advance(499)
  assert.equal(signal.aborted, false)
  await sim.advance(1)
  assert.equal(signal.reason.name, 'TimeoutError')
  const read = async () => {
    let count = 0
    for await (const value of ticks(10, 'tick')) {
      assert.equal(value, 'tick')
      if (++count === 3) return sim.now
    }
    return 0
  }
  assert.equal(await sim.settled(read()), 630)
})

test('dates and clocks follow, for a process also when its clock jumps', async (t) => {
  const sim = await virtual(t)
  await sim.advance('1m')
  assert.equal(Date.now(), 1_060_000)
  assert.equal(Date(), new Date(1_060_000).toString())
  const made = new Date()
  assert.ok(made instanceof Date)
  assert.equal(made.getTime(), 1_060_000)
  assert.equal(new Date(5).getTime(), 5)
  assert.equal(new Date(2020, 0).getFullYear(), 2020)
  assert.equal(Date.UTC(1970, 0), 0)
  assert.equal(performance.now(), 60_000)
  assert.equal(process.hrtime.bigint(), 60_000_000_000n)
  assert.deepEqual(process.hrtime([59, 500_000_000]), [0, 500_000_000])
  const [one] = await sim.start(1)
  one.jumpClock(3_600_000)
  let seen = 0
  one.cluster.on('user-event', () => {
    seen = Date.now()
  })
  await sim.settled(one.cluster.userEvent('a'))
  await sim.until(() => seen > 0)
  assert.ok(seen >= 4_660_000 && seen < 4_700_000, String(seen))
  assert.ok(Date.now() < 1_100_000)
})

test('what stands at the end is what stood before', async () => {
  const before = [setTimeout, setInterval, setImmediate, clearTimeout, Date, performance.now, Math.random]
  const modules = [timers.setTimeout, importedTimeout, wait, scheduler, process.hrtime, AbortSignal.timeout]
  const sim = await simulate({ nodes: 2 })
  assert.notEqual(setTimeout, before[0])
  assert.notEqual(wait, modules[2])
  await sim.end()
  await sim.end()
  const after = [setTimeout, setInterval, setImmediate, clearTimeout, Date, performance.now, Math.random]
  const modulesAfter = [
    timers.setTimeout,
    importedTimeout,
    wait,
    scheduler,
    process.hrtime,
    AbortSignal.timeout,
  ]
  assert.deepEqual(after, before)
  assert.deepEqual(modulesAfter, modules)
  assert.ok(Date.now() > Date.UTC(2025, 0))
})
