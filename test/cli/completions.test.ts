/** Completions in the shells themselves: each takes its script and completes commands, flags and words with it. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '../agent/processes.ts'
import { eventually, tieToUs } from '../interop/serf-agent.ts'

const folder = mkdtempSync(join(tmpdir(), 'folkmoot-completions-'))

/** Like those of real agents, tests with a shell run wherever it is, and in CI always. */
function without(program: string): string | false {
  const isThere = spawnSync(program, ['--version']).error === undefined
  return isThere || process.env.CI !== undefined ? false : `no \`${program}\` on this machine`
}

async function scriptFor(shell: string): Promise<string> {
  const { stdout, exit } = await run('ours', ['completion', shell])
  assert.equal(exit, 0)
  const file = join(folder, shell)
  writeFileSync(file, stdout)
  return file
}

/** What is completed of a line, in every shell: the last word of the first, with what is offered for it. */
const LINES: [string, string[]][] = [
  ['folkmoot mem', ['members']],
  ['folkmoot members -det', ['-detailed']],
  ['folkmoot force-leave -pr', ['-prune']],
  ['folkmoot agent -retry-m', ['-retry-max']],
  ['folkmoot keys rot', ['rotate']],
  ['folkmoot completion z', ['zsh']],
]

test('bash', async () => {
  const file = await scriptFor('bash')
  for (const [line, wanted] of LINES) {
    const words = line.split(' ')
    const script = `. ${file}; COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _folkmoot; echo "\${COMPREPLY[*]}"`
    const { stdout } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' })
    assert.deepEqual(stdout.trim().split(' '), wanted, line)
  }
})

test('fish', { skip: without('fish') }, async () => {
  const file = await scriptFor('fish')
  for (const [line, wanted] of LINES) {
    const { stdout } = spawnSync('fish', ['--no-config', '-c', `source ${file}; complete -C '${line}'`], {
      encoding: 'utf8',
    })
    const offered = stdout
      .trim()
      .split('\n')
      .map((one) => one.split('\t')[0])
    assert.deepEqual(offered, wanted, line)
  }
})

test('zsh, as it stands in .zshrc, with the Tab key', {
  skip: without('zsh') || without('script'),
}, async (t) => {
  const file = await scriptFor('zsh')
  const child = spawn('script', ['-qefc', 'zsh -f -i', '/dev/null'], {
    env: { ...process.env, TERM: 'dumb', HOME: folder },
  })
  tieToUs(child)
  t.after(() => {
    child.kill('SIGKILL')
  })
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text
  })
  child.stdin.write(`eval "$(cat ${file})"; echo rea''dy\n`)
  await eventually('the shell', () => shown.includes('ready'), { within: 30_000 })
  for (const [line, [wanted]] of LINES) {
    shown = ''
    // Completed by the key, and run as the argument of a command that shows it.
    child.stdin.write(`${line}\t`)
    await eventually(`${wanted} of ${line}, in ${shown}`, () => shown.includes(`${wanted} `), {
      within: 30_000,
    })
    child.stdin.write('\u0015')
  }
})

test('other shells are refused', async () => {
  const { stdout, exit } = await run('ours', ['completion', 'tcsh'])
  assert.deepEqual([stdout, exit], ['One of bash, zsh, fish must be named.\n', 1])
})
