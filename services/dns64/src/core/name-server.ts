import { type Answer, EDE, Origin } from './answer.ts'
import { minimalAny } from './any-answer.ts'
import { type Counters, countResponse } from './counters.ts'
import { mayAsk, type Policy } from './policy.ts'
import { newQuery, parseQuery, type Query, QueryVerdict, questionOf } from './query.ts'
import type { Question } from './question.ts'
import { type ErrorReply, REFUSED_STRANGER, type Transport, writeError, writeReply } from './reply.ts'
import type { Resolver } from './resolver.ts'
import { CLASS, copyOf, FLAG, MAX_MESSAGE, RCODE, TYPE, u16 } from './wire.ts'

/** Sends a reply; the bytes are only valid until it returns. */
export type Reply = (bytes: Uint8Array) => void

/** The replies to packets that are no question. Drops have none. */
const REPLY_OF: Readonly<Partial<Record<QueryVerdict, ErrorReply>>> = {
  [QueryVerdict.MALFORMED]: { rcode: RCODE.FORMERR },
  [QueryVerdict.OPCODE]: { rcode: RCODE.NOTIMP, extendedError: EDE.NOT_SUPPORTED },
  [QueryVerdict.EDNS_VERSION]: { rcode: RCODE.BADVERS },
}

const FORMERR: ErrorReply = { rcode: RCODE.FORMERR }
const NOTIMP: ErrorReply = { rcode: RCODE.NOTIMP, extendedError: EDE.NOT_SUPPORTED }
const REFUSED: ErrorReply = { rcode: RCODE.REFUSED, extendedError: EDE.PROHIBITED }

/** Types that are no data: of messages, of transactions and of transfers (RFC 6895 §3.1). */
const REFUSED_TYPES: Readonly<Record<number, ErrorReply>> = {
  0: FORMERR,
  [TYPE.OPT]: FORMERR,
  [TYPE.TKEY]: NOTIMP,
  [TYPE.TSIG]: FORMERR,
  [TYPE.IXFR]: REFUSED,
  [TYPE.AXFR]: REFUSED,
  [TYPE.MAILB]: NOTIMP,
  [TYPE.MAILA]: NOTIMP,
}

/** Clients waiting for an answer at one time. */
const MAX_WAITING = 5000
/** Addresses whose right to ask is remembered. */
const MAX_KNOWN_SOURCES = 4096

const COUNTER_OF: Readonly<Partial<Record<Origin, keyof Counters>>> = {
  [Origin.SYNTHESISED]: 'synthesised_total',
  [Origin.EXCLUDED_PARTLY]: 'excluded_partly_total',
  [Origin.REVERSE]: 'reverse_total',
  [Origin.LOCAL]: 'local_total',
  [Origin.DENIED]: 'denied_total',
}

/** A packet in, a reply out: who may ask, what is no question, what is cached, and the rest through the resolver. */
export class NameServer {
  readonly #resolver: Resolver
  readonly #counters: Counters
  readonly #query: Query = newQuery()
  readonly #out = new Uint8Array(MAX_MESSAGE + 64)
  readonly #sources = new Map<string, boolean>()
  #sourcesOf: Policy | undefined
  readonly #onDefect: (error: unknown) => void
  #waiting = 0

  /** `onDefect`: told of a mistake in this program; the query that led there gets no reply. */
  constructor(resolver: Resolver, counters: Counters, onDefect: (error: unknown) => void) {
    this.#resolver = resolver
    this.#counters = counters
    this.#onDefect = onDefect
  }

  /**
   * Handles one packet. `source`: address text of the client. `reply` is called at once, later, or never (a packet that
   * is no query). `packet` may be reused by the caller afterwards.
   */
  handle(packet: Uint8Array, source: string, transport: Transport, reply: Reply): void {
    try {
      this.#handle(packet, source, transport, reply)
    } catch (error) {
      // A stranger's packet must never end the process.
      this.#onDefect(error)
    }
  }

  #handle(packet: Uint8Array, source: string, transport: Transport, reply: Reply): void {
    const counters = this.#counters
    const q = this.#query
    const verdict = parseQuery(packet, q)
    if (verdict === QueryVerdict.DROP_SHORT || verdict === QueryVerdict.DROP_RESPONSE) {
      counters.dropped_total++
      return
    }
    counters.queries_total++
    if (transport === 'tcp') counters.queries_tcp_total++
    if (!this.#mayAsk(source)) {
      counters.refused_strangers_total++
      this.#error(q, REFUSED_STRANGER, reply)
      return
    }
    const error = REPLY_OF[verdict]
    if (error !== undefined) {
      this.#error(q, error, reply)
      return
    }
    const nowS = this.#resolver.nowS()
    const entry = this.#resolver.cached(q.key, nowS)
    if (entry !== undefined) {
      counters.cache_hits_total++
      this.#send(q, entry.answer, nowS - entry.storedAtS, { transport, reply })
      return
    }
    this.#miss(q, transport, reply)
  }

  #miss(q: Query, transport: Transport, reply: Reply): void {
    const refusal = REFUSED_TYPES[q.type] ?? (q.class === CLASS.NONE || q.class === CLASS.ANY ? REFUSED : undefined)
    if (refusal !== undefined) {
      this.#error(q, refusal, reply)
      return
    }
    const question = questionOf(q)
    const local = question.type === TYPE.ANY ? minimalAny(question) : this.#resolver.local(question)
    if (local !== undefined) {
      this.#send(q, local, 0, { transport, reply })
      return
    }
    const denied = this.#resolver.denied(question)
    if (denied !== undefined) {
      this.#send(q, denied.answer, denied.ageS, { transport, reply })
      return
    }
    this.#counters.cache_misses_total++
    if ((q.flags & FLAG.RD) === 0) {
      // RFC 1034 §4.3.1: recursion only for those who ask for it; others get what is known, or a refusal.
      this.#error(q, REFUSED, reply)
      return
    }
    if (this.#waiting >= MAX_WAITING) {
      this.#counters.overload_total++
      this.#error(q, { rcode: RCODE.SERVFAIL }, reply)
      return
    }
    // The record and the packet are reused while we wait.
    void this.#replyLater({ ...q, bytes: copyOf(q.bytes.subarray(0, q.questionEnd)) }, question, { transport, reply })
  }

  async #replyLater(q: Query, question: Question, way: { transport: Transport; reply: Reply }): Promise<void> {
    this.#waiting++
    try {
      const { answer, ageS } = await this.#resolver.resolve(question)
      if (ageS > 0) this.#counters.stale_total++
      this.#send(q, answer, ageS, way)
    } catch (error) {
      this.#onDefect(error)
    } finally {
      this.#waiting--
    }
  }

  #send(q: Query, answer: Answer, ageS: number, { transport, reply }: { transport: Transport; reply: Reply }): void {
    const counters = this.#counters
    const length = writeReply(this.#out, answer, ageS, q, transport)
    countResponse(counters, answer.rcode)
    const byOrigin = COUNTER_OF[answer.origin]
    if (byOrigin !== undefined) counters[byOrigin]++
    if ((u16(this.#out, 2) & FLAG.TC) !== 0) counters.truncated_total++
    reply(this.#out.subarray(0, length))
  }

  #error(q: Query, error: ErrorReply, reply: Reply): void {
    const length = writeError(this.#out, q, error)
    countResponse(this.#counters, error.rcode)
    reply(this.#out.subarray(0, length))
  }

  /** policy.mayAsk, remembered per address: parsing address text for every packet costs more than a cache hit. */
  #mayAsk(source: string): boolean {
    const { policy } = this.#resolver.snapshot
    if (this.#sourcesOf !== policy || this.#sources.size >= MAX_KNOWN_SOURCES) {
      this.#sources.clear()
      this.#sourcesOf = policy
    }
    const known = this.#sources.get(source)
    if (known !== undefined) return known
    const may = mayAsk(policy, source)
    this.#sources.set(source, may)
    return may
  }
}
