/**
 * The tables of what the original asserts (PARITY.md for Serf, AGENT-PARITY.md for its agent) are true: every row names a test that is there, a
 * reason, or who still owes it.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const folder = join(import.meta.dirname, '..', '..', 'test')
/** Lines of section 7 of the protocol page on Serf, and of section 6 of that on the agent. */
const TABLES = { 'PARITY.md': 135, 'AGENT-PARITY.md': 104 }

interface Row {
  line: string
  file: string
  text: string
}

function rowsOf(table: string): Row[] {
  return readFileSync(join(folder, table), 'utf8')
    .split('\n')
    .map((row) => /^\| `(Test\w+)` +\| (\S+) +\| (.+?) +\|$/.exec(row))
    .filter((match) => match !== null)
    .map(([, line, file, text]) => ({ line, file: file.replaceAll('`', ''), text }))
}

const rows = Object.keys(TABLES).flatMap(rowsOf)

for (const [table, lines] of Object.entries(TABLES)) {
  test(`every line of the original is in ${table}, once`, () => {
    const names = rowsOf(table).map(({ line }) => line)
    assert.equal(names.length, lines)
    assert.equal(new Set(names).size, lines)
  })
}

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
