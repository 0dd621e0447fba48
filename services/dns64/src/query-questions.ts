import { formatIp4, formatIp6, parseIp4, parseIp6 } from '@sixgate/addr'
import { QuestionRefused, WrongQuestion } from '@sixgate/bus'
import { RCODE_NAMES, rcodeName, typeName, typeOfName } from './core/mnemonics.ts'
import { textOfKey } from './core/name.ts'
import type { Kept } from './core/policy.ts'
import { EXPLAIN_REASON, HOW, KEPT_QUERIES, type LoggedQuery, type QueryLog, type Reason } from './core/query-log.ts'

/** A query as it is told. JSON. */
export interface ToldQuery {
  /** When it was answered, milliseconds since 1970. */
  readonly atMs: number
  /** null: `dns64.queryLog` keeps no clients. */
  readonly client: string | null
  readonly name: string
  readonly type: string
  readonly rcode: string
  readonly reason: Reason
  readonly transport: 'udp' | 'tcp'
  /** Nobody had to be asked. */
  readonly isCached: boolean
  /** Its time was over, and it could not be renewed (RFC 8767). */
  readonly isStale: boolean
  /** Who gave the answer, or what it is made of; null: nobody. */
  readonly upstream: string | null
  /** Microseconds until it was there; null: not timed, because nobody was waited for. */
  readonly tookUs: number | null
}

/** What is kept at all. */
interface Keeping {
  readonly kept: Kept
  /** Queries that there is room for. */
  readonly room: number
}

export interface ToldQueries extends Keeping {
  /** Newest first. */
  readonly queries: readonly ToldQuery[]
  /** By the reasons that occur: what they mean. */
  readonly sentences: Readonly<Record<string, string>>
}

export interface ToldNames extends Keeping {
  readonly sinceMs: number
  /** `queries` is too high by at most `overAtMost`. */
  readonly names: readonly { readonly name: string; readonly queries: number; readonly overAtMost: number }[]
}

type Body = Readonly<Record<string, unknown>>

const DEFAULT_LIMIT = 100
/** An answer stays below the largest message of NATS even when every name is as long as a name can be. */
const MAX_LIMIT = 500
/** Names that are counted: of two hours. */
const MAX_NAMES = 1024

const bodyOf = (body: unknown): Body => {
  if (body === undefined || body === null) return {}
  if (typeof body !== 'object' || Array.isArray(body)) throw new WrongQuestion('queries: must be asked with fields')
  return body as Body
}

const limitOf = ({ limit }: Body, highest: number): number => {
  if (limit === undefined) return DEFAULT_LIMIT
  if (typeof limit === 'number' && Number.isInteger(limit) && limit >= 1 && limit <= highest) return limit
  throw new WrongQuestion(`limit: ${JSON.stringify(limit)}: must be a whole number from 1 to ${highest}`)
}

const textOf = (body: Body, field: string): string | undefined => {
  const value = body[field]
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string') return value
  throw new WrongQuestion(`${field}: must be a text`)
}

const typeFilter = (text: string): number => {
  const type = typeOfName(text.toUpperCase())
  if (type === undefined) throw new WrongQuestion(`type: "${text}" is no record type: a name like AAAA, or TYPE65`)
  return type
}

const rcodeFilter = (text: string): string => {
  const name = text.toUpperCase()
  if (RCODE_NAMES.includes(name)) return name
  throw new WrongQuestion(`rcode: "${text}": must be one of ${RCODE_NAMES.join(', ')}`)
}

const reasonFilter = (text: string): string => {
  if (Object.hasOwn(EXPLAIN_REASON, text)) return text
  throw new WrongQuestion(`reason: "${text}": must be one of ${Object.keys(EXPLAIN_REASON).join(', ')}`)
}

/** An address without zone, in the one text that it has. */
const addressOf = (text: string): string | undefined => {
  const bare = text.split('%')[0] ?? text
  const ip4 = parseIp4(bare)
  if (ip4 !== undefined) return formatIp4(ip4)
  const ip6 = parseIp6(bare)
  return ip6 === undefined ? undefined : formatIp6(ip6)
}

const clientFilter = (text: string): string => {
  const address = addressOf(text)
  if (address === undefined) throw new WrongQuestion(`client: "${text}" is no address: IPv4 or IPv6`)
  return address
}

/** What a query has to be like. The name, which has to be made into text, is looked at last. */
const filterOf = (body: Body): ((query: LoggedQuery) => boolean) => {
  const [name, client, type, rcode, reason] = ['name', 'client', 'type', 'rcode', 'reason'].map((f) => textOf(body, f))
  const part = name?.toLowerCase()
  const address = client === undefined ? undefined : clientFilter(client)
  const wantedType = type === undefined ? undefined : typeFilter(type)
  const wantedRcode = rcode === undefined ? undefined : rcodeFilter(rcode)
  const wantedReason = reason === undefined ? undefined : reasonFilter(reason)
  return (query) =>
    (wantedType === undefined || query.type === wantedType) &&
    (wantedReason === undefined || query.reason === wantedReason) &&
    (wantedRcode === undefined || rcodeName(query.rcode) === wantedRcode) &&
    (address === undefined || (query.client !== undefined && addressOf(query.client) === address)) &&
    (part === undefined || textOfKey(query.name).includes(part))
}

const tell = (query: LoggedQuery, wallMs: (atMs: number) => number): ToldQuery => ({
  atMs: wallMs(query.atMs),
  client: query.client ?? null,
  name: textOfKey(query.name),
  type: typeName(query.type),
  rcode: rcodeName(query.rcode),
  reason: query.reason,
  transport: (query.how & HOW.TCP) === 0 ? 'udp' : 'tcp',
  isCached: (query.how & HOW.CACHED) !== 0,
  isStale: (query.how & HOW.STALE) !== 0,
  upstream: query.upstream ?? null,
  tookUs: query.tookUs ?? null,
})

const logOf = (log: QueryLog | undefined): QueryLog => {
  if (log === undefined) throw new QuestionRefused('dns64 has no site document yet: try again in a moment')
  return log
}

const keeping = ({ kept }: QueryLog): Keeping => ({ kept, room: kept === 'off' ? 0 : KEPT_QUERIES })

/**
 * Answers the question `queries`: the newest ones that fit `{name, client, type, rcode, reason, limit}`, of which each may be
 * left out; `name` is a part of it. `wallMs`: makes milliseconds since 1970 of a time of the log. Throws QuestionRefused.
 */
export const answerQueries = (
  maybeLog: QueryLog | undefined,
  asked: unknown,
  wallMs: (atMs: number) => number,
): ToldQueries => {
  const log = logOf(maybeLog)
  const body = bodyOf(asked)
  const limit = limitOf(body, MAX_LIMIT)
  const isWanted = filterOf(body)
  const queries: ToldQuery[] = []
  for (const query of log.newest()) {
    if (!isWanted(query)) continue
    queries.push(tell(query, wallMs))
    if (queries.length === limit) break
  }
  const sentences = Object.fromEntries(queries.map(({ reason }) => [reason, EXPLAIN_REASON[reason]]))
  return { ...keeping(log), queries, sentences }
}

/** Answers the question `top-names` (`{limit}`): the names asked for most in this hour and the one before. Throws QuestionRefused. */
export const answerTopNames = (
  maybeLog: QueryLog | undefined,
  asked: unknown,
  wallMs: (atMs: number) => number,
): ToldNames => {
  const log = logOf(maybeLog)
  const limit = limitOf(bodyOf(asked), MAX_NAMES)
  const { sinceMs, names } = log.topNames()
  return {
    ...keeping(log),
    sinceMs: wallMs(sinceMs),
    names: names
      .slice(0, limit)
      .map(({ name, count, overAtMost }) => ({ name: textOfKey(name), queries: count, overAtMost })),
  }
}
