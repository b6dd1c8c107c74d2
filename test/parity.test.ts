/** The table of what the original asserts (PARITY.md) is true: every row names a test that is there, a reason, or who still owes it. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const folder = join(import.meta.dirname, '..', '..', 'test')
/** Lines of the protocol page's section 7. */
const LINES = 135

interface Row {
  line: string
  file: string
  text: string
}

const rows: Row[] = readFileSync(join(folder, 'PARITY.md'), 'utf8')
  .split('\n')
  .map((row) => /^\| `(Test\w+)` +\| (\S+) +\| (.+?) +\|$/.exec(row))
  .filter((match) => match !== null)
  .map(([, line, file, text]) => ({ line, file: file.replaceAll('`', ''), text }))

test('every line of the original is in the table, once', () => {
  assert.equal(rows.length, LINES)
  assert.equal(new Set(rows.map(({ line }) => line)).size, LINES)
})

/** Titles of the tests of a file, as they stand in its text; of one that a template makes, with the template. */
function titlesIn(path: string): string[] {
  const text = readFileSync(path, 'utf8')
  return [...text.matchAll(/\b(?:test|it)\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g)].map(([, , title]) => title)
}

/** Texts in a list of cases: where a template makes the titles, the name of the line is one of these. */
function casesIn(path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(/\[\s*'(Test\w+)'/g)].map(([, name]) => name)
}

test('every row names a test that runs, by its title, or says why there is none', () => {
  const missing = rows.filter(({ line, file, text }) => {
    if (file === '-') return text.length < 20
    const path = join(folder, file)
    if (!existsSync(path)) return true
    const titles = titlesIn(path)
    if (titles.some((title) => title.includes(text))) return false
    return !(titles.some((title) => title.startsWith('${')) && casesIn(path).includes(line))
  })
  assert.deepEqual(missing, [])
})

test('no row is open', () => {
  assert.deepEqual(
    rows.filter(({ file }) => file === 'open'),
    [],
  )
})
