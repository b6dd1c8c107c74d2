/**
 * Where the tools of a test are lacking (root, `ip`, `nft`, `serf`) it fails in CI, for otherwise nobody would notice that nothing is tested
 * any more; elsewhere it is skipped and says so.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'

/** Runs a test file where no program is on the path. */
function runBare(file: string, climate: 'in CI' | 'by hand') {
  const { NODE_TEST_CONTEXT: _, CI: __, ...env } = process.env
  const bare = { ...env, PATH: join(tmpdir(), 'nothing-is-here') }
  return spawnSync(process.execPath, [join(import.meta.dirname, '..', file)], {
    encoding: 'utf8',
    env: climate === 'in CI' ? { ...bare, CI: 'true' } : bare,
  })
}

const FILES = [
  { file: 'netns/firewalls.test.js', reason: /no root, `ip netns` or `nft` here/ },
  { file: 'interop/events.test.js', reason: /no `serf` on this machine/ },
]
describe('without tools', { concurrency: true }, () => {
  for (const { file, reason } of FILES) {
    test(`${file} fails in CI`, () => {
      const { status, stdout } = runBare(file, 'in CI')
      assert.notEqual(status, 0)
      assert.ok(reason.test(stdout), stdout.slice(0, 500))
    })

    test(`${file} is skipped elsewhere, and says why`, () => {
      const { status, stdout } = runBare(file, 'by hand')
      assert.equal(status, 0, stdout)
      assert.match(stdout, /SKIPPED/)
      assert.doesNotMatch(stdout, /^# fail [1-9]|ℹ fail [1-9]/m)
    })
  }
})
