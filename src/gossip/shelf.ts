/**
 * Broadcasts of one length and tier, newest first. New ones come at one end and most are taken there; but a loan that comes back, or a message
 * that is replaced, belongs or stands anywhere. So a shelf is a treap (Seidel and Aragon, Randomized search trees, 1996): a search tree by number
 * that is a heap by a hash of it. Every operation takes time by the logarithm of what stands on the shelf; the two ends are at hand.
 */

/** What stands on a shelf. Only the shelf touches `older` and `newer`: the roots of what is older and newer below it. */
export interface Shelved<Item> {
  readonly number: number
  older: Item | undefined
  newer: Item | undefined
}

export class Shelf<Item extends Shelved<Item>> {
  #root: Item | undefined
  newest: Item | undefined
  oldest: Item | undefined

  add(item: Item): void {
    const { number } = item
    if (this.newest === undefined || number > this.newest.number) this.newest = item
    if (this.oldest === undefined || number < this.oldest.number) this.oldest = item
    this.#root = inserted(this.#root, item, number, weight(number))
  }

  /** Visits all that stand here. */
  each(visit: (item: Item) => void): void {
    eachBelow(this.#root, visit)
  }

  /** Takes off an item that stands here. */
  remove(item: Item): void {
    this.#root = removed(this.#root, item, item.number)
    item.older = undefined
    item.newer = undefined
    if (item === this.newest) this.newest = lastOf(this.#root, 'newer')
    if (item === this.oldest) this.oldest = lastOf(this.#root, 'older')
  }
}

/** Numbers come in order, which would make a tree a list: their hashes (Knuth's multiplicative one, mixed) do not. */
function weight(number: number): number {
  const mixed = Math.imul(number ^ (number >>> 16), 0x9e37_79b1)
  return Math.imul(mixed ^ (mixed >>> 15), 0x85eb_ca77) >>> 0
}

function inserted<Item extends Shelved<Item>>(
  root: Item | undefined,
  item: Item,
  number: number,
  heaviness: number,
): Item {
  if (root === undefined || weight(root.number) < heaviness) {
    split(root, item, number)
    return item
  }
  if (number < root.number) root.older = inserted(root.older, item, number, heaviness)
  else root.newer = inserted(root.newer, item, number, heaviness)
  return root
}

/** Hangs all of a tree below an item, the older on one side, the newer on the other. */
function split<Item extends Shelved<Item>>(root: Item | undefined, item: Item, number: number): void {
  item.older = undefined
  item.newer = undefined
  let older: Item | undefined
  let newer: Item | undefined
  for (let node = root; node !== undefined; ) {
    if (node.number < number) {
      if (older === undefined) item.older = node
      else older.newer = node
      older = node
      node = node.newer
    } else {
      if (newer === undefined) item.newer = node
      else newer.older = node
      newer = node
      node = node.older
    }
  }
  if (older !== undefined) older.newer = undefined
  if (newer !== undefined) newer.older = undefined
}

function removed<Item extends Shelved<Item>>(
  root: Item | undefined,
  item: Item,
  number: number,
): Item | undefined {
  if (root === undefined) return undefined
  if (root === item) return joined(item.older, item.newer)
  if (number < root.number) root.older = removed(root.older, item, number)
  else root.newer = removed(root.newer, item, number)
  return root
}

function joined<Item extends Shelved<Item>>(
  older: Item | undefined,
  newer: Item | undefined,
): Item | undefined {
  if (older === undefined) return newer
  if (newer === undefined) return older
  if (weight(older.number) > weight(newer.number)) {
    older.newer = joined(older.newer, newer)
    return older
  }
  newer.older = joined(older, newer.older)
  return newer
}

function lastOf<Item extends Shelved<Item>>(
  root: Item | undefined,
  side: 'older' | 'newer',
): Item | undefined {
  let last = root
  for (let node = root; node !== undefined; node = node[side]) last = node
  return last
}

/** As deep as the tree, which is a logarithm. */
function eachBelow<Item extends Shelved<Item>>(item: Item | undefined, visit: (item: Item) => void): void {
  if (item === undefined) return
  eachBelow(item.older, visit)
  visit(item)
  eachBelow(item.newer, visit)
}
