/**
 * Flags of Node under which garbage can be counted: see `allocations.ts`. One thread, so that code is optimized and buffers are let go of at the same
 * point of every run; a nursery that nothing is collected from meanwhile.
 */
export const ALLOCATION_FLAGS = [
  '--expose-gc',
  '--single-threaded',
  '--no-lazy-feedback-allocation',
  '--min-semi-space-size=128',
  '--max-semi-space-size=128',
]
