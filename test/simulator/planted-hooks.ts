/** Hooks for the loading of modules that change one compiled module on its way into a process: how a bug is planted, in nothing that is shipped. */
import type { LoadHook } from 'node:module'
import { isPlan, type Plan } from './planted.ts'

let plan: Plan | undefined

export function initialize(given: unknown): void {
  if (!isPlan(given)) throw new TypeError('this is no plan of a bug')
  plan = given
}

export const load: LoadHook = async (url, context, next) => {
  const loaded = await next(url, context)
  if (plan === undefined || !url.endsWith(`/dist/src/${plan.module}`)) return loaded
  let source = new TextDecoder().decode(Buffer.from(String(loaded.source)))
  for (const [right, wrong] of plan.changes) {
    const found = source.split(right).length - 1
    if (found !== 1) throw new Error(`${plan.module} has ${found} times: ${right}`)
    source = source.replace(right, () => wrong)
  }
  return { ...loaded, source }
}
