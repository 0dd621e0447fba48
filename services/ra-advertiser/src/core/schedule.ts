import { equalIp6, type Ip6 } from '@sixgate/addr'

/** Protocol constants of a router (RFC 4861 §10), in milliseconds where they are times. */
export const RFC4861 = {
  MAX_INITIAL_RTR_ADVERT_INTERVAL_MS: 16_000,
  MAX_INITIAL_RTR_ADVERTISEMENTS: 3,
  MAX_FINAL_RTR_ADVERTISEMENTS: 3,
  MIN_DELAY_BETWEEN_RAS_MS: 3_000,
  MAX_RA_DELAY_TIME_MS: 500,
} as const

/**
 * Unicast answers (RFC 7772 §5.1) within MIN_DELAY_BETWEEN_RAS; further solicitations in that time share one multicast
 * answer. So a flood of solicitations costs at most this many messages per 3 s, plus one.
 */
export const UNICAST_ANSWERS_MAX = 8

/** MinRtrAdvInterval and MaxRtrAdvInterval in milliseconds. */
export interface Intervals {
  readonly minMs: number
  readonly maxMs: number
}

/** Time and chance, injected. All times are milliseconds on one monotonic clock. */
export interface Now {
  readonly nowMs: number
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** An answer to one host that waits for its random delay. */
interface PendingUnicast {
  readonly to: Ip6
  readonly atMs: number
}

/** When the next Router Advertisements go out on one link. A value: every function returns a new one. */
export interface Schedule {
  readonly intervals: Intervals
  /** Next unsolicited one, to all nodes. */
  readonly unsolicitedAtMs: number
  /** How many of the burst after a start or a change are still to come (RFC 4861 §6.2.4). */
  readonly burstLeft: number
  /** Pending multicast answer to solicitations. */
  readonly answerAtMs: number | undefined
  /** Pending unicast answers. */
  readonly unicast: readonly PendingUnicast[]
  /** When the last one went to all nodes. */
  readonly lastMulticastMs: number | undefined
  /** When unicast answers were promised, within the last MIN_DELAY_BETWEEN_RAS. */
  readonly promisedMs: readonly number[]
}

/** One Router Advertisement to send now: to a host, or to all nodes (`to` undefined). */
export interface Send {
  readonly to: Ip6 | undefined
  readonly reason: 'unsolicited' | 'solicited'
}

/** RFC 4861 §6.2.6: "consecutive Router Advertisements sent to the all-nodes multicast address MUST be rate limited". */
const earliestMulticastMs = (lastMulticastMs: number | undefined, nowMs: number): number =>
  lastMulticastMs === undefined ? nowMs : Math.max(nowMs, lastMulticastMs + RFC4861.MIN_DELAY_BETWEEN_RAS_MS)

/** RFC 4861 §6.2.4: uniform between the two intervals; while the burst lasts, not beyond 16 s. */
const nextInterval = ({ minMs, maxMs }: Intervals, burstLeft: number, random: () => number): number => {
  const interval = minMs + random() * (maxMs - minMs)
  return burstLeft > 0 ? Math.min(interval, RFC4861.MAX_INITIAL_RTR_ADVERT_INTERVAL_MS) : interval
}

/**
 * The schedule of an interface that becomes an advertising one now (RFC 4861 §6.2.4): the first message at once, two more at
 * most 16 s apart. `lastMulticastMs`: when this router last sent to all nodes on this link, if it did.
 */
export const startSchedule = (intervals: Intervals, nowMs: number, lastMulticastMs?: number): Schedule => ({
  intervals,
  unsolicitedAtMs: earliestMulticastMs(lastMulticastMs, nowMs),
  burstLeft: RFC4861.MAX_INITIAL_RTR_ADVERTISEMENTS,
  answerAtMs: undefined,
  unicast: [],
  lastMulticastMs,
  promisedMs: [],
})

/**
 * What the messages say has changed. RFC 4861 §6.2.4: then "the router MAY transmit up to MAX_INITIAL_RTR_ADVERTISEMENTS
 * unsolicited advertisements, using the same rules as when an interface becomes an advertising interface".
 * Answers that wait are kept: they will carry the new content.
 */
export const contentChanged = (schedule: Schedule, intervals: Intervals, nowMs: number): Schedule => ({
  ...schedule,
  ...startSchedule(intervals, nowMs, schedule.lastMulticastMs),
  answerAtMs: schedule.answerAtMs,
  unicast: schedule.unicast,
  promisedMs: schedule.promisedMs,
})

/** A valid solicitation came; `from` undefined when its source is `::`. RFC 4861 §6.2.6, RFC 7772 §5.1. */
export const solicit = (schedule: Schedule, from: Ip6 | undefined, now: Now): Schedule => {
  const { nowMs } = now
  const delayedMs = nowMs + now.random() * RFC4861.MAX_RA_DELAY_TIME_MS
  // "ignore the random delay and send the advertisement at the already-scheduled time": that one answers this one too.
  if (schedule.unsolicitedAtMs <= delayedMs) return schedule
  // "If a single advertisement is sent in response to multiple solicitations, the delay is relative to the first solicitation."
  if (schedule.answerAtMs !== undefined && schedule.answerAtMs <= delayedMs) return schedule
  const promisedMs = schedule.promisedMs.filter((atMs) => atMs > nowMs - RFC4861.MIN_DELAY_BETWEEN_RAS_MS)
  if (from !== undefined) {
    if (schedule.unicast.some(({ to }) => equalIp6(to, from))) return schedule
    if (promisedMs.length < UNICAST_ANSWERS_MAX)
      return {
        ...schedule,
        unicast: [...schedule.unicast, { to: from, atMs: delayedMs }],
        promisedMs: [...promisedMs, nowMs],
      }
  }
  if (schedule.answerAtMs !== undefined) return schedule
  // "If the router sent a multicast RA within the last MIN_DELAY_BETWEEN_RAS seconds, schedule the advertisement to be sent
  // at a time corresponding to MIN_DELAY_BETWEEN_RAS plus the random value after the previous advertisement was sent."
  // Should the unsolicited one come before that, it is the answer: `due` then forgets this one.
  return { ...schedule, answerAtMs: earliestMulticastMs(schedule.lastMulticastMs, nowMs) + (delayedMs - nowMs) }
}

/** When `due` has something to send next. */
export const nextWakeMs = (schedule: Schedule): number =>
  Math.min(
    schedule.unsolicitedAtMs,
    schedule.answerAtMs ?? Number.POSITIVE_INFINITY,
    ...schedule.unicast.map(({ atMs }) => atMs),
  )

/** What is to be sent at `now`, and the schedule after it was sent. At most one message goes to all nodes. */
export const due = (schedule: Schedule, now: Now): { readonly schedule: Schedule; readonly sends: readonly Send[] } => {
  const { nowMs } = now
  const unsolicited = schedule.unsolicitedAtMs <= nowMs
  const multicast = unsolicited || (schedule.answerAtMs !== undefined && schedule.answerAtMs <= nowMs)
  const dueUnicast = schedule.unicast.filter(({ atMs }) => atMs <= nowMs)
  const sends: Send[] = []
  if (multicast) sends.push({ to: undefined, reason: unsolicited ? 'unsolicited' : 'solicited' })
  // A message to all nodes reaches those hosts too.
  else for (const { to } of dueUnicast) sends.push({ to, reason: 'solicited' })
  if (!multicast)
    return {
      sends,
      schedule: { ...schedule, unicast: schedule.unicast.filter((entry) => !dueUnicast.includes(entry)) },
    }
  const burstLeft = Math.max(0, schedule.burstLeft - 1)
  return {
    sends,
    schedule: {
      ...schedule,
      // §6.2.4, §6.2.6: whenever a multicast one is sent, solicited or not, "the timer is reset".
      unsolicitedAtMs: nowMs + nextInterval(schedule.intervals, burstLeft, now.random),
      burstLeft,
      answerAtMs: undefined,
      unicast: [],
      lastMulticastMs: nowMs,
    },
  }
}

/**
 * When the last messages of an interface that ceases to advertise go out (RFC 4861 §6.2.5: "one or more (but not more than
 * MAX_FINAL_RTR_ADVERTISEMENTS) final multicast Router Advertisements"), MIN_DELAY_BETWEEN_RAS apart: as many as fit into
 * `budgetMs`, and the first in any case.
 */
export const finalTimes = (lastMulticastMs: number | undefined, nowMs: number, budgetMs: number): readonly number[] => {
  const firstMs = earliestMulticastMs(lastMulticastMs, nowMs)
  return Array.from(
    { length: RFC4861.MAX_FINAL_RTR_ADVERTISEMENTS },
    (_, index) => firstMs + index * RFC4861.MIN_DELAY_BETWEEN_RAS_MS,
  ).filter((atMs, index) => index === 0 || atMs - nowMs <= budgetMs)
}
