/** What instances of dns64 answer to `queries` and `top-names`, put together. */
import { showMicroseconds } from './si.ts'

/** What `dns64.queryLog` says. */
export type Kept = 'off' | 'names' | 'clients'

export interface DnsQuery {
  /** When it was answered, milliseconds since 1970. */
  readonly atMs: number
  /** Address of who asked; null: the document says that it is not kept. */
  readonly client: string | null
  readonly name: string
  readonly type: string
  readonly rcode: string
  /** As `dns explain` has it. */
  readonly reason: string
  readonly transport: 'udp' | 'tcp'
  readonly isCached: boolean
  readonly isStale: boolean
  readonly upstream: string | null
  /** Microseconds until it was there; null: not timed. */
  readonly tookUs: number | null
}

export interface QueriesOfInstance {
  readonly kept: Kept
  /** Queries that there is room for. */
  readonly room: number
  /** Newest first. */
  readonly queries: readonly DnsQuery[]
  /** By reason: what it means. */
  readonly sentences: Readonly<Record<string, string>>
}

export interface DnsQueries {
  /** null: no instance answered. */
  readonly kept: Kept | null
  readonly room: number
  readonly queries: DnsQuery[]
  readonly sentences: Record<string, string>
}

export interface NamesOfInstance {
  readonly kept: Kept
  readonly sinceMs: number
  readonly names: readonly TopName[]
}

export interface TopName {
  readonly name: string
  /** Too high by at most `overAtMost`. */
  readonly queries: number
  readonly overAtMost: number
}

export interface TopNames {
  readonly kept: Kept | null
  /** Since when they are counted; null: no instance answered. */
  readonly sinceMs: number | null
  readonly names: TopName[]
}

/** The newest queries of all instances. */
export const mergeQueries = (answers: readonly QueriesOfInstance[], limit: number): DnsQueries => ({
  // Instances follow one document.
  kept: answers[0]?.kept ?? null,
  room: answers.reduce((sum, { room }) => sum + room, 0),
  queries: answers
    .flatMap(({ queries }) => queries)
    .toSorted((a, b) => b.atMs - a.atMs)
    .slice(0, limit),
  sentences: Object.assign({}, ...answers.map(({ sentences }) => sentences)) as Record<string, string>,
})

/** The names that all instances together were asked for most. */
export const mergeTopNames = (answers: readonly NamesOfInstance[], limit: number): TopNames => {
  const sums = new Map<string, TopName>()
  for (const { name, queries, overAtMost } of answers.flatMap(({ names }) => names)) {
    const known = sums.get(name)
    sums.set(name, {
      name,
      queries: queries + (known?.queries ?? 0),
      overAtMost: overAtMost + (known?.overAtMost ?? 0),
    })
  }
  return {
    kept: answers[0]?.kept ?? null,
    sinceMs: answers.length === 0 ? null : Math.min(...answers.map(({ sinceMs }) => sinceMs)),
    names: [...sums.values()].toSorted((a, b) => b.queries - a.queries).slice(0, limit),
  }
}

/** Where an answer comes from, in a word. */
export const sourceOf = ({ isCached, isStale, upstream }: DnsQuery): string => {
  if (isStale) return 'stale'
  return isCached ? 'cache' : (upstream ?? '-')
}

/** `30.1 ms`; `-`: not timed. */
export const showTook = (us: number | null): string => (us === null ? '-' : showMicroseconds(us))

/** Head and a row for each query, for columns. `showTime`: a time for people. */
export const queryRows = (
  queries: readonly DnsQuery[],
  kept: Kept | null,
  showTime: (ms: number) => string,
): string[][] => {
  const who = kept === 'clients'
  return [
    ['WHEN', ...(who ? ['CLIENT'] : []), 'NAME', 'TYPE', 'RCODE', 'FROM', 'TOOK', 'REASON'],
    ...queries.map((query) => [
      showTime(query.atMs),
      ...(who ? [query.client ?? '-'] : []),
      query.name,
      query.type,
      query.rcode,
      sourceOf(query),
      showTook(query.tookUs),
      query.reason,
    ]),
  ]
}
