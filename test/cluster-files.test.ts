/** Files that a member is told to keep, where there is no place for them: said at the start, not when the first line is lost. */
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Cluster, FileUnreadable } from 'folkmoot'

test('a file in a folder that is not there ends the start and names the folder; one that is only not there yet does not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'folkmoot-files-'))
  const nowhere = join(folder, 'none', 'file')
  const start = { bind: '127.0.0.1:0', nodeName: 'keeper', threads: 'none' } as const
  for (const option of ['snapshotPath', 'tagsFile'] as const) {
    await assert.rejects(Cluster.create({ ...start, [option]: nowhere }), (error) => {
      assert.ok(error instanceof FileUnreadable)
      assert.match(error.message, /the folder .*none is not there/)
      return true
    })
    const cluster = await Cluster.create({ ...start, [option]: join(folder, option) })
    await cluster.shutdown()
  }
})
