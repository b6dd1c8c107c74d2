/**
 * The rules of the house that a machine can check. `src/` is a set of pure machines: threads, sockets, files, clocks
 * and chance come in from `workers/` and from the simulator, or virtual time would be a lie. Each rule is a function
 * from a source text to its offences, and each is shown a text that must offend before it judges ours.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import ts from 'typescript'

const root = join(import.meta.dirname, '..', '..')

/** Everything `src/` may import that is not `src/` itself. Each is a pure function of its arguments. */
const PURE_PACKAGES = ['msgpackr', 're2js', 'node:zlib', 'node:util']
/** Functions of node:crypto that depend on their arguments alone; the codec seals and opens with them. Chance is not among them. */
const PURE_CRYPTO = new Set(['createCipheriv', 'createDecipheriv', 'createSecretKey'])
/** What the facade may use besides: it lives on the host's thread, next to the threads it starts. */
const FACADE = 'src/cluster/cluster.ts'
const HANDS_OF_WORKERS = [
  'node:worker_threads',
  'node:dgram',
  'node:net',
  'node:fs',
  'node:fs/promises',
  'node:dns',
]
/** Globals that tell the time, throw dice, wait, or reach out of the actor. */
const IMPURE_GLOBALS = new Set(
  'performance process setTimeout setInterval setImmediate queueMicrotask crypto console fetch globalThis require'.split(
    ' ',
  ),
)
const IMPURE_CALLS = ['Date.now', 'Math.random']

const FUNCTION_LINES = 70
const FILE_LINES = 400

interface Source {
  path: string
  tree: ts.SourceFile
}

type Rule = (source: Source) => string[]

function parse(path: string, text: string): Source {
  return { path, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true) }
}

function sources(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
      .map((file) => join(folder, file))
      .map((path) => parse(path, readFileSync(join(root, path), 'utf8'))),
  )
}

/** Every node of the tree for which `offence` has something to say, with its place. */
function scan({ path, tree }: Source, offence: (node: ts.Node) => string | undefined): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const said = offence(node)
    if (said !== undefined) found.push(`${path}:${lineOf(tree, node.getStart(tree))} ${said}`)
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

function lineOf(tree: ts.SourceFile, position: number): number {
  return tree.getLineAndCharacterOfPosition(position).line + 1
}

/** What a module is imported, exported or loaded from; undefined for every other node. */
function specifierOf(node: ts.Node): string | undefined {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
    return ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : undefined
  }
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) return undefined
  const [target] = node.arguments
  return target !== undefined && ts.isStringLiteral(target) ? target.text : 'something unknown'
}

// The rules

const importsOnlyPureThings: Rule = (source) =>
  scan(source, (node) => {
    const specifier = specifierOf(node)
    if (specifier === undefined || PURE_PACKAGES.includes(specifier)) return undefined
    if (source.path.startsWith('src/wire/') && isPureCrypto(node)) return undefined
    const inside = specifier.startsWith('.') && join(dirname(source.path), specifier).startsWith('src/')
    return inside ? undefined : `imports ${specifier}`
  })

/** Whether a node imports nothing but types and pure functions of node:crypto, each by its own name. */
function isPureCrypto(node: ts.Node): boolean {
  if (!ts.isImportDeclaration(node) || specifierOf(node) !== 'node:crypto') return false
  const bindings = node.importClause?.namedBindings
  if (bindings === undefined || !ts.isNamedImports(bindings) || node.importClause?.name !== undefined)
    return false
  return bindings.elements.every(
    ({ name, propertyName, isTypeOnly }) => isTypeOnly || PURE_CRYPTO.has((propertyName ?? name).text),
  )
}

const touchesNoClockNoChance: Rule = (source) =>
  scan(source, (node) => {
    if (ts.isPropertyAccessExpression(node)) {
      const call = node.getText(source.tree)
      return IMPURE_CALLS.includes(call) ? `uses ${call}` : undefined
    }
    if (ts.isNewExpression(node) && node.expression.getText(source.tree) === 'Date') return 'makes a Date'
    if (!ts.isIdentifier(node) || !IMPURE_GLOBALS.has(node.text)) return undefined
    return isUse(node) ? `uses ${node.text}` : undefined
  })

/** Whether the identifier stands for the global of that name, and is not merely a property or a member called so. */
function isUse(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  const names =
    ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isMethodSignature(parent)
  const declares =
    ts.isPropertyDeclaration(parent) || ts.isMethodDeclaration(parent) || ts.isGetAccessor(parent)
  return !((names || declares) && parent.name === node)
}

const leavesThreadsToWorkers: Rule = (source) =>
  scan(source, (node) => {
    const specifier = specifierOf(node)
    return specifier !== undefined && HANDS_OF_WORKERS.includes(specifier)
      ? `imports ${specifier}`
      : undefined
  })

const trustsItsTypes: Rule = (source) =>
  scan(source, (node) => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) return 'says any'
    if (ts.isNonNullExpression(node)) return 'asserts that something is not null'
    if (ts.isTypeAssertionExpression(node)) return 'casts'
    if (!ts.isAsExpression(node)) return undefined
    return node.type.getText(source.tree) === 'const'
      ? undefined
      : `casts: ${node.getText(source.tree).split('\n')[0]}`
  })

/** A bare `true` says nothing where the call stands. A codec's `bool(value)` is the one place where it is the subject. */
const takesNoBoolean: Rule = (source) =>
  scan(source, (node) => {
    if (!ts.isParameter(node) || !ts.isFunctionLike(node.parent) || ts.isFunctionTypeNode(node.parent))
      return undefined
    if (node.parent.name?.getText(source.tree) === 'bool') return undefined
    const isFlag = node.type?.kind === ts.SyntaxKind.BooleanKeyword
    const defaultsToFlag =
      node.initializer?.kind === ts.SyntaxKind.TrueKeyword ||
      node.initializer?.kind === ts.SyntaxKind.FalseKeyword
    return isFlag || defaultsToFlag ? `takes a boolean: ${node.getText(source.tree)}` : undefined
  })

const fitsAScreen: Rule = (source) =>
  scan(source, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return undefined
    const { tree } = source
    const lines = lineOf(tree, node.getEnd()) - lineOf(tree, node.getStart(tree)) + 1
    return lines > FUNCTION_LINES ? `a function of ${lines} lines` : undefined
  })

const fitsASitting: Rule = ({ path, tree }) => {
  const lines = tree.getLineStarts().length - 1
  return lines > FILE_LINES ? [`${path} has ${lines} lines`] : []
}

const opensWithAComment: Rule = ({ path, tree }) =>
  /^(#!.*\n)?\/\*\*/.test(tree.text)
    ? []
    : [`${path} does not open with a comment that says what it is about`]

const AGENT = /^(src|workers)\/(agent|cli)\//
/** What the agent may build on: names that hosts have too. Where they lie does not matter, for it imports the least that holds them. */
const publicNames = new Set(
  ['src/index.ts', 'src/wire/index.ts'].flatMap((path) => {
    const { tree } = parse(path, readFileSync(join(root, path), 'utf8'))
    const exports = tree.statements.filter(ts.isExportDeclaration).map(({ exportClause }) => exportClause)
    return exports.flatMap((clause) =>
      clause !== undefined && ts.isNamedExports(clause) ? clause.elements.map(({ name }) => name.text) : [],
    )
  }),
)

/** Both protocols are msgpack, and one writer of it is enough. */
const SHARED = new Set(['Writer'])

const buildsOnPublicNames: Rule = ({ path, tree }) =>
  tree.statements.filter(ts.isImportDeclaration).flatMap(({ importClause, moduleSpecifier }) => {
    if (!ts.isStringLiteral(moduleSpecifier) || !moduleSpecifier.text.startsWith('.')) return []
    const from = join(dirname(path), moduleSpecifier.text)
    const bindings = importClause?.namedBindings
    if (AGENT.test(from)) return []
    if (bindings === undefined || !ts.isNamedImports(bindings)) return [`${path} takes all of ${from}`]
    return bindings.elements
      .map(({ name, propertyName }) => (propertyName ?? name).text)
      .filter((name) => !publicNames.has(name) && !SHARED.has(name))
      .map((name) => `${path} imports ${name} of ${from}, which is not public`)
  })

/** Applies `rule` to all `judged`, once it has proved on `offender` that it can find something. */
function enforce(rule: Rule, judged: Source[], offender: string): void {
  assert.notDeepEqual(
    rule(parse('src/offender.ts', offender)),
    [],
    'the rule finds nothing in a text that breaks it',
  )
  assert.ok(judged.length > 0, 'there is nothing to judge')
  assert.deepEqual(judged.flatMap(rule), [])
}

const machines = sources('src').filter(({ path }) => path !== FACADE)
const library = sources('src', 'workers')

test('src imports only itself and pure packages', () => {
  enforce(importsOnlyPureThings, machines, `import { createSocket } from 'node:dgram'`)
  enforce(importsOnlyPureThings, machines, `const { place } = await import('../workers/placement.ts')`)
  for (const crypto of ['{ randomBytes }', '{ randomBytes as createCipheriv }', '* as crypto', 'crypto']) {
    enforce(importsOnlyPureThings, machines, `import ${crypto} from 'node:crypto'`)
    const inTheCodec = parse('src/wire/offender.ts', `import ${crypto} from 'node:crypto'`)
    assert.notDeepEqual(importsOnlyPureThings(inTheCodec), [], crypto)
  }
  enforce(importsOnlyPureThings, machines, `export { Worker } from 'node:worker_threads'`)
})

test('src has no clock, no chance, no timer and no process', () => {
  for (const offender of [
    'Date.now()',
    'new Date()',
    'Math.random()',
    'performance.now()',
    'setTimeout(f, 1)',
  ]) {
    enforce(touchesNoClockNoChance, machines, offender)
  }
  enforce(touchesNoClockNoChance, machines, 'const later = setImmediate')
  enforce(touchesNoClockNoChance, machines, 'console.log(process.env.HOME)')
})

test('threads, sockets and files are imported by workers alone', () => {
  enforce(leavesThreadsToWorkers, sources('src'), `import { Worker } from 'node:worker_threads'`)
})

test('src and workers have no any and no assertion; src/wire alone may cast', () => {
  const typed = library.filter(({ path }) => !path.startsWith('src/wire/'))
  enforce(trustsItsTypes, typed, 'function f(x: any) {}')
  enforce(trustsItsTypes, typed, 'const x = y as string')
  enforce(trustsItsTypes, typed, 'const x = y!')
})

test('no function of the library takes a boolean', () => {
  enforce(takesNoBoolean, library, 'function join(seeds: string[], ignoreOld: boolean) {}')
  enforce(takesNoBoolean, library, 'const join = (ignoreOld = false) => {}')
})

test(`a function has at most ${FUNCTION_LINES} lines, a file ${FILE_LINES}`, () => {
  const all = sources('src', 'workers', 'bench')
  enforce(fitsAScreen, all, `function f() {${'\n'.repeat(FUNCTION_LINES)}}`)
  enforce(fitsASitting, all, '// line\n'.repeat(FILE_LINES + 1))
})

test('the agent and the command line build on public names of the library alone', () => {
  const agent = library.filter(({ path }) => AGENT.test(path))
  const offender = parse('src/agent/x.ts', "import { Joins } from '../gossip/joins.ts'")
  assert.notDeepEqual(buildsOnPublicNames(offender), [])
  enforce(buildsOnPublicNames, agent, "import * as joins from './gossip/joins.ts'")
})

test('every file opens with a comment that says what it is about', () => {
  enforce(opensWithAComment, sources('src', 'workers', 'bench', 'test'), `import ts from 'typescript'`)
})

test('the folders of the house are src, workers, bench and test', () => {
  const generated = ['node_modules', 'dist', 'coverage']
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !generated.includes(entry.name))
    .map((entry) => entry.name)
  assert.deepEqual(folders.sort(), ['bench', 'src', 'test', 'workers'])
})
