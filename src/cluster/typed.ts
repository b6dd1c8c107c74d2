/**
 * Tags, user events and queries with types: a schema for each says what they hold. What a peer sends is checked where it comes in, and what
 * does not fit becomes an `invalid` event of the cluster; what the host sends is checked before it goes out.
 *
 *     send   value -> schema -> codec (JSON by default) -> payload        the value itself goes, a receiver's schema makes its own of it
 *     hear   payload -> codec -> schema -> value                          or `invalid`
 */

import type { QueryAnswer } from '../actors/mail.ts'
import { InvalidArgument } from '../errors/errors.ts'
import { InvalidPayload } from '../errors/schemas.ts'
import type { Cluster } from './cluster.ts'
import type { MemberFilter, UserEventOptions } from './cluster-types.ts'
import type { MemberEvent, QueryEvent, UserEvent } from './events.ts'
import type { Invalid } from './host-events.ts'
import type { Member } from './member.ts'
import type { QueryHandle, QueryOptions, QueryResult } from './queries.ts'
import {
  asIssue,
  type Judged,
  judge,
  type SchemaInput,
  type SchemaIssue,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
  shownIssues,
} from './standard-schema.ts'

/** What a query asks and what answers it; what is left out may be anything that the codec carries. */
export interface QuerySchemas {
  readonly request?: StandardSchema
  readonly response?: StandardSchema
}

/** A schema for the tags as a whole, which are texts, one for each name of a user event, and two for each name of a query. */
export interface Schemas {
  /** Must judge at once, without a promise. */
  readonly tags?: StandardSchema
  readonly events?: Readonly<Record<string, StandardSchema>>
  readonly queries?: Readonly<Record<string, QuerySchemas>>
}

/** How values become payloads. `undefined` has no payload, in any codec. */
export interface Codec {
  /** Throws for what it cannot carry. */
  encode(value: unknown): Uint8Array | string
  /** Throws for bytes that it did not make. */
  decode(payload: Uint8Array): unknown
}

type EventsOf<S> = S extends { readonly events: infer Events } ? Events : Record<never, never>
type QueriesOf<S> = S extends { readonly queries: infer Queries } ? Queries : Record<never, never>
type TagsOf<S> = S extends { readonly tags: infer Tags } ? Tags : undefined
type EventName<S> = keyof EventsOf<S> & string
type QueryName<S> = keyof QueriesOf<S> & string
type Request<S, Name extends QueryName<S>> = QueriesOf<S>[Name] extends { readonly request: infer Schema }
  ? Schema
  : undefined
type Response<S, Name extends QueryName<S>> = QueriesOf<S>[Name] extends { readonly response: infer Schema }
  ? Schema
  : undefined

/** A user event whose payload fits. */
export interface TypedEvent<Value> extends Omit<UserEvent, 'payload'> {
  readonly value: Value
}

/** A query whose payload fits. */
export interface TypedQuery<Value> extends Omit<QueryEvent, 'payload' | 'respond'> {
  readonly value: Value
}

export interface TypedAnswer<Value> {
  readonly from: string
  readonly value: Value
}

/** What came of a query. */
export interface TypedResult<Value> extends Omit<QueryResult, 'answers'> {
  /** Those that fit. */
  readonly answers: readonly TypedAnswer<Value>[]
  /** Who answered what does not fit. */
  readonly invalid: readonly string[]
}

export interface TypedQueryHandle<Value> extends Pick<QueryHandle, 'started' | 'acks' | 'close'> {
  /** As of `cluster.query`, with answers that fit. */
  readonly finished: Promise<TypedResult<Value>>
  /** Answers that fit, as they come. */
  responses(): AsyncGenerator<TypedAnswer<Value>, void>
}

/** An answer, now or later; undefined for none. */
export type Answer<Value> = Value | undefined | Promise<Value | undefined>

export interface TypedMember<Tags> {
  readonly member: Member
  /** Undefined where they do not fit. */
  readonly tags: Tags | undefined
}

const JSON_CODEC: Codec = {
  encode: (value) => {
    const text: string | undefined = JSON.stringify(value)
    if (text === undefined) throw new TypeError(`JSON has nothing for a ${typeof value}`)
    return text
  },
  decode: (payload) => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)),
}

/** A cluster seen through schemas. The cluster itself is used as before, besides. */
export class Typed<const S extends Schemas> {
  readonly cluster: Cluster
  readonly #schemas: S
  readonly #codec: Codec
  #uncheckTags: () => void = () => undefined

  constructor(cluster: Cluster, schemas: S, codec: Codec) {
    this.cluster = cluster
    this.#schemas = schemas
    this.#codec = codec
    if (schemas.tags === undefined) return
    const check = ({ members }: MemberEvent) => {
      for (const member of members) this.#checkTags(member)
    }
    cluster.on('member-join', check)
    cluster.on('member-update', check)
    this.#uncheckTags = () => {
      cluster.off('member-join', check)
      cluster.off('member-update', check)
    }
  }

  /**
   * Checks tags that come in no longer: for whoever makes many of these on one cluster. What `onEvent` and `onQuery` gave stops those; all
   * else works as before.
   */
  stop(): void {
    this.#uncheckTags()
  }

  /** Sends a user event. Rejects as `cluster.userEvent` does, and with InvalidPayload. */
  async userEvent<Name extends EventName<S>>(
    name: Name,
    value: SchemaInput<EventsOf<S>[Name]>,
    options?: UserEventOptions,
  ): Promise<{ lamportTime: number }> {
    const payload = await this.#encoded(`user event ${name}`, eventSchema(this.#schemas, name), value)
    return this.cluster.userEvent(name, payload, options)
  }

  /** Hears the user events of a name whose payloads fit, in their order where the schema judges at once. Gives the way to stop. */
  onEvent<Name extends EventName<S>>(
    name: Name,
    listener: (event: TypedEvent<SchemaOutput<EventsOf<S>[Name]>>) => void,
  ): () => void {
    const schema = eventSchema(this.#schemas, name)
    const hear = (event: UserEvent) => {
      if (event.name !== name) return undefined
      const { payload, ...rest } = event
      return whenJudged(this.#decoded(schema, payload), (result) => {
        if (result.issues === undefined) return listener({ ...rest, value: result.value })
        return this.#invalid('user-event', name, undefined, result.issues)
      })
    }
    this.cluster.on('user-event', hear)
    return () => this.cluster.off('user-event', hear)
  }

  /** Asks as `cluster.query` does. An answer that does not fit is told by `invalid`, and its sender by `finished`. */
  async query<Name extends QueryName<S>>(
    name: Name,
    value: SchemaInput<Request<S, Name>>,
    options?: QueryOptions,
  ): Promise<TypedQueryHandle<SchemaOutput<Response<S, Name>>>> {
    const payload = await this.#encoded(`query ${name}`, requestSchema(this.#schemas, name), value)
    const handle = this.cluster.query(name, payload, options)
    const schema = responseSchema(this.#schemas, name)
    const finished = handle.finished.then((result) => this.#finished(name, schema, result))
    // Who only iterates hears of a failure there.
    finished.catch(() => undefined)
    const decoded = (answer: QueryAnswer) => this.#decoded(schema, answer.payload)
    return {
      started: handle.started,
      acks: () => handle.acks(),
      close: () => handle.close(),
      finished,
      responses: async function* () {
        for await (const answer of handle.responses()) {
          const result = await decoded(answer)
          if (result.issues === undefined) yield { from: answer.from, value: result.value }
        }
      },
    }
  }

  /**
   * Answers the queries of a name that fit: with what the function gives, unless that is undefined. What it throws, and an answer that does not fit
   * (InvalidPayload), is the host's own and surfaces as a rejection that nobody handled. Gives the way to stop.
   */
  onQuery<Name extends QueryName<S>>(
    name: Name,
    answer: (query: TypedQuery<SchemaOutput<Request<S, Name>>>) => Answer<SchemaInput<Response<S, Name>>>,
  ): () => void {
    const asked = requestSchema(this.#schemas, name)
    const answered = responseSchema(this.#schemas, name)
    const hear = async (query: QueryEvent) => {
      if (query.name !== name) return
      const { payload, respond, ...rest } = query
      const result = await this.#decoded(asked, payload)
      if (result.issues !== undefined) return this.#invalid('query', name, query.source, result.issues)
      const value = await answer({ ...rest, value: result.value })
      if (value === undefined) return
      await respond((await this.#encoded(`the answer to ${name}`, answered, value)) ?? '')
    }
    this.cluster.on('query', hear)
    return () => this.cluster.off('query', hear)
  }

  /** Replaces our tags. Rejects as `cluster.setTags` does, and with InvalidPayload. */
  async setTags(tags: SchemaInput<TagsOf<S>>): Promise<void> {
    const result = await judge(this.#schemas.tags, tags)
    if (result.issues !== undefined) throw refusal('the set of tags', result.issues)
    await this.cluster.setTags(textsOf(tags))
  }

  /** Members as `cluster.members` gives them, each with its tags as the schema makes them. */
  members(filter: MemberFilter = {}): readonly TypedMember<SchemaOutput<TagsOf<S>>>[] {
    return this.cluster.members(filter).map((member) => ({ member, tags: this.tagsOf(member) }))
  }

  /** The tags of a member, as the schema makes them; undefined where they do not fit. */
  tagsOf({ tags }: Member): SchemaOutput<TagsOf<S>> | undefined {
    const result = atOnce(judge(tagSchema(this.#schemas), { ...tags }))
    return result.issues === undefined ? result.value : undefined
  }

  #checkTags({ name, tags }: Member): void {
    const { issues } = atOnce(judge(this.#schemas.tags, { ...tags }))
    if (issues !== undefined) this.#invalid('tags', name, name, issues)
  }

  async #finished<Schema>(name: string, schema: Schema, result: QueryResult) {
    const answers: TypedAnswer<SchemaOutput<Schema>>[] = []
    const invalid: string[] = []
    for (const { from, payload } of result.answers) {
      const judged = await this.#decoded(schema, payload)
      if (judged.issues === undefined) answers.push({ from, value: judged.value })
      else {
        invalid.push(from)
        this.#invalid('answer', name, from, judged.issues)
      }
    }
    return { ...result, answers, invalid }
  }

  async #encoded(what: string, schema: unknown, value: unknown): Promise<Uint8Array | string | undefined> {
    const result = await judge(schema, value)
    if (result.issues !== undefined) throw refusal(what, result.issues)
    if (value === undefined) return undefined
    try {
      return this.#codec.encode(value)
    } catch (error) {
      throw refusal(what, asIssue(error).issues)
    }
  }

  #decoded<Schema>(schema: Schema, payload: Uint8Array): Judged<SchemaOutput<Schema>> {
    try {
      return judge(schema, payload.length === 0 ? undefined : this.#codec.decode(payload))
    } catch (error) {
      return asIssue(error)
    }
  }

  #invalid(what: Invalid['what'], name: string, member: string | undefined, issues: Invalid['issues']): void {
    this.cluster.emit('invalid', { type: 'invalid', what, name, member, issues })
  }
}

/** Acts on a result, at once where it is there. */
function whenJudged<Output>(judged: Judged<Output>, act: (result: SchemaResult<Output>) => void): unknown {
  return judged instanceof Promise ? judged.then(act) : act(judged)
}

/** The result of a schema that must not take time. */
function atOnce<Output>(judged: Judged<Output>): SchemaResult<Output> {
  return judged instanceof Promise
    ? asIssue('a schema of tags must judge at once, without a promise')
    : judged
}

function eventSchema<S extends Schemas, Name extends EventName<S>>(schemas: S, name: Name): EventsOf<S>[Name]
function eventSchema({ events = {} }: Schemas, name: string): unknown {
  return known(events, name)
}

function requestSchema<S extends Schemas, Name extends QueryName<S>>(schemas: S, name: Name): Request<S, Name>
function requestSchema({ queries = {} }: Schemas, name: string): unknown {
  return known(queries, name).request
}

function responseSchema<S extends Schemas, Name extends QueryName<S>>(
  schemas: S,
  name: Name,
): Response<S, Name>
function responseSchema({ queries = {} }: Schemas, name: string): unknown {
  return known(queries, name).response
}

function tagSchema<S extends Schemas>(schemas: S): TagsOf<S>
function tagSchema({ tags }: Schemas): unknown {
  return tags
}

function known<Value>(schemas: Readonly<Record<string, Value>>, name: string): Value {
  if (!Object.hasOwn(schemas, name)) throw new InvalidArgument(`typed: there is no schema for ${name}`)
  return schemas[name]
}

function refusal(what: string, issues: readonly SchemaIssue[]): InvalidPayload {
  return new InvalidPayload(what, issues, shownIssues(issues))
}

/** Tags as they are set: those that are undefined are none. */
function textsOf(tags: unknown): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const [tag, text] of Object.entries(Object(tags))) {
    if (typeof text === 'string') texts[tag] = text
    else if (text !== undefined)
      throw refusal('the set of tags', [{ message: 'a tag must be a text', path: [tag] }])
  }
  return texts
}

/**
 * Gives a cluster types. `schemas` are of any library that has Standard Schema, as zod, valibot and arktype do. `codec`: how values become
 * payloads, by default as JSON.
 */
export function typed<const S extends Schemas>(
  cluster: Cluster,
  schemas: S,
  codec: Codec = JSON_CODEC,
): Typed<S> {
  return new Typed(cluster, schemas, codec)
}
