/**
 * Configuration in layers: defaults, files in their order, the command line (protocol page 3, section 3.3). A later text wins unless it is
 * empty, a later number unless it is zero; what was switched on once stays on; lists are appended, tags replaced one by one.
 */
import { parseDuration } from '../cli/durations.ts'
import { isSetting, SETTINGS, type SettingName } from './settings-table.ts'

/** The agent cannot be started as configured. The message is a line for people. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** One value of a layer, checked against the table. */
type Value = string | boolean | number | bigint | readonly string[] | Readonly<Record<string, string>>

export class Layer {
  readonly #values = new Map<SettingName, Value>()

  set(name: SettingName, value: Value): void {
    this.#values.set(name, value)
  }

  text(name: SettingName): string {
    const value = this.#values.get(name)
    return typeof value === 'string' ? value : ''
  }

  isSet(name: SettingName): boolean {
    return this.#values.get(name) === true
  }

  /** Whole number; 0 when not given. */
  int(name: SettingName): number {
    const value = this.#values.get(name)
    return typeof value === 'number' ? value : 0
  }

  /** Nanoseconds; 0 when not given. */
  duration(name: SettingName): bigint {
    const value = this.#values.get(name)
    return typeof value === 'bigint' ? value : 0n
  }

  list(name: SettingName): readonly string[] {
    const value = this.#values.get(name)
    return isTexts(value) ? value : []
  }

  tags(name: SettingName): Readonly<Record<string, string>> {
    const value = this.#values.get(name)
    return typeof value === 'object' && !isTexts(value) ? value : {}
  }

  /** This layer with another one on top. */
  under(later: Layer): Layer {
    const merged = new Layer()
    for (const [name, value] of this.#values) merged.set(name, value)
    for (const [name, value] of later.#values) merged.#put(name, value)
    return merged
  }

  #put(name: SettingName, value: Value): void {
    const { kind } = SETTINGS[name]
    if (kind === 'list') return this.set(name, [...this.list(name), ...(isTexts(value) ? value : [])])
    if (kind === 'tags') return this.set(name, withTags(this.tags(name), value))
    const isNothing = value === '' || value === false || value === 0 || value === 0n
    // Zero and below mean «not set» for the protocol alone.
    if (isNothing || (name === 'protocol' && typeof value === 'number' && value < 0)) return
    this.set(name, value)
  }
}

function isTexts(value: Value | undefined): value is readonly string[] {
  return Array.isArray(value)
}

function withTags(tags: Readonly<Record<string, string>>, value: Value): Record<string, string> {
  const merged: Record<string, string> = Object.assign(Object.create(null), tags)
  return typeof value === 'object' && !isTexts(value) ? Object.assign(merged, value) : merged
}

/** The settings in the text of a configuration file. Throws ConfigError that names the file. */
export function readLayer(path: string, text: string): Layer {
  const wrong = (why: string) => new ConfigError(`Error decoding '${path}': ${why}`)
  const layer = new Layer()
  const unknown: string[] = []
  for (const [key, value] of flattened(objectOf(text, wrong))) {
    const name = isSetting(key) ? key : key.toLowerCase()
    if (!isSetting(name)) unknown.push(key)
    else if (value !== null) layer.set(name, settingFrom(name, value, wrong))
  }
  if (unknown.length > 0)
    throw wrong(`1 error(s) decoding:\n\n* '' has invalid keys: ${unknown.sort().join(', ')}`)
  return layer
}

/** Settings of mDNS stand in an object of their own, as in the original's later releases: `mdns: { interface, disable_ipv4, disable_ipv6 }`. */
function flattened(settings: object): [string, unknown][] {
  return Object.entries(settings).flatMap(([key, value]): [string, unknown][] => {
    if (key.toLowerCase() !== 'mdns' || typeof value !== 'object' || value === null) return [[key, value]]
    return Object.entries(value).map(([name, inner]) => [`mdns_${name}`, inner])
  })
}

function objectOf(text: string, wrong: (why: string) => ConfigError): object {
  if (text.trim() === '') throw wrong('EOF')
  let value: unknown
  try {
    value = JSON.parse(firstValue(text))
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error))
  }
  if (Array.isArray(value)) throw wrong("'' expected a map, got 'slice'")
  if (typeof value !== 'object' || value === null) throw wrong(`'' expected a map, got '${typeof value}'`)
  return value
}

/** The text up to the end of its first object: what follows is ignored, as Go's decoder does. */
function firstValue(text: string): string {
  let depth = 0
  let quote: 'in' | 'out' = 'out'
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '\\' && quote === 'in') at += 1
    else if (character === '"') quote = quote === 'in' ? 'out' : 'in'
    else if (quote === 'in') continue
    else if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') {
      depth -= 1
      if (depth === 0) return text.slice(0, at + 1)
    }
  }
  return text
}

function settingFrom(name: SettingName, value: unknown, wrong: (why: string) => ConfigError): Value {
  const { kind } = SETTINGS[name]
  const expected = (type: string) =>
    wrong(
      `1 error(s) decoding:\n\n* '${name}' expected type '${type}', got unconvertible type '${goType(value)}', value: '${String(value)}'`,
    )
  switch (kind) {
    case 'text':
      if (typeof value === 'string') return value
      throw expected('string')
    case 'bool':
      if (typeof value === 'boolean') return value
      throw expected('bool')
    case 'int':
      if (typeof value === 'number') return Math.trunc(value)
      throw expected('int')
    case 'duration':
      if (typeof value !== 'string') throw expected('string')
      return durationOf(value, wrong)
    case 'list':
      if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
      throw wrong(
        `1 error(s) decoding:\n\n* '${name}': source data must be an array or slice, got ${goType(value)}`,
      )
    default:
      return tagsFrom(name, value, wrong)
  }
}

function durationOf(text: string, wrong: (why: string) => ConfigError): bigint {
  try {
    return parseDuration(text)
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error))
  }
}

function tagsFrom(name: string, value: unknown, wrong: (why: string) => ConfigError): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(`1 error(s) decoding:\n\n* '${name}' expected a map, got '${goType(value)}'`)
  }
  const tags: Record<string, string> = Object.create(null)
  for (const [tag, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw wrong(
        `1 error(s) decoding:\n\n* '${name}[${tag}]' expected type 'string', got unconvertible type '${goType(text)}'`,
      )
    }
    tags[tag] = text
  }
  return tags
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return 'slice'
  return (
    { number: 'float64', boolean: 'bool', object: 'map', string: 'string' }[String(typeof value)] ??
    typeof value
  )
}
