import { WEEKDAYS } from '@sixgate/site'

/** When a host is blocked, on the clock of the site: seconds from midnight; without them the whole day. */
export interface Schedule {
  /** undefined: every day. */
  readonly days?: readonly (typeof WEEKDAYS)[number][] | undefined
  readonly from?: number | undefined
  /** Up to here, not included; earlier than `from`: on the next day. */
  readonly until?: number | undefined
}

/** A span of time that begins and ends on one day, UTC. */
export interface Span {
  /** Numbers of `WEEKDAYS`; on each of them the span is the same. */
  readonly days: readonly number[]
  /** Seconds from midnight, both included. */
  readonly fromS: number
  readonly lastS: number
}

export const DAY_S = 86_400
const WEEK_S = 7 * DAY_S
const DAYS = WEEKDAYS.map((_name, index) => index)

/** How far the clocks of a time zone are ahead of UTC at a moment, in seconds. */
export const utcOffsetS = (timeZone: string, unixMs: number): number => {
  const text = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' })
    .formatToParts(unixMs)
    .find(({ type }) => type === 'timeZoneName')?.value
  // `GMT`, `GMT+05:30`, `GMT-03:00`; a few historic zones have seconds.
  const [, sign, hours, minutes, seconds = '0'] = /([+-])(\d\d):(\d\d)(?::(\d\d))?/.exec(text ?? '') ?? []
  if (sign === undefined) return 0
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds))
}

/** A time zone of that offset for the variable TZ (POSIX: the other way round), so that no database is needed. */
export const posixZone = (offsetS: number): string => {
  const ahead = Math.abs(offsetS)
  const clock = [ahead / 3600, (ahead / 60) % 60, ahead % 60].map((part) => String(Math.trunc(part)).padStart(2, '0'))
  return `SITE${offsetS > 0 ? '-' : '+'}${clock.join(':')}`
}

interface WeekSpan {
  readonly startS: number
  readonly endS: number
}

/** Spans from the start of the week (Sunday, UTC), cut at its end. */
const weekSpans = ({ days, from = 0, until = DAY_S }: Schedule, offsetS: number): readonly WeekSpan[] => {
  const lengthS = until > from ? until - from : until + DAY_S - from
  const starts = days === undefined ? DAYS : DAYS.filter((day) => days.includes(WEEKDAYS[day] ?? 'sunday'))
  return starts.flatMap((day) => {
    const startS = (day * DAY_S + from - offsetS + WEEK_S) % WEEK_S
    const endS = startS + lengthS
    return endS <= WEEK_S
      ? [{ startS, endS }]
      : [
          { startS, endS: WEEK_S },
          { startS: 0, endS: endS - WEEK_S },
        ]
  })
}

/**
 * A schedule as the kernel can compare it: the kernel knows the hour and the day of UTC only. Empty when the schedule says
 * nothing, so that it is always on. `offsetS`: as `utcOffsetS` says now; when clocks change, ask again.
 */
export const spansOf = (schedule: Schedule, offsetS: number): readonly Span[] => {
  if (schedule.days === undefined && schedule.from === undefined) return []
  const byTime = new Map<string, { fromS: number; lastS: number; days: Set<number> }>()
  for (const { startS, endS } of weekSpans(schedule, offsetS))
    for (let at = startS; at < endS; ) {
      const day = Math.floor(at / DAY_S)
      const cut = Math.min(endS, (day + 1) * DAY_S)
      const [fromS, lastS] = [at - day * DAY_S, cut - day * DAY_S - 1]
      const span = byTime.get(`${fromS} ${lastS}`) ?? { fromS, lastS, days: new Set() }
      byTime.set(`${fromS} ${lastS}`, span)
      span.days.add(day)
      at = cut
    }
  return [...byTime.values()]
    .map((span) => ({ ...span, days: [...span.days].toSorted((a, b) => a - b) }))
    .toSorted((a, b) => a.fromS - b.fromS || a.lastS - b.lastS)
}
