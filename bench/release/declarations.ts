/**
 * The declarations of a release: one file per entry point, which names nothing but itself and Node. What a reader of them cannot use is left out.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateDtsBundle } from 'dts-bundle-generator'

const root = join(import.meta.dirname, '..', '..', '..')
const dist = join(root, 'dist')

/** Compiled files, relative to `dist`, without extension. */
export interface Entries {
  /** Modules to import, with declarations. */
  modules: string[]
  /** Files that are run, by a thread or a shell. */
  programs: string[]
}

/** Writes the declarations of all entries into the folder of the release. */
export function buildDeclarations(release: string, { modules, programs }: Entries): void {
  const library = modules.filter((path) => path.startsWith('src/'))
  bundleDeclarations(release, dist, library)
  bundleDeclarations(
    release,
    besideTheLibrary(release),
    modules.filter((path) => !library.includes(path)),
  )
  rmSync(join(release, 'declarations'), { recursive: true })
  for (const path of programs) writeFileSync(join(release, `${path}.d.ts`), 'export {}\n')
}

function bundleDeclarations(release: string, from: string, modules: string[]): void {
  const files = modules.map((path) => ({
    filePath: join(from, `${path}.d.ts`),
    output: { noBanner: true, exportReferencedTypes: false },
  }))
  const options = { preferredConfigPath: join(root, 'tsconfig.json') }
  for (const [i, text] of generateDtsBundle(files, options).entries()) {
    writeFileSync(join(release, `${modules[i]}.d.ts`), slim(text))
  }
}

/**
 * A folder with all declarations in which `folkmoot` is a package like any other: what names it there goes on naming it. A class that was copied
 * into two declarations would be two classes to TypeScript.
 */
function besideTheLibrary(release: string): string {
  const folder = join(release, 'declarations')
  const library = join(folder, 'node_modules', 'folkmoot')
  mkdirSync(library, { recursive: true })
  writeFileSync(join(library, 'package.json'), '{ "name": "folkmoot", "types": "index.d.ts" }\n')
  cpSync(join(release, 'src', 'index.d.ts'), join(library, 'index.d.ts'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  for (const part of ['src', 'workers']) cpSync(join(dist, part), join(folder, part), { recursive: true })
  return folder
}

/** A module's head comment is left standing before the first thing declared there, and says of it what is not true. */
function slim(text: string): string {
  return text.replace(/^\/\*\*(?:[^*]|\*(?!\/))*\*\/\n(?=\/\*\*)/gm, '')
}
