import { type Message, readMessage } from './message.ts'
import type { Question } from './question.ts'
import { encodeUpstreamQuery, Fit, fitOf, lowerQuestion, PROBE_QUESTION, type QueryForm } from './upstream-query.ts'
import {
  isEncrypted,
  noteAnswer,
  noteFailure,
  noteNoEdns,
  noteOtherCase,
  noteSameCase,
  showUpstream,
  type Upstream,
  type UpstreamHealth,
  type UpstreamPool,
} from './upstreams.ts'
import { DnsWireError, FLAG, HEADER, RCODE, u16 } from './wire.ts'

/** A query on its way. It has no end of its own: whoever started it cancels it. */
export interface Exchange {
  /** A response that fits the query, or why none came. Never rejects. */
  readonly result: Promise<ExchangeResult>
  /** Gives it up: the result is `cancelled`. */
  cancel(): void
}

/** How an exchange ended. */
export type ExchangeResult =
  | { readonly kind: 'response'; readonly bytes: Uint8Array }
  /** nothing will come; `certain`: because nobody is there, not because of us */
  | { readonly kind: 'unreachable'; readonly error: string; readonly certain: boolean }
  | { readonly kind: 'cancelled' }

/** What the forwarder needs from outside. */
export interface ForwarderPorts {
  udp(upstream: Upstream, query: Uint8Array): Exchange
  /** Over TCP, TLS or HTTPS, as the upstream says; over TCP when it says nothing. */
  connection(upstream: Upstream, query: Uint8Array): Exchange
  /** Unpredictable bits: which letters of a question are sent in upper case. */
  randomBits(): number
  /** An unpredictable 16-bit number (RFC 5452 §9.2). */
  randomId(): number
  nowMs(): number
  /** Calls `run` once after `ms`; the result cancels it. */
  after(ms: number, run: () => void): () => void
}

/** What asking upstream gave. `message` has exactly one question: the one that was asked. */
export type Forwarded =
  | { readonly ok: true; readonly message: Message; readonly upstream: Upstream }
  | { readonly ok: false; readonly reason: string }

/** Counters of the upstream side. */
export interface UpstreamCounters {
  upstream_queries_total: number
  upstream_timeouts_total: number
  upstream_unreachable_total: number
  upstream_garbage_total: number
  upstream_tcp_total: number
  upstream_mismatched_total: number
}

/** Clients wait about 5 s; what has not come by then is of no use. */
const DEADLINE_MS = 4500
/** After so long without a response the next upstream is asked too; the earlier one may still answer. */
const PATIENCE_MS = [800, 1200] as const
const MAX_ATTEMPTS = 3

/** RCODEs after which no other upstream needs to be asked. */
const isFinal = (message: Message): boolean => message.rcode === RCODE.NOERROR || message.rcode === RCODE.NXDOMAIN

/** Where one question stands. */
interface Job {
  readonly ports: ForwarderPorts
  readonly counters: UpstreamCounters
  readonly question: Question
  readonly candidates: readonly UpstreamHealth[]
  readonly startedMs: number
  /** Under way. */
  exchanges: readonly Exchange[]
  /** Runs `finish` once. */
  readonly resolve: (result: Forwarded) => void
  attempts: number
  /** A response that is better than none: SERVFAIL, REFUSED. */
  second: Forwarded | undefined
  lastReason: string
  /** One timer at a time: until the next attempt, or until there is no more time. */
  cancelTimer: () => void
  finished: boolean
}

/**
 * Asks the upstreams of a pool: in order of preference, the next one when one is silent, unreachable, gives garbage or an
 * error, TCP when a response is truncated, without EDNS when that is refused. Resolves within 4.5 s; never rejects.
 */
export const forward = (
  ports: ForwarderPorts,
  pool: UpstreamPool,
  counters: UpstreamCounters,
  question: Question,
): Promise<Forwarded> =>
  new Promise((resolve) => {
    const job: Job = {
      ports,
      counters,
      question,
      candidates: pool.order(),
      startedMs: ports.nowMs(),
      exchanges: [],
      resolve,
      attempts: 0,
      second: undefined,
      lastReason: 'there is no upstream name server',
      cancelTimer: () => {},
      finished: false,
    }
    startAttempt(job)
  })

const finish = (job: Job, result: Forwarded): void => {
  if (job.finished) return
  job.finished = true
  job.cancelTimer()
  for (const exchange of job.exchanges) exchange.cancel()
  job.resolve(result)
}

const giveUp = (job: Job): void => finish(job, job.second ?? { ok: false, reason: job.lastReason })

/** Asks the next candidate; with nothing left to try it waits for what is under way, or ends the job. */
const startAttempt = (job: Job): void => {
  if (job.finished) return
  job.cancelTimer()
  const { candidates } = job
  // Every candidate once; a silent one up to three times, but none again once another gave an error.
  const limit = job.second === undefined ? Math.max(MAX_ATTEMPTS, candidates.length) : candidates.length
  const health = candidates[job.attempts % candidates.length]
  if (health === undefined || job.attempts >= limit) {
    if (job.exchanges.length === 0 || job.second !== undefined) giveUp(job)
    else waitForDeadline(job)
    return
  }
  const patienceMs = PATIENCE_MS[job.attempts]
  job.attempts++
  if (patienceMs === undefined || patienceMs >= leftMs(job)) waitForDeadline(job)
  else
    job.cancelTimer = job.ports.after(patienceMs, () => {
      noteSilence(job, health)
      startAttempt(job)
    })
  ask(job, health, usualTransport(health))
}

const leftMs = (job: Job): number => job.startedMs + DEADLINE_MS - job.ports.nowMs()

const waitForDeadline = (job: Job): void => {
  job.cancelTimer = job.ports.after(Math.max(0, leftMs(job)), () => giveUp(job))
}

type Transport = 'udp' | 'connection'

const usualTransport = ({ upstream }: UpstreamHealth): Transport =>
  upstream.protocol === undefined ? 'udp' : 'connection'

const noteSilence = (job: Job, health: UpstreamHealth): void => {
  job.counters.upstream_timeouts_total++
  job.lastReason = `${showUpstream(health.upstream)} does not answer`
  noteFailure(health, job.ports.nowMs(), { error: 'no answer', certain: false, probe: false })
}

const ask = (job: Job, health: UpstreamHealth, transport: Transport): void => {
  const { ports, counters } = job
  const nowMs = ports.nowMs()
  const edns = health.plainUntilMs <= nowMs
  const query = encodeUpstreamQuery(job.question, {
    id: ports.randomId(),
    edns,
    // Over TCP and TLS nobody can forge from afar.
    caseBits: transport === 'udp' && health.keepsCase !== false ? ports.randomBits() : 0,
    padded: isEncrypted(health.upstream),
  })
  health.lastTriedMs = nowMs
  counters.upstream_queries_total++
  if (transport === 'connection' && !isEncrypted(health.upstream)) counters.upstream_tcp_total++
  const exchange = ports[transport](health.upstream, query)
  job.exchanges = [...job.exchanges, exchange]
  const onEnd = (result: ExchangeResult): void => {
    job.exchanges = job.exchanges.filter((other) => other !== exchange)
    if (!job.finished) onResult(job, health, { transport, edns, query, result })
  }
  void exchange.result.then(onEnd)
}

interface Arrived {
  readonly transport: Transport
  readonly edns: boolean
  readonly query: Uint8Array
  readonly result: ExchangeResult
}

const onResult = (job: Job, health: UpstreamHealth, { transport, edns, query, result }: Arrived): void => {
  const { ports, counters } = job
  const fail = (error: string, certain: boolean): void => {
    job.lastReason = `${showUpstream(health.upstream)}: ${error}`
    noteFailure(health, ports.nowMs(), { error, certain, probe: false })
    startAttempt(job)
  }
  if (result.kind === 'cancelled') return
  if (result.kind === 'unreachable') {
    counters.upstream_unreachable_total++
    // An upstream that refuses TCP may well answer over UDP.
    fail(result.error, result.certain && transport === usualTransport(health))
    return
  }
  if (transport === 'udp') {
    if (fitOf(query, result.bytes) === Fit.OTHER_CASE && health.keepsCase !== false) {
      // It may be forged, so it is not used: over TCP it cannot be.
      counters.upstream_mismatched_total++
      noteOtherCase(health)
      ask(job, health, 'connection')
      return
    }
    noteCase(health, query)
    lowerQuestion(result.bytes)
  }
  if (transport === 'udp' && isTruncated(result.bytes)) {
    // Before anything else: a truncated message may end in the middle of a record (RFC 2181 §9: ignore it).
    noteAnswer(health)
    ask(job, health, 'connection')
    return
  }
  const message = checked(result.bytes)
  if (message === undefined) {
    counters.upstream_garbage_total++
    fail('malformed answer', false)
    return
  }
  noteAnswer(health)
  if (edns && refusesEdns(message)) {
    noteNoEdns(health, ports.nowMs())
    ask(job, health, usualTransport(health))
  } else if (isFinal(message) && message.questions === 1) finish(job, { ok: true, message, upstream: health.upstream })
  else {
    if (message.questions === 1) job.second = { ok: true, message, upstream: health.upstream }
    job.lastReason = `${showUpstream(health.upstream)}: RCODE ${message.rcode}`
    startAttempt(job)
  }
}

/** The letters came back as they were sent; that says something only when some were in upper case. */
const noteCase = (health: UpstreamHealth, query: Uint8Array): void => {
  if (health.keepsCase === undefined && hasUpperCase(query)) noteSameCase(health)
}

const hasUpperCase = (query: Uint8Array): boolean => {
  for (let at: number = HEADER.LEN; (query[at] ?? 0) !== 0; at++) {
    const octet = query[at] ?? 0
    if (octet >= 0x41 && octet <= 0x5a) return true
  }
  return false
}

/** True for a response with TC; it fits its query, so it has a header. */
const isTruncated = (bytes: Uint8Array): boolean => (u16(bytes, HEADER.FLAGS) & FLAG.TC) !== 0

/** The message, or undefined when it is none. */
const checked = (bytes: Uint8Array): Message | undefined => {
  try {
    return readMessage(bytes)
  } catch (error) {
    if (error instanceof DnsWireError) return undefined
    throw error
  }
}

/** RFC 6891 §7: a server without EDNS says FORMERR, or NOTIMP, and sends no OPT record back. */
const refusesEdns = (message: Message): boolean =>
  message.opt === undefined && (message.rcode === RCODE.FORMERR || message.rcode === RCODE.NOTIMP)

const PROBE_FORM: QueryForm = { id: 0, edns: false, caseBits: 0, padded: false }
/** How long a probe may take. */
const PROBE_PATIENCE_MS = 1500

/** Asks one upstream a question that any resolver can answer, to find out whether it answers. Never rejects. */
export const probe = async (ports: ForwarderPorts, health: UpstreamHealth): Promise<void> => {
  const nowMs = ports.nowMs()
  health.lastTriedMs = nowMs
  health.lastProbedMs = nowMs
  const query = encodeUpstreamQuery(PROBE_QUESTION, { ...PROBE_FORM, id: ports.randomId() })
  const exchange = ports[usualTransport(health)](health.upstream, query)
  const cancelTimer = ports.after(PROBE_PATIENCE_MS, () => exchange.cancel())
  const result = await exchange.result
  cancelTimer()
  if (result.kind === 'response') noteAnswer(health)
  else {
    const failure =
      result.kind === 'unreachable'
        ? { error: result.error, certain: result.certain }
        : { error: 'no answer', certain: false }
    noteFailure(health, ports.nowMs(), { ...failure, probe: true })
  }
}
