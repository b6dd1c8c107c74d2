/** What tests of members in their own process need again and again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Cluster } from 'folkmoot'

/** Where others join a member: `ip:port`. */
export function addressOf(cluster: Cluster): string {
  const { address, port } = cluster.localMember()
  return `${address}:${port}`
}

/** A folder that is gone after the test. */
export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'folkmoot-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
