/** What a release weighs, maps of sources aside: by file, by folder of the sources and by module, for whoever wants it lighter. */
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Metafile } from 'esbuild'

const HEAVIEST = 30

/** Bytes that each module has in all files, before the second minifier. Heaviest first. */
function modulesOf({ outputs }: Metafile): [path: string, bytes: number][] {
  const bytes = new Map<string, number>()
  for (const { inputs } of Object.values(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      bytes.set(path, (bytes.get(path) ?? 0) + bytesInOutput)
    }
  }
  return heaviest([...bytes])
}

function heaviest(weights: [name: string, bytes: number][]): [name: string, bytes: number][] {
  return weights.sort(([, one], [, other]) => other - one)
}

/** Modules that are in more than one file: each costs its weight again. */
function doubled({ outputs }: Metafile): string[] {
  const files = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  )
  return files.filter((path, i) => files.indexOf(path) !== i)
}

/** The account as a text. `texts`: bytes of what is packed besides the code. */
export function account(release: string, metafile: Metafile, texts: Record<string, number>): string {
  const code = readdirSync(release, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(js|d\.ts)$/.test(name))
    .map((name): [string, number] => [name, statSync(join(release, name)).size])
  const files = heaviest([...code, ...Object.entries(texts)])
  const modules = modulesOf(metafile)
  const folders = new Map<string, number>()
  for (const [path, bytes] of modules) folders.set(dirname(path), (folders.get(dirname(path)) ?? 0) + bytes)
  const total = files.reduce((sum, [, bytes]) => sum + bytes, 0)
  const lines = (title: string, weights: [string, number][]) =>
    `${title}\n${weights.map(([name, bytes]) => `${String(bytes).padStart(8)} ${name}`).join('\n')}\n`
  return [
    lines('files', [...files, ['in all', total]]),
    lines('folders', heaviest([...folders])),
    lines(`the ${HEAVIEST} heaviest modules`, modules.slice(0, HEAVIEST)),
    `in more than one file: ${doubled(metafile).join(', ') || 'none'}`,
  ].join('\n')
}
