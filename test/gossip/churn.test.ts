/** Members that come and go under new names leave nothing behind: the short run of test/long/churn.ts. */
import { test } from 'node:test'
import { churn } from '../long/churn.ts'

test('10,000 cycles of join and leave with new names leave tables, push/pull and heap as they were (row 18)', () => {
  churn(1, 10_000)
})
