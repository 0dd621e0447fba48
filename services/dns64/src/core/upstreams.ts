import type { Upstream } from '@sixgate/site'

export type { Upstream } from '@sixgate/site'

/** One text for each, because it is asked for with every answer. */
const shown = new WeakMap<Upstream, string>()

/** `192.0.2.1#53`, as dig writes it; with `tcp:`, `tls:` or `https:` in front for the others. */
export const showUpstream = (upstream: Upstream): string => {
  const known = shown.get(upstream)
  if (known !== undefined) return known
  const text = `${upstream.protocol === undefined ? '' : `${upstream.protocol}:`}${upstream.address}#${upstream.port}`
  shown.set(upstream, text)
  return text
}

/** True for an upstream that is asked over TLS or HTTPS. */
export const isEncrypted = ({ protocol }: Upstream): boolean => protocol === 'tls' || protocol === 'https'

/**
 * True for an upstream on this machine, or one that is asked over TLS and showed who it is: nobody can change its answers
 * on the way, so its AD bit can be believed (RFC 6840 §5.7).
 */
export const isTrusted = (upstream: Upstream): boolean =>
  isEncrypted(upstream) || upstream.address === '::1' || upstream.address.startsWith('127.')

/** What is known of one upstream. */
export interface UpstreamHealth {
  readonly upstream: Upstream
  /** Queries in a row without an answer. */
  failures: number
  /** True once a probe went unanswered twice, or the network said that nobody is there. */
  failing: boolean
  /** Since when nothing was answered; undefined while it answers. */
  silentSinceMs: number | undefined
  probesMissed: number
  lastTriedMs: number
  lastProbedMs: number
  /** Why the last query failed, for the operator. */
  lastError: string
  /** RFC 6891 §7: it refused EDNS; ask it without until then. */
  plainUntilMs: number
  /** It gave back the letters of a question as they were; undefined = not known yet. */
  keepsCase: boolean | undefined
  /** Answers with other letters, while that is not known. */
  otherCase: number
}

/** Queries in a row without an answer that put an upstream behind the others: one or two may be lost packets. */
const DOUBTFUL_AFTER = 3
/** Unanswered probes that make it a failing one. Queries do not: a broken domain keeps a good resolver silent. */
const FAILING_AFTER_PROBES = 2
/** How long an upstream that refused EDNS is asked without it. */
const PLAIN_FOR_MS = 900_000
/** Pause between probes of a silent upstream. */
const PROBE_PAUSE_MS = 2000

/** The state of a list of upstreams. Order = preference of the document. */
export class UpstreamPool {
  readonly members: readonly UpstreamHealth[]

  constructor(upstreams: readonly Upstream[]) {
    this.members = upstreams.map((upstream) => ({
      upstream,
      failures: 0,
      failing: false,
      silentSinceMs: undefined,
      probesMissed: 0,
      lastTriedMs: 0,
      lastProbedMs: 0,
      lastError: '',
      plainUntilMs: 0,
      keepsCase: undefined,
      otherCase: 0,
    }))
  }

  /** Whom to ask in which order: as written, the doubtful behind the good, the failing last, longest untried first. */
  order(): readonly UpstreamHealth[] {
    if (this.members.every((m) => !m.failing && m.failures < DOUBTFUL_AFTER)) return this.members
    const good = this.members.filter((m) => !m.failing && m.failures < DOUBTFUL_AFTER)
    const doubtful = this.members.filter((m) => !m.failing && m.failures >= DOUBTFUL_AFTER)
    const failing = this.members.filter((m) => m.failing).toSorted((a, b) => a.lastTriedMs - b.lastTriedMs)
    return [...good, ...doubtful, ...failing]
  }

  /** Those to be probed now: silent, or never tried; each at most every two seconds. */
  dueForProbe(nowMs: number): UpstreamHealth[] {
    const isDoubted = (m: UpstreamHealth): boolean => m.failures > 0 || m.lastTriedMs === 0
    return this.members.filter(
      (m) => isDoubted(m) && (m.lastProbedMs === 0 || nowMs - m.lastProbedMs >= PROBE_PAUSE_MS),
    )
  }

  /** True when there is no upstream, or every one is failing. */
  get allFailing(): boolean {
    return this.members.every((m) => m.failing)
  }
}

/** A response came, whatever its RCODE. */
export const noteAnswer = (health: UpstreamHealth): void => {
  health.failures = 0
  health.probesMissed = 0
  health.failing = false
  health.silentSinceMs = undefined
  health.lastError = ''
}

/** How a query failed. */
export interface Failure {
  readonly error: string
  /** The network said so (port or host unreachable): there is nothing to wait for. */
  readonly certain: boolean
  /** It was a probe. */
  readonly probe: boolean
}

/** No usable response. */
export const noteFailure = (health: UpstreamHealth, nowMs: number, failure: Failure): void => {
  health.failures++
  if (failure.probe) health.probesMissed++
  health.failing ||= failure.certain || health.probesMissed >= FAILING_AFTER_PROBES
  health.silentSinceMs ??= nowMs
  health.lastError = failure.error
}

/** The upstream does not understand EDNS. */
export const noteNoEdns = (health: UpstreamHealth, nowMs: number): void => {
  health.plainUntilMs = nowMs + PLAIN_FOR_MS
}

/** Answers with other letters that make an upstream one that does not keep them; one alone may be a forger's. */
const OTHER_CASE_LIMIT = 3

/** The upstream gave back the letters as they were: from now on it is expected to. */
export const noteSameCase = (health: UpstreamHealth): void => {
  health.keepsCase = true
}

/** An answer with other letters came from an upstream of which it is not known that it keeps them. */
export const noteOtherCase = (health: UpstreamHealth): void => {
  health.otherCase++
  if (health.keepsCase === undefined && health.otherCase >= OTHER_CASE_LIMIT) health.keepsCase = false
}
