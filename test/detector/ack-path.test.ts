/**
 * Nothing on the ack path waits for anything: read off the imports of the detector's thread, and off what its event loop was asked for under
 * load. A ping is answered in the turn that reads it, so whatever that thread's code can reach could stand in front of an ack.
 */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import ts from 'typescript'
import { writePing } from '../../src/wire/probe.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const ENTRY = 'workers/detector.ts'

/** What may be imported from outside, name by name: all of it answers at once. `*` is the whole module. */
const ALLOWED: Record<string, readonly string[]> = {
  'node:worker_threads': ['workerData', 'parentPort'],
  'node:dgram': ['createSocket'],
  'node:net': ['connect', 'isIPv6', 'isIP'],
  // The synchronous calls alone: those with a callback go to the thread pool.
  'node:crypto': ['createCipheriv', 'createDecipheriv', 'createSecretKey', 'randomBytes', 'randomFillSync'],
  'node:zlib': ['crc32', '*'],
  // To show a wrong value in an error of the host's: never in a packet's turn.
  'node:util': ['inspect'],
  // Commands of the facade, never mail.
  comlink: ['expose'],
}

/** Calls that hand work to the thread pool when they are given a callback. */
const SYNC_WITHOUT_CALLBACK: Record<string, number> = { randomBytes: 1 }

/**
 * Loads the host's own transport, if there is one, before it is bound: what that does is the host's responsibility, and nothing of it is there
 * without it. The one place that may load what cannot be read here.
 */
const LOADER = 'workers/own-transport.ts'

interface Import {
  from: string
  names: string[]
}

/** What a module loads when it runs: types are erased. */
function importsOf(tree: ts.SourceFile): Import[] {
  const imports: Import[] = []
  const visit = (node: ts.Node): void => {
    const isDynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
    if (isDynamic && tree.fileName !== LOADER)
      imports.push({ from: node.arguments[0]?.getText(tree).slice(1, -1), names: ['*'] })
    const isFrom = (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier
    if (isFrom && ts.isStringLiteral(isFrom)) {
      const names = namesOf(node)
      if (names.length > 0) imports.push({ from: isFrom.text, names })
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return imports
}

function namesOf(node: ts.ImportDeclaration | ts.ExportDeclaration): string[] {
  if (ts.isExportDeclaration(node)) {
    if (node.isTypeOnly) return []
    if (node.exportClause === undefined || !ts.isNamedExports(node.exportClause)) return ['*']
    return node.exportClause.elements
      .filter(({ isTypeOnly }) => !isTypeOnly)
      .map(({ name, propertyName }) => (propertyName ?? name).text)
  }
  const { importClause } = node
  if (importClause === undefined) return ['*']
  if (importClause.isTypeOnly) return []
  const { namedBindings, name } = importClause
  if (name !== undefined || (namedBindings !== undefined && ts.isNamespaceImport(namedBindings))) return ['*']
  if (namedBindings === undefined) return []
  return namedBindings.elements
    .filter(({ isTypeOnly }) => !isTypeOnly)
    .map((element) => (element.propertyName ?? element.name).text)
}

/** What in this module could make a turn wait. */
function offencesOf(path: string, text: string): { offences: string[]; next: string[] } {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  const offences: string[] = []
  const next: string[] = []
  for (const { from, names } of importsOf(tree)) {
    if (from.startsWith('.')) next.push(join(dirname(path), from))
    else {
      const refused = names.filter((name) => !ALLOWED[from]?.includes(name))
      if (refused.length > 0) offences.push(`${path} imports ${refused} from ${from}`)
    }
  }
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.RegularExpressionLiteral)
      offences.push(`${path} has ${node.getText(tree)}`)
    if (ts.isIdentifier(node) && ['RegExp', 'console', 'require'].includes(node.text)) {
      offences.push(`${path} names ${node.text}`)
    }
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
      const most = SYNC_WITHOUT_CALLBACK[node.expression.text]
      if (most !== undefined && node.arguments.length > most) offences.push(`${path}: ${node.getText(tree)}`)
    }
    // A text's methods take a pattern as text too, and make a regular expression of it.
    const isMethod = ts.isPropertyAccessExpression(node)
    if (isMethod && ['match', 'matchAll', 'search'].includes(node.name.text)) {
      offences.push(`${path} calls ${node.getText(tree)}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return { offences, next }
}

test('no regular expression, file, look-up or thread-pool call can be reached from the thread of the detector', () => {
  const seen = new Set<string>()
  const open = [ENTRY]
  const offences: string[] = []
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    const found = offencesOf(path, readFileSync(join(root, path), 'utf8'))
    offences.push(...found.offences)
    open.push(...found.next)
  }
  assert.deepEqual(offences, [])
  for (const part of [
    'src/detector/probe.ts',
    'src/wire/packet.ts',
    'workers/udp.ts',
    'workers/connections.ts',
    'workers/guarded.ts',
    'workers/turn.ts',
    LOADER,
  ]) {
    assert.ok(seen.has(part), `${part} was read`)
  }
  for (const other of [
    'src/gossip/gossip.ts',
    'src/dispatch/dispatch.ts',
    'workers/bodies.ts',
    'workers/tcp.ts',
  ]) {
    assert.ok(!seen.has(other), `${other} is not loaded there`)
  }
})

test('each of the offences is found in a text that commits it', () => {
  for (const text of [
    "import { readFile } from 'node:fs'",
    "import { lookup } from 'node:dns/promises'",
    "import { pbkdf2 } from 'node:crypto'",
    "import * as crypto from 'node:crypto'",
    "import { Piscina } from 'piscina'",
    "export * from 'node:fs'",
    "const fs = await import('node:fs')",
    'const own = await import(url)',
    'const found = /a+/.exec(name)',
    "const found = new RegExp('a+')",
    "const found = name.match('a+')",
    'randomBytes(12, done)',
    "console.log('ping')",
  ]) {
    assert.notDeepEqual(offencesOf('src/offender.ts', text).offences, [], text)
  }
  assert.deepEqual(
    offencesOf('src/fine.ts', "import type { Stats } from 'node:fs'\nrandomBytes(12)").offences,
    [],
  )
})

/** Kinds of asynchronous work that need no thread of the pool: sockets, timers, promises, and mail. */
const POOLLESS = new Set(
  'UDPWRAP UDPSENDWRAP TCPWRAP TCPCONNECTWRAP WRITEWRAP SHUTDOWNWRAP Timeout Immediate TickObject PROMISE MESSAGEPORT Microtask'.split(
    ' ',
  ),
)

test('under load the thread of the detector asks the thread pool for nothing', async (t) => {
  const worker = new Worker(new URL('./counted-detector.js', import.meta.url))
  t.after(() => worker.terminate())
  const [{ port }] = await once(worker, 'message')
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  let acks = 0
  socket.on('message', () => {
    acks += 1
  })
  const node = new TextEncoder().encode('counted')
  const source = { sourceAddress: null, sourcePort: 0, sourceNode: new Uint8Array(0) }
  const PINGS = 5_000
  for (let seqNo = 1; seqNo <= PINGS; seqNo++) {
    socket.send(writePing({ seqNo, node, ...source }), port, '127.0.0.1')
    if (seqNo % 100 === 0) await sleep(2)
  }
  // Its peer never answers: it is probed, helpers and TCP are tried.
  for (const endsAt = performance.now() + 30_000; performance.now() < endsAt; await sleep(100)) {
    worker.postMessage('count')
    const [{ kinds, stats }] = await once(worker, 'message')
    if (!(stats['probe.failed'] > 0 && acks > PINGS / 2)) continue
    assert.ok(kinds.TickObject > PINGS / 2, `it was counted: ${JSON.stringify(kinds)}`)
    assert.ok(kinds.TCPCONNECTWRAP > 0, 'TCP was dialled')
    assert.deepEqual(
      Object.keys(kinds).filter((kind) => !POOLLESS.has(kind)),
      [],
    )
    worker.postMessage('sin')
    const [{ kinds: after }] = await once(worker, 'message')
    assert.ok(after.GETADDRINFOREQWRAP > 0 && after.FSREQCALLBACK > 0, 'a sin would have been seen')
    return
  }
  assert.fail(`no probe has failed, or only ${acks} pings were acked`)
})
