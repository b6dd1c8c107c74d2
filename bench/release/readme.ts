/**
 * The README that is packed: what Folkmoot is, how to install, start and bundle it, and which guides there are. It is cut from the one of the
 * repository, section by section, so that it says nothing else; a section that is not there any more stops the release.
 */

/** Sections that go along, by their headings. The introduction always does. What is promised stays beside its proofs, which are not packed. */
const KEPT = ['Install', 'A first program', 'Bundle it', 'The agent and the command line', 'Licence']
const GUIDES = 'Guides'
/** Of the section on the agent its beginning, to the end of the example. */
const EXAMPLE_END = /^```$/m
const AGENT = 'The agent and the command line'

interface Section {
  heading: string
  level: number
  text: string
}

/** Cuts at headings; a line in a block of code is none. */
function sectionsOf(readme: string): Section[] {
  const sections: Section[] = []
  let isCode = false
  for (const line of readme.split('\n')) {
    if (line.startsWith('```')) isCode = !isCode
    const [, marks, heading] = (isCode ? null : line.match(/^(#+) (.*)$/)) ?? []
    if (marks !== undefined) sections.push({ heading, level: marks.length, text: '' })
    const last = sections.at(-1)
    if (last !== undefined) last.text += `${line}\n`
  }
  return sections
}

/** What links to a place that is not in the package is said without the link. */
function withoutLocalLinks(text: string): string {
  return text.replace(/\[([^\]]+)\]\((?!https?:)[^)]*\)/g, '$1')
}

/** The packed README, made from the repository's. Throws when a section that it is made from is missing. */
export function packedReadme(readme: string): string {
  const sections = sectionsOf(readme)
  const [introduction] = sections
  const section = (heading: string): Section => {
    const found = sections.find((one) => one.heading === heading)
    if (found === undefined) throw new Error(`the README has no section «${heading}» to pack`)
    return found
  }
  const from = sections.indexOf(section(GUIDES)) + 1
  const to = sections.findIndex(({ level }, i) => i >= from && level < 3)
  const guides = sections.slice(from, to).map(({ heading }) => heading)
  const kept = KEPT.map(section).map(({ heading, text }) => {
    if (heading !== AGENT) return text
    const end = text.match(EXAMPLE_END)
    return end === null ? text : `${text.slice(0, (end.index ?? 0) + end[0].length)}\n\n`
  })
  const licence = kept.pop() ?? ''
  const list = `## Guides\n\nIn the README of the repository, each with a program that runs: ${guides.join('; ')}. All options and their defaults are there too, and in the declarations.\n\n`
  return withoutLocalLinks([introduction.text, ...kept, list, licence].join(''))
}
