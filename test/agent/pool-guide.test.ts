/** The README's guide to the agent: its commands run, line by line, and its table names every setting. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { SETTINGS } from '../../src/agent/settings-table.ts'
import { eventually, freshIp, tieToUs } from '../interop/serf-agent.ts'
import { consumer, withoutRegistry } from '../packaging/workshop.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const CLI = join(import.meta.dirname, '..', '..', 'workers', 'cli', 'main.js')

/** The settings as the README shows them. */
function settingsTable(): string {
  const rows = Object.entries(SETTINGS).map(([key, { kind, flag, help }]) => {
    return `| \`${key}\` | ${flag === '' ? '' : `\`-${flag}\``} | ${kind} | ${help} |\n`
  })
  return `| key | flag | kind | |\n| --- | --- | --- | --- |\n${rows.join('')}`
}

test('the README lists every setting as it is', () => {
  if (process.env.PRINT_SETTINGS !== undefined) console.log(settingsTable())
  assert.ok(readme.includes(settingsTable()), 'PRINT_SETTINGS=1 prints what belongs there')
})

test('the guide to the agent runs as it stands there', { skip: process.platform === 'win32' }, async (t) => {
  const [, script] = /```sh agent\n([\s\S]*?)```/.exec(readme) ?? []
  assert.ok(script !== undefined)
  const folder = mkdtempSync(join(tmpdir(), 'folkmoot-guide-'))
  // As packed and installed, where that can be had: what `npx` would find, without its second of looking for it.
  const installed = (await withoutRegistry()) === false
  const program = installed
    ? join(await consumer(), 'node_modules', '.bin', 'folkmoot')
    : `${process.execPath}" "${CLI}`
  writeFileSync(join(folder, 'npx'), `#!/bin/sh\nshift\nexec "${program}" "$@"\n`)
  chmodSync(join(folder, 'npx'), 0o755)
  const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` }
  const own: Record<string, string> = { '127.0.0.2': freshIp(), '127.0.0.3': freshIp() }
  const said: string[] = []
  for (const line of script.trim().split('\n')) {
    const ours = line.replace(/127\.0\.0\.[23]/g, (ip) => own[ip])
    if (ours.startsWith('export ')) {
      const [name, value] = ours.slice('export '.length).split('=')
      env[name] = value
    } else if (ours.endsWith(' &')) {
      const agent = spawn('/bin/sh', ['-c', `exec ${ours.slice(0, -2)}`], {
        cwd: folder,
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      tieToUs(agent)
      t.after(async () => {
        if (agent.exitCode !== null || agent.signalCode !== null) return
        agent.kill('SIGKILL')
        await once(agent, 'exit')
      })
      let output = ''
      agent.stdout.on('data', (text) => {
        output += text
      })
      // Where a person reads on, we wait.
      await eventually('the agent', () => output.includes('Log data will now stream'), { within: 30_000 })
    } else {
      const { stdout, status } = spawnSync('/bin/sh', ['-c', ours], { cwd: folder, env, encoding: 'utf8' })
      assert.equal(status, 0, `${line}\n${stdout}`)
      said.push(stdout)
      const deployed = join(folder, 'deployed.txt')
      const isThere = () => existsSync(deployed) && readFileSync(deployed, 'utf8') === '1.2.3\n'
      if (line.includes('event deploy')) await eventually('the script ran', isThere, { within: 30_000 })
    }
  }
  const [joined, members, event, query, left] = said
  assert.match(joined, /^Successfully joined cluster by contacting 1 nodes\.$/m)
  assert.match(members, /^one .* alive[\s\S]*^two .* alive|^two .* alive[\s\S]*^one .* alive/m)
  assert.match(event, /^Event 'deploy' dispatched!/)
  assert.match(query, /^Response from 'one': \d/m)
  assert.equal(left, 'Graceful leave complete\n')
})
