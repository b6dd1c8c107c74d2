/** The shelves of the broadcast queue: in the order of age whatever comes and goes, and never slow. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Shelf, type Shelved } from '../../src/gossip/shelf.ts'

/** Counts how often its number is looked at: that is the work of a shelf. */
class Item implements Shelved<Item> {
  static looks = 0
  readonly #number: number
  older: Item | undefined
  newer: Item | undefined

  constructor(number: number) {
    this.#number = number
  }

  get number(): number {
    Item.looks += 1
    return this.#number
  }
}

test('for any sequence of additions and removals both ends are those of a sorted list, to the last', () => {
  const step = fc.record({ number: fc.nat(40), end: fc.constantFrom('newest', 'oldest', 'any') })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const shelf = new Shelf<Item>()
      const model = new Map<number, Item>()
      const take = (item: Item | undefined, number: number) => {
        if (item === undefined) return
        shelf.remove(item)
        model.delete(number)
      }
      const check = () => {
        const numbers = [...model.keys()]
        assert.equal(shelf.newest, model.get(Math.max(...numbers)))
        assert.equal(shelf.oldest, model.get(Math.min(...numbers)))
      }
      for (const { number, end } of steps) {
        if (!model.has(number)) {
          const item = new Item(number)
          shelf.add(item)
          model.set(number, item)
        } else if (end === 'any') take(model.get(number), number)
        else take(shelf[end], shelf[end]?.number ?? -1)
        check()
      }
      while (model.size > 0) {
        take(shelf.newest, shelf.newest?.number ?? -1)
        check()
      }
    }),
    { numRuns: 300 },
  )
})

test('on a shelf of 100,000 an addition or removal anywhere looks at some dozens, not at half of them', () => {
  const shelf = new Shelf<Item>()
  const items = Array.from({ length: 100_000 }, (_, number) => new Item(number))
  for (const item of items) shelf.add(item)
  let most = 0
  const measured = (run: () => void) => {
    Item.looks = 0
    run()
    most = Math.max(most, Item.looks)
  }
  for (let i = 0; i < 2_000; i++) {
    // In the middle, at the ends, and all over.
    const item = items[[50_000, 0, 99_999, (i * 7_919) % 100_000][i % 4]]
    measured(() => shelf.remove(item))
    measured(() => shelf.add(item))
  }
  // Twice the depth of a balanced tree is common for a treap, thrice rare; each level costs a few looks.
  assert.ok(most < 300, `${most} looks`)
})
