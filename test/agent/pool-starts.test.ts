/** What keeps an agent from starting: the same flags to a real agent and to ours, the same lines and the same exit status. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { freePort, freshIp, withoutSerf } from '../interop/serf-agent.ts'
import { type Kind, run } from './processes.ts'

const KEY = 'T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s='
const folder = mkdtempSync(join(tmpdir(), 'folkmoot-starts-'))
const FILES: Record<string, string> = {
  'tags.json': '{"a":"b"}',
  'bad.json': 'nonsense',
  'no-keys.json': '[]',
  'bad-key.json': '["zz"]',
  'short-key.json': '["YWJj"]',
  'keys.json': JSON.stringify([KEY]),
  'unknown.json': '{"unknown_x":1}',
  'protocol.json': '{"user_event_size_limit":10000}',
}
for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text)
mkdirSync(join(folder, 'folder'))
const at = (name: string) => join(folder, name)

const FAILURES: string[][] = [
  ['-encrypt=zz!'],
  ['-encrypt=YWJj'],
  ['-protocol=6'],
  ['-protocol=1'],
  ['-profile=bogus'],
  ['-iface=nosuch'],
  ['-iface=lo'],
  ['-bind=127.0.0.1:99999'],
  ['-bind=nosuchhost.invalid'],
  ['-advertise=nosuchhost.invalid'],
  ['-advertise=1.2.3.4:x'],
  ['-event-handler=foo=bar.sh'],
  ['-log-level=bogus'],
  ['-tag=foo'],
  ['-retry-interval=x'],
  ['-rpc-addr=127.0.0.1'],
  ['-rpc-addr=nosuchhost.invalid:1'],
  [`-tags-file=${at('tags.json')}`, '-role=b'],
  [`-tags-file=${at('bad.json')}`],
  [`-tags-file=${at('folder')}`],
  [`-keyring-file=${at('none')}`],
  [`-keyring-file=${at('bad-key.json')}`],
  [`-keyring-file=${at('bad.json')}`],
  [`-keyring-file=${at('short-key.json')}`],
  ['-snapshot=/nowhere/s'],
  [`-snapshot=${at('folder')}`],
  [`-config-file=${at('none')}`],
  [`-config-file=${at('bad.json')}`],
  [`-config-file=${at('unknown.json')}`],
  [`-config-file=${at('protocol.json')}`],
  ['-nosuchflag'],
]

/** Those that the original's own tests have a name for. */
const NAMED: [string, string[]][] = [
  ['TestAgentTagsFile_BadOptions', [`-tags-file=${at('tags.json')}`, '-tag=a=b']],
  ['TestAgentKeyringFile_BadOptions', [`-keyring-file=${at('keys.json')}`, `-encrypt=${KEY}`]],
  ['TestAgentKeyringFile_NoKeys', [`-keyring-file=${at('no-keys.json')}`]],
]

/** The lines that users see; what JSON parsers say, which server was asked for a name, and help are free. */
function saidBy(stdout: string): string[] {
  return stdout
    .replace(/(==> )?\n?(==> )?Usage: [\s\S]*$/, '')
    .replace(/127\.\d+\.\d+\.\d+/g, 'ADDRESS')
    .replace(/ on \S+:53: no such host/g, ': no such host')
    .replace(/(Failed to decode (tags|keyring) file: |Error decoding '[^']*bad.json': ).*/g, '$1')
    .split('\n')
    .filter((line) => line !== '' && line !== '==> ')
}

async function failsAlike(args: readonly string[]): Promise<void> {
  const ip = freshIp()
  const own = ['-node=n1', `-bind=${ip}:7946`, `-rpc-addr=${ip}:${await freePort(ip)}`]
  const [ours, real] = await Promise.all(
    (['ours', 'real'] satisfies Kind[]).map((kind) => run(kind, ['agent', ...own, ...args])),
  )
  assert.deepEqual(saidBy(ours.stdout), saidBy(real.stdout))
  assert.deepEqual([ours.exit, ours.stderr], [real.exit, real.stderr])
}

describe('starts that fail', { skip: withoutSerf }, () => {
  for (const [name, args] of NAMED) test(`${name}: as with the real agent`, () => failsAlike(args))
  for (const args of FAILURES) test(args.join(' ').replaceAll(folder, ''), () => failsAlike(args))
})
