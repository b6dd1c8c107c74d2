/** Lines of the original's agent tests about single pieces: tags, handlers and keys of the configuration, the console, the log, syslog. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { configure } from '../../src/agent/config.ts'
import { LogBook } from '../../src/agent/log-book.ts'
import { agentFlags } from '../../src/agent/settings-table.ts'
import { tagsOf } from '../../src/cli/command.ts'
import { parseFlags } from '../../src/cli/flags.ts'
import { Console } from '../../workers/agent/console.ts'
import { syslog } from '../../workers/agent/syslog.ts'

function config(args: string[], text?: string) {
  const files = {
    read: (path: string) => {
      if (text === undefined) throw new Error(`open ${path}: no such file or directory`)
      return text
    },
    list: () => undefined,
  }
  return configure(parseFlags(agentFlags(), args), files, 'host')
}

test('TestAgent_UnmarshalTags: a list of k=v becomes a map', () => {
  assert.deepEqual(
    { ...tagsOf(['tag1=val1', 'tag2=val2=x', 'tag3=']) },
    { tag1: 'val1', tag2: 'val2=x', tag3: '' },
  )
})

test('TestAgent_UnmarshalTagsError: what is no k=v is refused', () => {
  for (const wrong of ['=', '=x', '', 'x']) assert.throws(() => tagsOf([wrong]), /Invalid tag/)
})

test('TestConfigEncryptBytes: a key decodes; no key is none', () => {
  const { cluster } = config(['-encrypt=MTIzNDU2Nzg5MGFiY2RlZg=='])
  assert.deepEqual(
    cluster.encryptionKeys?.map((key) => Buffer.from(String(key), 'base64').toString()),
    ['1234567890abcdef'],
  )
  assert.equal(config([]).cluster.encryptionKeys, undefined)
})

test('TestConfigEventScripts: a handler without a filter is for all, one with it for that', () => {
  const { handlers } = config(['-event-handler=foo.sh', '-event-handler=user=blah.sh'])
  assert.deepEqual(
    handlers.map(({ filter, script }) => [filter.kind, script]),
    [
      ['*', 'foo.sh'],
      ['user', 'blah.sh'],
    ],
  )
})

test('TestDecodeConfig_unknownDirective: an unknown key is an error', () => {
  assert.throws(
    () => config(['-config-file=/a'], '{"unknown_directive":"titi"}'),
    /invalid keys: unknown_directive/,
  )
})

test('TestReadConfigPaths_badPath: a missing path is an error', () => {
  assert.throws(() => config(['-config-file=/i/shouldnt/exist']), /Error reading/)
})

test('TestAppendSliceValueSet: a repeated flag appends', () => {
  assert.deepEqual(config(['-join=foo', '-join=bar']).startJoin, ['foo', 'bar'])
})

test('TestGatedWriter: nothing before the flush, everything in order at it, direct afterwards', (t) => {
  let shown = ''
  t.mock.method(process.stdout, 'write', (text: string) => {
    shown += text
    return true
  })
  const book = new LogBook('INFO', () => new Date(0))
  const flush = new Console().show(book, 'text')
  book.log('INFO', 'one')
  book.log('DEBUG', 'too low')
  book.log('INFO', 'two')
  const held = shown
  flush()
  const flushed = shown
  book.log('WARN', 'three')
  const all = shown
  t.mock.restoreAll()
  assert.equal(held, '')
  assert.match(flushed, /^ {4}\S+ \S+ \[INFO\] one\n {4}\S+ \S+ \[INFO\] two\n$/)
  assert.match(all, /\[WARN\] three\n$/)
})

test('lines of -log-format=json are JSON, each with time, level and message', (t) => {
  let shown = ''
  t.mock.method(process.stdout, 'write', (text: string) => {
    shown += text
    return true
  })
  const book = new LogBook('INFO', () => new Date(2026, 0, 2, 3, 4, 5))
  new Console().show(book, 'json')()
  book.log('ERR', 'say "no"\nagain')
  t.mock.restoreAll()
  assert.deepEqual(JSON.parse(shown), {
    time: '2026/01/02 03:04:05',
    level: 'ERR',
    message: 'say "no"\nagain',
  })
})

test('TestIPCLogStream: level INFO drops a debug line and passes an info line', () => {
  const book = new LogBook('INFO', () => new Date(0))
  const heard: string[] = []
  book.follow('INFO', (line) => heard.push(line))
  book.log('DEBUG', 'test')
  book.log('INFO', 'test')
  assert.equal(heard.length, 1)
  assert.match(heard[0], /\[INFO\] test$/)
})

test('TestLogWriter: the last lines are replayed, as many as are remembered, then live ones until the end', () => {
  const book = new LogBook('INFO', () => new Date(0))
  for (let i = 0; i < 600; i++) book.log('DEBUG', `line ${i}`)
  const heard: string[] = []
  const stop = book.follow('TRACE', (line) => heard.push(line))
  assert.equal(heard.length, 512)
  assert.match(heard[0], /line 88$/)
  book.log('INFO', 'live')
  stop()
  book.log('INFO', 'unheard')
  assert.match(heard.at(-1) ?? '', /live$/)
})

const withoutLogger =
  spawnSync('logger', ['--version']).error === undefined ? false : 'no `logger` on this machine'

test('TestSyslogFilter: lines of the level go to `logger` with priority and text, others do not; a facility must exist', {
  skip: withoutLogger,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'folkmoot-syslog-'))
  const said = join(folder, 'said')
  // The real program, told not to send but to show what it would send.
  writeFileSync(
    join(folder, 'logger'),
    `#!/bin/sh\nPATH="${process.env.PATH}" exec logger --no-act --stderr --socket-errors=off "$@" 2>"${said}"\n`,
  )
  chmodSync(join(folder, 'logger'), 0o755)
  const before = process.env.PATH
  process.env.PATH = `${folder}${delimiter}${before}`
  t.after(() => {
    process.env.PATH = before
  })
  const book = new LogBook('INFO', () => new Date(0))
  assert.throws(() => syslog(book, 'LOCAL9'), /^Error: Syslog setup failed: invalid syslog facility: LOCAL9$/)
  const end = syslog(book, 'LOCAL0')
  book.log('DEBUG', 'agent: too low')
  book.log('INFO', 'agent: Serf agent starting')
  book.log('WARN', 'serf: two\nlines')
  book.log('ERR', 'agent.ipc: bad')
  end()
  const lines = () => (existsSync(said) ? readFileSync(said, 'utf8').trim().split('\n') : [])
  for (let waited = 0; lines().length < 3; waited += 20) {
    assert.ok(waited < 20_000, lines().join('\n'))
    await sleep(20)
  }
  const told = lines().map((line) => line.replace(/^(<\d+>).*?(serf\[\d+\]: )/, '$1$2'))
  assert.deepEqual(told, [
    `<133>serf[${process.pid}]: agent: Serf agent starting`,
    `<132>serf[${process.pid}]: serf: two lines`,
    `<131>serf[${process.pid}]: agent.ipc: bad`,
  ])
})
