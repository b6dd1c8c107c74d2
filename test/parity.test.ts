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

test('every row names a test that is there, or says why there is none, or who has it', () => {
  const missing = rows.filter(({ line, file, text }) => {
    if (file === '-') return text.length < 20
    if (file === 'open') return !/^(net|query|files|detector|lead)$/.test(text)
    const path = join(folder, file)
    // A name made by a template stands in the file in its parts.
    return (
      !existsSync(path) ||
      !(readFileSync(path, 'utf8').includes(text) || readFileSync(path, 'utf8').includes(`'${line}'`))
    )
  })
  assert.deepEqual(missing, [])
})
