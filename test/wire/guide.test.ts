/** The README's guide to `folkmoot/wire`: its program runs and prints what it says. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

test('the program of the guide shows a packet and where a broken one stops', (t) => {
  const [, program] = readFileSync(join(root, 'README.md'), 'utf8').match(/```js wire\n(.*?)```/s) ?? []
  assert.ok(program)
  const folder = mkdtempSync(join(root, 'dist', 'guide-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  // One nonce in 128 makes the broken packet a plain one, an indirect ping of nothing: here it is always the same.
  const chance = 'crypto.getRandomValues(new Uint8Array(12))'
  assert.ok(program.includes(chance))
  writeFileSync(join(folder, 'program.mjs'), program.replace(chance, 'new Uint8Array(12).fill(7)'))
  const [tree, ...stops] = execFileSync(process.execPath, [join(folder, 'program.mjs')], {
    encoding: 'utf8',
  }).split('\n')
  const { type, inner } = JSON.parse(tree)
  assert.equal(type, 'encrypt')
  assert.equal(inner.parts[0].fields.Node, 'web-1')
  assert.deepEqual(inner.parts[1].payload.fields, { LTime: 5, Node: 'web-2' })
  assert.match(stops.join(' '), /none of 1 keys opens it/)
})
