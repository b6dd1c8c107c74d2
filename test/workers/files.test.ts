/** Files on the real disk: whole or not at all, in order, with their modes. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type FileOutcome, Files } from '../../src/dispatch/files.ts'
import { DiskFiles } from '../../workers/files.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)

function onDisk(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'folkmoot-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const files: Files = new Files((operation) => disk.run(operation))
  const disk = new DiskFiles((number, outcome) => files.finished(number, outcome))
  const done = (run: (done: (outcome: FileOutcome) => void) => void) => new Promise<FileOutcome>(run)
  return { folder, files, disk, done, path: join(folder, 'file') }
}

test('operations on a path happen in order, and close waits for them', async (t) => {
  const { files, disk, path } = onDisk(t)
  const order: string[] = []
  const note = (what: string) => (outcome: FileOutcome) => order.push(`${what} ${outcome.ok}`)
  files.append(path, utf8('one\n'), 0o644, 'buffer', note('append'))
  files.replace(path, utf8('two\n'), 0o600, note('replace'))
  files.append(path, utf8('three\n'), 0o644, 'sync', note('append'))
  files.read(path, (outcome) => order.push(outcome.ok ? Buffer.from(outcome.bytes).toString() : outcome.code))
  await disk.close()
  assert.deepEqual(order, ['append true', 'replace true', 'append true', 'two\nthree\n'])
  assert.equal(files.underWay, 0)
})

test('a replaced file has the mode asked for, and nothing is left beside it', async (t) => {
  const { files, done, path, folder } = onDisk(t)
  writeFileSync(path, 'old', { mode: 0o644 })
  writeFileSync(`${path}.new`, 'left by a crash')
  assert.deepEqual(await done((end) => files.replace(path, utf8('secret'), 0o600, end)), {
    ok: true,
    bytes: new Uint8Array(0),
  })
  assert.equal(readFileSync(path, 'utf8'), 'secret')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(folder), ['file'])
})

test('a link is followed, not replaced', async (t) => {
  const { files, done, path, folder } = onDisk(t)
  writeFileSync(path, 'old')
  const link = join(folder, 'link')
  symlinkSync(path, link)
  await done((end) => files.replace(link, utf8('new'), 0o600, end))
  assert.equal(readFileSync(path, 'utf8'), 'new')
})

test('what cannot be done is said with the code of the system, and the old file stays', async (t) => {
  const { files, done, path, folder } = onDisk(t)
  const code = async (run: (end: (outcome: FileOutcome) => void) => void) => {
    const outcome = await done(run)
    return outcome.ok ? 'ok' : outcome.code
  }
  assert.equal(await code((end) => files.read(path, end)), 'ENOENT')
  assert.equal(await code((end) => files.read(folder, end)), 'EISDIR')
  const nowhere = join(folder, 'no', 'such')
  assert.equal(await code((end) => files.read(nowhere, end)), 'ENOTDIR', 'never to be made')
  assert.equal(await code((end) => files.append(nowhere, utf8('x'), 0o644, 'buffer', end)), 'ENOENT')
  assert.equal(await code((end) => files.replace(nowhere, utf8('x'), 0o644, end)), 'ENOENT')
  assert.equal(await code((end) => files.replace(folder, utf8('x'), 0o644, end)), 'EISDIR')
  assert.equal(existsSync(`${folder}.new`), false)
  // Root may write anywhere, so a full device stands for a disk that refuses.
  if (existsSync('/dev/full')) {
    assert.equal(await code((end) => files.append('/dev/full', utf8('x'), 0o644, 'buffer', end)), 'ENOSPC')
  }
  chmodSync(folder, 0o700)
})

test('more than 64 operations under way are refused, and nothing was done', async (t) => {
  const { files, disk, path } = onDisk(t)
  const codes: string[] = []
  for (let i = 0; i < 65; i++) {
    files.append(path, utf8('x'), 0o644, 'buffer', (outcome) => codes.push(outcome.ok ? 'ok' : outcome.code))
  }
  assert.deepEqual(codes, ['EBUSY'])
  await disk.close()
  assert.equal(readFileSync(path, 'utf8').length, 64)
})
