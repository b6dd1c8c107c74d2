/** Handlers for threads of their own, as a host would write them. */
import { setTimeout as sleep } from 'node:timers/promises'

export async function report({ name }: { name: string }): Promise<string> {
  await sleep(name === 'slow' ? 60_000 : 100)
  return `${name} done`
}
