/**
 * Restarts that are too fast to be seen as failures: nobody misses the member, but it has forgotten what it knew. Two signs within five seconds,
 * in any order, say so:
 *
 *     its incarnation grew while it was alive      a refutation and new tags do that too
 *     it announced a join, and not its first       a process that joins does so; one that is made to leave answers so, and is told apart by that
 *
 * A member that changes its tags and joins once more within the five seconds looks the same. A restart that announces nothing (Serf's rejoin from
 * a snapshot) is not seen here; where its tags differ there is the update.
 *
 * Bound: 1,024 signs of each kind; the oldest goes.
 */
import type { MemberRestart } from '../actors/notices.ts'
import { formatIp } from '../wire/address.ts'
import type { MemberTable } from './members.ts'

const WINDOW = 5_000
const MOST_SIGNS = 1_024

interface Sign {
  /** Who lived in the row. */
  instance: number
  at: number
}

interface Growth extends Sign {
  previous: MemberRestart['previous']
}

export class Rebirths {
  readonly #table: MemberTable
  readonly #tell: (restart: MemberRestart) => void
  /** By row. */
  readonly #grown = new Map<number, Growth>()
  readonly #announced = new Map<number, Sign>()

  constructor(table: MemberTable, tell: (restart: MemberRestart) => void) {
    this.#table = table
    this.#tell = tell
  }

  /** A newer word of a member that is alive is about to be taken: what it was until now. Of several the first counts. */
  growing(row: number, now: number): void {
    const { instance, incarnation, port } = this.#table
    if (isSign(this.#grown.get(row), instance.get(row), now)) return
    const previous = {
      ip: formatIp(this.#table.address(row)),
      port: port[row],
      incarnation: incarnation.get(row),
    }
    keep(this.#grown, row, { instance: instance.get(row), at: now, previous })
  }

  /** The newer word is taken. */
  grown(row: number): void {
    if (this.#announced.size > 0) this.#look(row)
  }

  /** A member that is alive announced a join, though it had announced one before. */
  announced(row: number, now: number): void {
    keep(this.#announced, row, { instance: this.#table.instance.get(row), at: now })
    this.#look(row)
  }

  #look(row: number): void {
    const { instance, incarnation, port } = this.#table
    const [growth, announced] = [this.#grown.get(row), this.#announced.get(row)]
    if (growth === undefined || announced === undefined) return
    const isOne = growth.instance === announced.instance && growth.instance === instance.get(row)
    if (!isOne || Math.abs(growth.at - announced.at) > WINDOW) return
    this.#grown.delete(row)
    this.#announced.delete(row)
    this.#tell({
      type: 'member-restart',
      name: new TextDecoder().decode(this.#table.name(row)),
      ip: formatIp(this.#table.address(row)),
      port: port[row],
      incarnation: incarnation.get(row),
      previous: growth.previous,
    })
  }
}

function isSign(sign: Sign | undefined, instance: number, now: number): boolean {
  return sign !== undefined && sign.instance === instance && now - sign.at <= WINDOW
}

/** The newest stands last. */
function keep<Kept extends Sign>(signs: Map<number, Kept>, row: number, sign: Kept): void {
  signs.delete(row)
  signs.set(row, sign)
  if (signs.size <= MOST_SIGNS) return
  for (const oldest of signs.keys()) {
    signs.delete(oldest)
    return
  }
}
