/** Milliseconds since 1970 as ISO 8601. */
export const isoTime = (ms: number): string => new Date(ms).toISOString()

/** `2026-01-31 12:00:00`, UTC. */
export const shortTime = (ms: number): string => isoTime(ms).slice(0, 19).replace('T', ' ')

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds since 1970 of what an operator named: `30min` ago (s, min, h, d), or an ISO 8601 time (UTC when it says no
 * zone). NaN: it is neither.
 */
export const sinceOf = (text: string, nowMs: number): number => {
  const [, count, unit] = /^(\d{1,6}) ?(s|min|h|d)$/.exec(text) ?? []
  if (count !== undefined && unit !== undefined) return nowMs - Number(count) * (UNITS_MS[unit] ?? Number.NaN)
  const [, date, time, zone] = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?))?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? []
  return date === undefined ? Number.NaN : Date.parse(`${date}T${time ?? '00:00'}${zone ?? 'Z'}`)
}
