/** Loads the module with which a host judges who is let in, in the thread that gossip runs in. */
import type { AdmitRules, Vetoes } from '../src/gossip/admission.ts'

/** The module's functions; undefined where the rules name no module. Rejects with what is wrong with it. */
export async function loadVetoes({ module }: AdmitRules): Promise<Vetoes | undefined> {
  if (module === undefined) return undefined
  const name = module.export ?? 'default'
  const loaded: unknown = await import(module.url)
  const vetoes: unknown =
    typeof loaded === 'object' && loaded !== null ? Reflect.get(loaded, name) : undefined
  if (isVetoes(vetoes)) return vetoes
  throw new TypeError(`its export ${name} is no object with functions alive or merge`)
}

function isVetoes(value: unknown): value is Vetoes {
  if (typeof value !== 'object' || value === null) return false
  const calls = ['alive', 'merge']
    .map((name): unknown => Reflect.get(value, name))
    .filter((call) => call !== undefined)
  return calls.length > 0 && calls.every((call) => typeof call === 'function')
}
