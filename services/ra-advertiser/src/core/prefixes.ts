import { formatPrefix, type Ip6, type Prefix6, parsePrefix6, prefix6Of } from '@sixgate/addr'
import { isLinkLocal } from './link-local.ts'

/** RFC 9096 §3.5, ND_VALID_LIMIT: a stale prefix is advertised with lifetimes 0 for so long. */
export const STALE_FOR_MS = 5_400_000

/** A prefix that hosts may still have addresses from, though it is advertised no longer. */
export interface StalePrefix {
  readonly prefix: Prefix6
  /** Milliseconds since 1970; a monotonic clock does not outlive a restart. */
  readonly sinceMs: number
}

/** What was advertised on one LAN. A value: `followPrefixes` returns the next one. */
export interface PrefixRecord {
  readonly current: readonly Prefix6[]
  readonly stale: readonly StalePrefix[]
}

export const NO_PREFIXES: PrefixRecord = { current: [], stale: [] }

const includes = (prefixes: readonly Prefix6[], prefix: Prefix6): boolean =>
  prefixes.some((other) => formatPrefix(other) === formatPrefix(prefix))

/**
 * The record once `current` is what is advertised. RFC 9096 §3.5: "Any prefixes that were previously advertised by the CE
 * router via SLAAC, but that have now become stale, MUST be advertised with PIOs that have the Valid Lifetime and the
 * Preferred Lifetime set to 0". One that comes back is stale no more.
 */
export const followPrefixes = (record: PrefixRecord, current: readonly Prefix6[], nowMs: number): PrefixRecord => {
  const old = record.stale
    // A clock that was set back must not make it stale for longer.
    .map(({ prefix, sinceMs }) => ({ prefix, sinceMs: Math.min(sinceMs, nowMs) }))
    .filter(({ prefix, sinceMs }) => !includes(current, prefix) && nowMs - sinceMs < STALE_FOR_MS)
  const leaving = record.current.filter((prefix) => !includes(current, prefix))
  const newly = leaving.filter((prefix) => !old.some((stale) => formatPrefix(stale.prefix) === formatPrefix(prefix)))
  return { current, stale: [...old, ...newly.map((prefix) => ({ prefix, sinceMs: nowMs }))] }
}

/** Whether two records say the same, so that nothing has to be written. */
export const sameRecord = (a: PrefixRecord, b: PrefixRecord): boolean =>
  JSON.stringify(recordToJson(a)) === JSON.stringify(recordToJson(b))

/** As plain data for a file. */
export const recordToJson = ({ current, stale }: PrefixRecord): unknown => ({
  current: current.map(formatPrefix),
  stale: stale.map(({ prefix, sinceMs }) => ({ prefix: formatPrefix(prefix), sinceMs })),
})

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const prefixFrom = (value: unknown): Prefix6[] => {
  const prefix = typeof value === 'string' ? parsePrefix6(value) : undefined
  return prefix === undefined ? [] : [prefix]
}

/** Reads what `recordToJson` wrote; what is damaged is left out. */
export const recordFromJson = (value: unknown): PrefixRecord => {
  if (!isRecord(value) || !Array.isArray(value.current) || !Array.isArray(value.stale)) return NO_PREFIXES
  return {
    current: value.current.flatMap(prefixFrom),
    stale: value.stale.flatMap((entry: unknown) =>
      isRecord(entry) && typeof entry.sinceMs === 'number'
        ? prefixFrom(entry.prefix).map((prefix) => ({ prefix, sinceMs: Number(entry.sinceMs) }))
        : [],
    ),
  }
}

/** An IPv6 address of the LAN link, as far as a prefix can be taken from it. */
export interface InterfaceAddress {
  readonly ip: Ip6
  readonly lenBits: number
  readonly tentative: boolean
  readonly dadFailed: boolean
  /** Seconds left; 0xffffffff = no end. */
  readonly preferredLifetimeS: number
  readonly validLifetimeS: number
}

/** A prefix with the times at which it ends, in milliseconds since 1970; undefined: it has no end. */
export interface TimedPrefix {
  readonly prefix: Prefix6
  readonly validUntilMs: number | undefined
  readonly preferredUntilMs: number | undefined
}

const ENDLESS_S = 0xffffffff
/** RFC 4862 §5.5.3 d: hosts form addresses from a /64 only. */
const SLAAC_LEN_BITS = 64

/** When a lifetime of the kernel ends; one that is over ended long ago. */
const endOf = (lifetimeS: number, nowMs: number): number | undefined =>
  lifetimeS === ENDLESS_S ? undefined : lifetimeS === 0 ? 0 : nowMs + lifetimeS * 1000

/** The later of two ends. */
const later = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : Math.max(a, b)

/**
 * The prefixes of the /64 addresses on a LAN link, e.g. from a DHCPv6 client with prefix delegation; `own` is the site's,
 * which has its own lifetimes. Of several addresses in one prefix the one that lasts longest counts.
 */
export const interfacePrefixes = (
  addresses: readonly InterfaceAddress[],
  own: Prefix6,
  nowMs: number,
): readonly TimedPrefix[] => {
  const found = new Map<string, TimedPrefix>()
  for (const { ip, lenBits, tentative, dadFailed, preferredLifetimeS, validLifetimeS } of addresses) {
    if (lenBits !== SLAAC_LEN_BITS || tentative || dadFailed || isLinkLocal(ip)) continue
    const prefix = prefix6Of(ip, SLAAC_LEN_BITS)
    const key = formatPrefix(prefix)
    if (key === formatPrefix(own)) continue
    const validUntilMs = endOf(validLifetimeS, nowMs)
    const preferredUntilMs = endOf(preferredLifetimeS, nowMs)
    const known = found.get(key)
    found.set(key, {
      prefix,
      validUntilMs: known === undefined ? validUntilMs : later(known.validUntilMs, validUntilMs),
      preferredUntilMs: known === undefined ? preferredUntilMs : later(known.preferredUntilMs, preferredUntilMs),
    })
  }
  return [...found.values()].toSorted((a, b) => (formatPrefix(a.prefix) < formatPrefix(b.prefix) ? -1 : 1))
}
