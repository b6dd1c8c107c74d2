/**
 * The interface of Standard Schema 1 (https://standardschema.dev), which zod, valibot, arktype and others have: written down here, as its
 * authors wish, so that none of them is a dependency. And its one use: a value is judged, and nothing is ever thrown.
 */

/** A schema. `Input` is what goes in, `Output` what comes out once it is checked: defaults filled in, texts turned into numbers. */
export interface StandardSchema<Input = unknown, Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What is wrong with a value, and where. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** What a schema takes; without a schema anything. */
export type SchemaInput<Schema> = Schema extends StandardSchema<infer Input, unknown> ? Input : unknown
/** What a schema makes of it; without a schema anything. */
export type SchemaOutput<Schema> = Schema extends StandardSchema<unknown, infer Output> ? Output : unknown

/** A result, now or later. */
export type Judged<Output> = SchemaResult<Output> | Promise<SchemaResult<Output>>

/** Judges a value; without a schema all are right. Never throws: what the schema throws is an issue too. A promise only where the schema gives one. */
export function judge<Schema>(schema: Schema, value: unknown): Judged<SchemaOutput<Schema>>
// That what a schema lets through is its output is the schema's own promise, which no type here can check.
export function judge(schema: StandardSchema | undefined, value: unknown): Judged<unknown> {
  if (schema === undefined) return { value }
  try {
    const result = schema['~standard'].validate(value)
    return result instanceof Promise ? result.catch(asIssue) : result
  } catch (error) {
    return asIssue(error)
  }
}

/** What was thrown, as an issue. */
export function asIssue(error: unknown): { issues: readonly SchemaIssue[] } {
  return { issues: [{ message: error instanceof Error ? error.message : String(error) }] }
}

/** Issues on one line, each with its path: `zone.rack: expected string`. */
export function shownIssues(issues: readonly SchemaIssue[]): string {
  return issues
    .map(({ message, path = [] }) => {
      const place = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
      return place === '' ? message : `${place}: ${message}`
    })
    .join('; ')
}
