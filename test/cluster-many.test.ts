/** Many members in one process, and one member many times: nothing leaks, nothing is left open. In processes of their own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cycles } from './cycles.ts'

/** Runs a script to its end; it must end by itself. */
async function ended(script: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const file = fileURLToPath(new URL(`./scripts/${script}.js`, import.meta.url))
  const child = spawn(process.execPath, ['--expose-gc', file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text
    })
  }
  const [code] = await once(child, 'exit')
  return { code, output }
}

test('twenty members in one process form one view, survive the death of five, and the process ends by itself', async () => {
  const { code, output } = await ended('twenty')
  assert.equal(code, 0, output)
  assert.match(output, /one view of 20[\s\S]*5 failed everywhere[\s\S]*all shut down/)
})

for (const threads of ['none', 'one', 'per-actor']) {
  for (const ending of ['leave', 'shutdown'] as const) {
    const count = threads === 'none' ? 100 : 25
    test(`${count} times create and ${ending} on one port, ${threads}: no EADDRINUSE, no growth, no open handle, and the process ends`, async () => {
      const { endedAfter } = await cycles(threads, count, ending)
      // What a loaded machine needs to end a process is not our matter: the long proof has a tight bound.
      assert.ok(endedAfter < 4_000, `the process ended ${endedAfter} ms after the last shutdown`)
    })
  }
}
