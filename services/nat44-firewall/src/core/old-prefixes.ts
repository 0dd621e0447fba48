import { formatPrefix, type Prefix6, parsePrefix6 } from '@sixgate/addr'

/** A LAN prefix that hosts may still use after the document has lost it. */
export interface OldPrefix {
  readonly prefix: Prefix6
  /** Until hosts have forgotten it by themselves, milliseconds since 1970. */
  readonly untilMs: number
}

/** What is remembered of the documents before this one. */
export interface PrefixHistory {
  /** Prefixes of the LAN in the document that was in force last, and how long hosts were told to keep them. */
  readonly current: readonly Prefix6[]
  readonly validLifetimeS: number
  readonly old: readonly OldPrefix[]
}

export const NO_HISTORY: PrefixHistory = { current: [], validLifetimeS: 0, old: [] }

const same = (a: Prefix6, b: Prefix6): boolean => formatPrefix(a) === formatPrefix(b)

/** The history with a document in force: what it no longer has becomes old, what has expired or is back is forgotten. */
export const withDocument = (
  history: PrefixHistory,
  current: readonly Prefix6[],
  validLifetimeS: number,
  nowMs: number,
): PrefixHistory => {
  const gone = history.current
    .filter((prefix) => !current.some((other) => same(other, prefix)))
    .map((prefix) => ({ prefix, untilMs: nowMs + history.validLifetimeS * 1000 }))
  const old = [...history.old.filter(({ prefix }) => !gone.some((other) => same(other.prefix, prefix))), ...gone]
  return {
    current,
    validLifetimeS,
    old: old.filter(({ prefix, untilMs }) => untilMs > nowMs && !current.some((other) => same(other, prefix))),
  }
}

/** As it is kept on disk. */
export const formatHistory = ({ current, validLifetimeS, old }: PrefixHistory): string =>
  `${JSON.stringify({
    current: current.map(formatPrefix),
    validLifetimeS,
    old: old.map(({ prefix, untilMs }) => ({ prefix: formatPrefix(prefix), untilMs })),
  })}\n`

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const prefixesIn = (value: unknown): readonly Prefix6[] =>
  Array.isArray(value) ? value.flatMap((text) => (typeof text === 'string' ? (parsePrefix6(text) ?? []) : [])) : []

/** Reads what `formatHistory` wrote; what is damaged is forgotten. Never throws. */
export const parseHistory = (text: string): PrefixHistory => {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch {
    return NO_HISTORY
  }
  if (!isRecord(content)) return NO_HISTORY
  const { current, validLifetimeS, old } = content
  return {
    current: prefixesIn(current),
    validLifetimeS: typeof validLifetimeS === 'number' ? validLifetimeS : 0,
    old: (Array.isArray(old) ? old : []).flatMap((entry: unknown) => {
      const [prefix] = isRecord(entry) ? prefixesIn([entry['prefix']]) : []
      const untilMs = isRecord(entry) ? entry['untilMs'] : undefined
      return prefix === undefined || typeof untilMs !== 'number' ? [] : [{ prefix, untilMs }]
    }),
  }
}
