/**
 * One member again and again on one port: create, leave where it is wished, shutdown. Fails when something grows or stays open. Its last line says
 * what was found, and when the last shutdown was over: from then on nothing keeps the process.
 *
 *     node --expose-gc cycles.js PLACEMENT COUNT [leave | shutdown]
 */
import { Cluster, type Threads } from 'folkmoot'

const MEBIBYTE = 1024 * 1024
const MOST_GROWTH = 40
const [, , placement, count, ending = 'leave'] = process.argv
const placements: Threads[] = ['per-actor', 'one', 'none']
const threads = placements.find((candidate) => candidate === placement) ?? 'none'

async function cycle(bind: string): Promise<string> {
  const cluster = await Cluster.create({ nodeName: 'again', bind, threads, leavePropagateDelay: 0 })
  const { address, port } = cluster.localMember()
  if (ending === 'leave') await cluster.leave()
  await cluster.shutdown()
  return `${address}:${port}`
}

/** Handles that are open, once those that were closed in this turn are gone. */
async function open(): Promise<string[]> {
  await new Promise((resolve) => setImmediate(resolve))
  return process.getActiveResourcesInfo().filter((name) => !/^(TTY|Pipe|Immediate|Timeout)/.test(name))
}

function memory(): { rss: number; heap: number } {
  globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  return { rss: rss / MEBIBYTE, heap: heapUsed / MEBIBYTE }
}

const address = await cycle('127.0.0.1:0')
// The first cycles fill caches and compile code; what grows after them is a leak.
const warm = Math.floor(Number(count) / 5)
for (let i = 0; i < warm; i++) await cycle(address)
const before = memory()
for (let i = warm; i < Number(count) - 1; i++) await cycle(address)
const after = memory()
const handles = await open()
if (handles.length > 0) throw new Error(`left open: ${handles}`)
const [rss, heap] = [after.rss - before.rss, after.heap - before.heap]
if (rss > MOST_GROWTH) throw new Error(`grew by ${rss.toFixed(1)} MiB`)
await cycle(address)
const found = { cycles: Number(count), threads, ending, rssGrowth: rss, heapGrowth: heap, overAt: Date.now() }
console.log(JSON.stringify(found))
setTimeout(() => {
  console.log('the process did not end by itself')
  process.exit(1)
}, 5_000).unref()
