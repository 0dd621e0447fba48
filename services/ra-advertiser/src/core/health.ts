import type { Problem } from './problem.ts'

/** How long something has to be otherwise before that is believed, in milliseconds. */
export interface Hysteresis {
  readonly downAfterMs: number
  readonly upAfterMs: number
}

/** What is believed of one thing. A value: `judge` returns the next one. */
export interface Verdict {
  readonly well: boolean
  /** Since when it has looked otherwise without a break; undefined: it looks as believed. */
  readonly otherwiseSinceMs: number | undefined
}

/** Until something else was seen for long enough, all is well: a gateway begins by saying what its document says. */
export const WELL: Verdict = { well: true, otherwiseSinceMs: undefined }

/** `seen`: how it looks at `nowMs`; undefined: it cannot be seen (NATS is away), and all that is believed stays. */
export const judge = (
  verdict: Verdict,
  seen: boolean | undefined,
  nowMs: number,
  { downAfterMs, upAfterMs }: Hysteresis,
): Verdict => {
  const { well, otherwiseSinceMs = nowMs } = verdict
  if (seen === undefined || seen === well)
    return verdict.otherwiseSinceMs === undefined ? verdict : { well, otherwiseSinceMs: undefined }
  if (nowMs - otherwiseSinceMs >= (well ? downAfterMs : upAfterMs)) return { well: seen, otherwiseSinceMs: undefined }
  return { well, otherwiseSinceMs }
}

/** What one instance of a service says of itself; the part of @sixgate/bus's Status that is needed here. */
export interface Report {
  readonly service: string
  readonly state: 'starting' | 'ok' | 'degraded' | 'rejected' | 'stopping'
  readonly problems: readonly Problem[]
  /** When it came, on the clock of this process. */
  readonly receivedMs: number
}

/** Reports are renewed every 2 s and forgotten by NATS after 15 s (shared/bus). */
export const SILENT_MS = 15_000

/** Reports are renewed every 2 s: that of this instance itself, sent to NATS, comes back from there well before this. */
const ECHO_MS = 6_000

/**
 * Whether reports get through NATS at all. `echoMs`: when this instance's own last one came back; undefined: none yet. A cluster
 * without a majority of its servers is connected and keeps nothing.
 */
export const areReportsHeard = (echoMs: number | undefined, nowMs: number): boolean =>
  echoMs !== undefined && nowMs - echoMs < ECHO_MS

/**
 * Whether at least one instance of a service does its work. `heardSinceMs`: since when reports have been coming without a break;
 * undefined: they do not, so nothing can be seen. Right after they began (the memory of NATS may be empty) nothing can either.
 */
export const seenWorking = (
  reports: Iterable<Report>,
  doesWork: (report: Report) => boolean,
  heardSinceMs: number | undefined,
  nowMs: number,
): boolean | undefined => {
  if (heardSinceMs === undefined) return undefined
  const fresh = [...reports].filter(({ receivedMs }) => nowMs - receivedMs < SILENT_MS)
  if (fresh.some(doesWork)) return true
  return nowMs - heardSinceMs < SILENT_MS ? undefined : false
}

/** Neither before its first document nor on its way out; `rejected` works on with the document before. */
const isRunning = ({ state }: Report): boolean => state === 'ok' || state === 'degraded' || state === 'rejected'

const hasNone = ({ problems }: Report, codes: readonly string[]): boolean =>
  problems.every(({ code }) => !codes.includes(code))

/** Problems with which nothing is translated; others (a full pool, a state that cannot be written) leave most hosts well. */
const NAT64_STOPS = ['data-plane-failed', 'tun-lost', 'net-admin-missing', 'route-taken']

export const nat64Works = (report: Report): boolean =>
  report.service === 'nat64' && isRunning(report) && hasNone(report, NAT64_STOPS)

const DNS64_STOPS = ['upstream-missing', 'upstream-silent']
const DNS64_LISTEN_STOPS = ['listen-address-missing', 'listen-port-taken', 'listen-not-permitted', 'listen-failed']

/** `router`: text of the address that hosts of one LAN ask. Problems of other addresses, which name those, do not count. */
export const dns64Works =
  (router: string) =>
  (report: Report): boolean =>
    report.service === 'dns64' &&
    isRunning(report) &&
    hasNone(report, DNS64_STOPS) &&
    report.problems.every(
      ({ code, message }) => !DNS64_LISTEN_STOPS.includes(code) || !message.split(' ').includes(router),
    )

/** What the messages of one LAN depend on. */
export interface Health {
  readonly nat64: boolean
  readonly dns64: boolean
  readonly uplink: boolean
}

export const ALL_WELL: Health = { nat64: true, dns64: true, uplink: true }
