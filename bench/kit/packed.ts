/**
 * The library as users have it: bundled and minified as `npm pack` ships it, which starts with little more than half of the CPU and holds ten megabytes less than the
 * compiled modules with their comments. `npm run bench` makes it (`dist/release`) before it measures.
 */
const LIBRARY = new URL('../../release/src/index.js', import.meta.url)

const library: typeof import('folkmoot') = await import(LIBRARY.href)

export const PackedCluster = library.Cluster
