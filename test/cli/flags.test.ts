/** Flags, durations and texts as Go's own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDuration } from '../../src/cli/durations.ts'
import { FlagError, type FlagSpec, parseFlags } from '../../src/cli/flags.ts'
import { columns, goJson, goQuoted } from '../../src/cli/text.ts'

const SPECS: Record<string, FlagSpec> = {
  detailed: { kind: 'bool', help: '' },
  format: { kind: 'text', help: '' },
  tag: { kind: 'texts', help: '' },
  num: { kind: 'int', help: '' },
  timeout: { kind: 'duration', help: '' },
}

test('one dash or two, a value behind «=» or as the next argument, repeated ones', () => {
  const flags = parseFlags(SPECS, [
    '-format=json',
    '--tag',
    'a=b',
    '-tag=c=d',
    '-format',
    'text',
    '-detailed',
    'x',
    '-tag=e',
  ])
  assert.equal(flags.text('format'), 'text')
  assert.deepEqual(flags.texts('tag'), ['a=b', 'c=d'])
  assert.equal(flags.isSet('detailed'), true)
  assert.deepEqual(flags.args, ['x', '-tag=e'])
  assert.equal(parseFlags(SPECS, ['-detailed=F']).isSet('detailed', 'on'), false)
  assert.deepEqual(parseFlags(SPECS, ['--', '-format']).args, ['-format'])
  assert.deepEqual(parseFlags(SPECS, ['-', '-format']).args, ['-', '-format'])
  assert.equal(parseFlags(SPECS, ['-num', '0x10']).int('num', 0), 16)
  assert.equal(parseFlags(SPECS, ['-num=-017']).int('num', 0), -15)
})

const WRONG: [string[], string][] = [
  [['-x'], 'flag provided but not defined: -x'],
  [['--toString'], 'flag provided but not defined: -toString'],
  [['-format'], 'flag needs an argument: -format'],
  [['-detailed=maybe'], 'invalid boolean value "maybe" for -detailed: parse error'],
  [['-timeout=abc'], 'invalid value "abc" for flag -timeout: parse error'],
  [['-timeout=5'], 'invalid value "5" for flag -timeout: parse error'],
  [['-num=1.5'], 'invalid value "1.5" for flag -num: parse error'],
  [['-num=9223372036854775808'], 'invalid value "9223372036854775808" for flag -num: value out of range'],
  [['---x'], 'bad flag syntax: ---x'],
  [['-=x'], 'bad flag syntax: -=x'],
]
for (const [args, message] of WRONG) {
  test(`${args.join(' ')} is refused in Go's words`, () => {
    assert.throws(() => parseFlags(SPECS, args), new FlagError(message))
  })
}

const DURATIONS: [string, bigint][] = [
  ['0', 0n],
  ['+0', 0n],
  ['1m30s', 90_000_000_000n],
  ['1.5s', 1_500_000_000n],
  ['-250ms', -250_000_000n],
  ['.5us', 500n],
  ['1.µs', 1_000n],
  ['2h45m', 9_900_000_000_000n],
]
for (const [text, nanoseconds] of DURATIONS) {
  test(`${text} is ${nanoseconds} ns`, () => assert.equal(parseDuration(text), nanoseconds))
}
for (const text of ['', '5', '.s', 's', '1x', '1s2', '99999999999h', ' 1s']) {
  test(`«${text}» is no duration`, () => {
    assert.throws(() => parseDuration(text), text === '99999999999h' ? RangeError : SyntaxError)
  })
}

test('columns are as wide as their widest cell in code points, trimmed at both ends', () => {
  assert.equal(
    columns(['n1|127.0.2.1:7946|alive|', 'nöde-ü|x|left|role=db']),
    'n1      127.0.2.1:7946  alive  \nnöde-ü  x               left   role=db',
  )
  assert.equal(columns(['a|b|']), 'a  b')
  assert.equal(columns([]), '')
})

test("JSON and quoted strings escape what Go's do", () => {
  assert.equal(goJson({ a: '<&>\u2028' }), '{\n  "a": "\\u003c\\u0026\\u003e\\u2028"\n}')
  assert.equal(goQuoted('a"\\\n\u0001ü'), '"a\\"\\\\\\n\\x01ü"')
})
