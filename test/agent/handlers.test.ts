/** Event handlers: what they are told, in what order they run, and that one that hangs hurts nobody else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Happening } from '../../src/agent/desk.ts'
import { isValid, parseFilters, parseHandler, passes } from '../../src/agent/filters.ts'
import { environment, Handlers, stdinOf } from '../../src/agent/handlers.ts'
import { runScript } from '../../workers/agent/shell.ts'
import { eventually } from '../eventually.ts'

const SELF = { name: 'n1', tags: { role: 'web', 'data-center': 'east' } }
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const bytes = (value: string) => new TextEncoder().encode(value)

function user(name: string, payload = ''): Happening {
  return { kind: 'user', name, lTime: 1, payload: bytes(payload), coalesce: false }
}

test('TestParseEventFilter: empty is everything; lists; user:x and query:x name one event', () => {
  assert.deepEqual(parseFilters(''), [{ kind: '*', name: '' }])
  assert.deepEqual(parseFilters('member-join,user:deploy,query:'), [
    { kind: 'member-join', name: '' },
    { kind: 'user', name: 'deploy' },
    { kind: 'query', name: '' },
  ])
})

test('TestEventScriptValid: seven types and «*», in their own case', () => {
  const valid = [
    '*',
    'member-join',
    'member-leave',
    'member-failed',
    'member-update',
    'member-reap',
    'user',
    'query',
    'user:x',
  ]
  for (const one of valid) assert.ok(parseFilters(one).every(isValid), one)
  for (const one of ['User', 'member', 'Query', ' user', 'user,', 'member-join:x'])
    assert.ok(!parseFilters(one).every(isValid), one)
})

test('TestEventScriptInvoke: type and name must match', () => {
  const [filter] = parseFilters('user:deploy')
  assert.ok(passes(filter, 'user', 'deploy'))
  assert.ok(!passes(filter, 'user', 'other'))
  assert.ok(!passes(filter, 'query', 'deploy'))
  assert.ok(passes(parseFilters('*')[0], 'member-reap', ''))
})

test('TestParseEventScript: split at the first «=», one handler for each filter', () => {
  assert.deepEqual(parseHandler('foo.sh'), [{ filter: { kind: '*', name: '' }, script: 'foo.sh' }])
  assert.deepEqual(parseHandler('=x'), [{ filter: { kind: '*', name: '' }, script: 'x' }])
  assert.deepEqual(
    parseHandler('member-join,user:deploy=A=1 x').map(({ script }) => script),
    ['A=1 x', 'A=1 x'],
  )
  assert.deepEqual(parseHandler('FOO=1 ./x')[0].filter, { kind: 'FOO', name: '' })
})

test('TestScriptEventHandler: environment and one line for each member, tabs and newlines made harmless', () => {
  const member = {
    port: 1,
    status: 'alive',
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 5,
  }
  const happening: Happening = {
    kind: 'member-join',
    members: [
      { ...member, name: 'a\tb\nc', addr: Uint8Array.of(10, 0, 0, 1), tags: { role: 'x\ny', dc: 'east' } },
    ],
  }
  assert.equal(text(stdinOf(happening)), 'a\\tb\\nc\t10.0.0.1\tx\\ny\trole=x\\ny,dc=east\n')
  assert.deepEqual(environment(happening, SELF), {
    SERF_EVENT: 'member-join',
    SERF_SELF_NAME: 'n1',
    SERF_SELF_ROLE: 'web',
    SERF_TAG_ROLE: 'web',
    SERF_TAG_DATA_CENTER: 'east',
  })
})

test('TestScriptUserEventHandler: name, time, and the payload with a newline', () => {
  assert.equal(text(stdinOf(user('deploy', 'v1'))), 'v1\n')
  assert.equal(text(stdinOf(user('deploy', 'v1\n'))), 'v1\n')
  assert.equal(text(stdinOf(user('deploy'))), '')
  const env = environment(user('deploy'), SELF)
  assert.deepEqual([env.SERF_EVENT, env.SERF_USER_EVENT, env.SERF_USER_LTIME], ['user', 'deploy', '1'])
})

/** Handlers over the real shell, and what they logged. */
function handlersOf(scripts: string[], limits = { timeout: 5_000, concurrency: 1 }) {
  const lines: string[] = []
  const specs = scripts.flatMap(parseHandler)
  const handlers = new Handlers(specs, limits, {
    run: runScript,
    later: (ms, call) => {
      const timer = setTimeout(call, ms)
      return () => clearTimeout(timer)
    },
    log: (level, line) => lines.push(`${level} ${line}`),
    took: () => undefined,
    now: () => performance.now(),
  })
  return { handlers, lines }
}

const until = (holds: () => boolean) => eventually('what is waited for', holds, { within: 20_000, every: 20 })

test('a script gets its environment and input, runs in order, and its failure is logged', async () => {
  const { handlers, lines } = handlersOf(['user=read x; echo "$SERF_USER_EVENT:$x"; exit 3'])
  handlers.hear(user('first', 'one'), SELF)
  handlers.hear(user('second', 'two'), SELF)
  await until(() => lines.length === 4)
  assert.deepEqual(lines, [
    "DEBUG agent: Event 'user' script output: first:one\n",
    'ERR agent: Error invoking script \'read x; echo "$SERF_USER_EVENT:$x"; exit 3\': exit status 3',
    "DEBUG agent: Event 'user' script output: second:two\n",
    'ERR agent: Error invoking script \'read x; echo "$SERF_USER_EVENT:$x"; exit 3\': exit status 3',
  ])
})

test('names and payloads never become part of a command', async () => {
  const { handlers, lines } = handlersOf(['user=cat'])
  const evil = '$(touch /tmp/folkmoot-owned); `id`; \'"\n'
  handlers.hear(user(evil, evil), { name: evil, tags: { [evil]: evil } })
  await until(() => lines.length === 1)
  assert.equal(lines[0], `DEBUG agent: Event 'user' script output: ${evil}`)
})

test('one that hangs is killed with all it started, and holds up nobody else', async () => {
  const { handlers, lines } = handlersOf(['user:slow=sleep 600 & sleep 600', 'user=echo $SERF_USER_EVENT'], {
    timeout: 1_500,
    concurrency: 1,
  })
  handlers.hear(user('slow'), SELF)
  handlers.hear(user('fast'), SELF)
  await until(() => lines.some((line) => line.includes('output: fast')))
  assert.ok(!lines.some((line) => line.includes('killed')), 'the fast one did not wait for the slow one')
  await until(() => lines.some((line) => line.endsWith('killed after 1500 ms')))
  assert.ok(lines.some((line) => line.includes('slow, execution exceeding 1s')))
})

test('TestScriptQueryEventHandler: output of a script that succeeds is the answer, of one that fails is not', async () => {
  const answers: string[] = []
  const query = (name: string): Happening => ({
    kind: 'query',
    name,
    lTime: 42,
    payload: null,
    deadlineAt: Number.POSITIVE_INFINITY,
    respond: async (answer) => {
      answers.push(text(answer))
    },
  })
  const { handlers, lines } = handlersOf([
    'query:good=echo "$SERF_QUERY_NAME $SERF_QUERY_LTIME"',
    'query:bad=echo no; exit 1',
    'query:mute=true',
  ])
  for (const name of ['good', 'bad', 'mute']) handlers.hear(query(name), SELF)
  await until(() => lines.filter((line) => line.startsWith('DEBUG')).length === 3)
  assert.deepEqual(answers, ['good 42\n'])
})

test('what waits for a script that hangs is bounded, the oldest give way, and that is said once a spell', async () => {
  const lines: string[] = []
  const ends: (() => void)[] = []
  const ran: string[] = []
  const handlers = new Handlers(
    parseHandler('user=x'),
    { timeout: 1, concurrency: 1 },
    {
      run: (_script, env) => {
        ran.push(env.SERF_USER_EVENT ?? '')
        return new Promise((resolve) => ends.push(() => resolve({ failure: '', output: bytes('') })))
      },
      later: () => () => undefined,
      log: (level, line) => level === 'WARN' && lines.push(line),
      took: () => undefined,
      now: () => 0,
    },
  )
  for (let i = 0; i < 3_000; i++) handlers.hear(user(String(i)), SELF)
  assert.equal(handlers.backlog, 1_024)
  assert.deepEqual(lines, ["agent: Script 'x' is too slow, dropping events"])
  while (handlers.backlog > 0) {
    ends.shift()?.()
    await sleep(0)
  }
  assert.deepEqual([ran[0], ran[1], ran.at(-1), ran.length], ['0', '1976', '2999', 1_025])
  for (let i = 0; i < 1_100; i++) handlers.hear(user(String(i)), SELF)
  assert.equal(lines.length, 2, 'a new spell')
})

test('the end of a long output is kept', async () => {
  const { output } = await runScript(
    'i=0; while [ $i -lt 3000 ]; do echo 12345678; i=$((i+1)); done; echo end',
    {},
    bytes(''),
    20_000,
  )
  assert.equal(output.length, 8_192)
  assert.ok(text(output).endsWith('end\n'))
})
