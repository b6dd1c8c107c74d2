/** One member again and again on one port: create, leave, shutdown. Fails when something grows or stays open. */
import { Cluster, type Threads } from 'folkmoot'

const MEBIBYTE = 1024 * 1024
const [, , placement, count] = process.argv
const placements: Threads[] = ['per-actor', 'one', 'none']
const threads = placements.find((candidate) => candidate === placement) ?? 'none'

async function cycle(bind: string): Promise<string> {
  const cluster = await Cluster.create({ nodeName: 'again', bind, threads, leavePropagateDelay: 0 })
  const { address, port } = cluster.localMember()
  await cluster.leave()
  await cluster.shutdown()
  return `${address}:${port}`
}

const address = await cycle('127.0.0.1:0')
// The first cycles fill caches and compile code; what grows after them is a leak.
const warm = Math.floor(Number(count) / 5)
for (let i = 0; i < warm; i++) await cycle(address)
globalThis.gc?.()
const before = process.memoryUsage().rss
for (let i = warm; i < Number(count); i++) await cycle(address)
globalThis.gc?.()
const grown = (process.memoryUsage().rss - before) / MEBIBYTE
// A closed handle is gone with the turn of the loop in which it was closed.
await new Promise((resolve) => setImmediate(resolve))
const open = process.getActiveResourcesInfo().filter((name) => !/^(TTY|Pipe|Immediate|Timeout)/.test(name))
if (open.length > 0) throw new Error(`left open: ${open}`)
if (grown > 40) throw new Error(`grew by ${grown.toFixed(1)} MiB`)
console.log(`${count} cycles on ${address}, ${grown.toFixed(1)} MiB`)
setTimeout(() => {
  console.log('the process did not end by itself')
  process.exit(1)
}, 5_000).unref()
