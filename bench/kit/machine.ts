/** The machine, in terms general enough to be published, and the programs that are compared. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { arch, cpus, platform, totalmem } from 'node:os'

const GIB = 2 ** 30

/** Such as `2 cores (x86-64 server, about 2.9 GHz), 24 GiB, Linux`. */
export function machine(): string {
  const all = cpus()
  const gigahertz = Math.round((all[0]?.speed ?? 0) / 100) / 10
  const speed = gigahertz > 0 ? `, about ${gigahertz} GHz` : ''
  const memory = Math.round(totalmem() / GIB)
  return `${all.length} cores (${arch()}${speed}) of a shared virtual machine, ${memory} GiB, ${platform()} ${kernel()}`
}

function kernel(): string {
  try {
    return (
      readFileSync('/proc/sys/kernel/osrelease', 'utf8')
        .match(/^\d+\.\d+/)
        ?.at(0) ?? ''
    )
  } catch {
    return ''
  }
}

/** The first line of `serf version`; undefined where there is no serf. */
export function serfVersion(): string | undefined {
  const { stdout, error } = spawnSync('serf', ['version'], { encoding: 'utf8' })
  return error === undefined ? stdout.split('\n')[0] : undefined
}
