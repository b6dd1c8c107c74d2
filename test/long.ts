/**
 * Runs one of the long proofs: `npm run long -- NAME [seed]`. Each is a module of `test/long/` whose `prove` takes a seed and returns what it
 * found; the result goes to `test/results/NAME.json` with the commit it was made from, the seed and the time it took, to be committed.
 * Without a name it lists them. A proof that fails throws, and nothing is written.
 */
import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const here = import.meta.dirname
const [name, seedText] = process.argv.slice(2)
const names = readdirSync(join(here, 'long'))
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -3))

if (name === undefined || !names.includes(name)) {
  console.log(`npm run long -- NAME [seed], where NAME is one of: ${names.join(', ')}`)
  process.exit(name === undefined ? 0 : 2)
}

const seed = seedText === undefined ? randomInt(2 ** 31) : Number(seedText)
const { prove } = await import(`./long/${name}.js`)
const startedAt = performance.now()
const found: unknown = await prove(seed)
const seconds = Math.round((performance.now() - startedAt) / 1000)
const git = (...words: string[]) =>
  execFileSync('git', words, { cwd: join(here, '..', '..'), encoding: 'utf8' }).trim()
const commit =
  git('rev-parse', '--short', 'HEAD') +
  (git('status', '--porcelain') === '' ? '' : ' and uncommitted changes')
const folder = join(here, '..', '..', 'test', 'results')
mkdirSync(folder, { recursive: true })
const result = { name, commit, seed, seconds, node: process.version, found }
writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`)
console.log(JSON.stringify(result, null, 2))
