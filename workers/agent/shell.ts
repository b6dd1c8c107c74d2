/** Runs a handler's script in a shell with a process group of its own, so that its time limit ends everything it started. */
import { spawn } from 'node:child_process'
import { MOST_OUTPUT, type Run } from '../../src/agent/handlers.ts'

/** After the group was killed nobody is left to close the pipes but a process that left the group: it is not waited for. */
const AFTER_KILL = 1_000
const isWindows = process.platform === 'win32'

/** Resolves when the shell has exited and its output is closed; what runs on in the background with the output open counts as running. */
export function runScript(
  script: string,
  env: Readonly<Record<string, string>>,
  stdin: Uint8Array,
  timeout: number,
): Promise<Run> {
  return new Promise((resolve) => {
    const [shell, flag] = isWindows ? ['cmd', '/C'] : ['/bin/sh', '-c']
    const child = spawn(shell, [flag, script], {
      env: { ...process.env, ...env },
      detached: !isWindows,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let output = Buffer.alloc(0)
    const keep = (bytes: Buffer) => {
      output = Buffer.concat([output, bytes])
      if (output.length > MOST_OUTPUT) output = Buffer.from(output.subarray(output.length - MOST_OUTPUT))
    }
    let why = ''
    const end = (failure: string) => {
      clearTimeout(limit)
      resolve({ failure: why === '' ? failure : why, output })
    }
    const limit = setTimeout(
      () => {
        why = `killed after ${timeout} ms`
        kill(child.pid)
        setTimeout(() => end(why), AFTER_KILL).unref()
      },
      // A timer of Node's holds 31 bits; what is longer is never.
      timeout < 2 ** 31 ? timeout : 2 ** 31 - 1,
    )
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    // A script need not read what it is given.
    child.stdin.on('error', () => undefined)
    child.stdin.end(stdin)
    child.on('error', (error) => end(error.message))
    child.on('close', (code, signal) => end(failureOf(code, signal)))
  })
}

function kill(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(isWindows ? pid : -pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

function failureOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `signal: ${signal === 'SIGKILL' ? 'killed' : signal.slice(3).toLowerCase()}`
  return code === 0 ? '' : `exit status ${code}`
}
