import { type Answer, EDE, Origin } from './answer.ts'
import { type AnswerView, newAnswerView, viewAnswer } from './answer-view.ts'
import { minimalAny } from './any-answer.ts'
import { type Client, Clients, takeToken } from './client.ts'
import { type Counters, countResponse } from './counters.ts'
import type { Policy } from './policy.ts'
import { putTextKey, newKeyOctets } from './key-octets.ts'
import { newQuery, parseQuery, type Query, QueryVerdict, questionOf } from './query.ts'
import type { Question } from './question.ts'
import { HOW, QueryLog, Refusal } from './query-log.ts'
import { type ErrorReply, REFUSED_STRANGER, type Transport, writeError, writeReply, writeTruncated } from './reply.ts'
import type { Resolver } from './resolver.ts'
import { CLASS, copyOf, FLAG, HEADER, MAX_MESSAGE, RCODE, TYPE } from './wire.ts'

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

const COUNTER_OF: Readonly<Partial<Record<Origin, keyof Counters>>> = {
  [Origin.SYNTHESISED]: 'synthesised_total',
  [Origin.EXCLUDED_PARTLY]: 'excluded_partly_total',
  [Origin.REVERSE]: 'reverse_total',
  [Origin.LOCAL]: 'local_total',
  [Origin.DENIED]: 'denied_total',
}

/** What `#limited` says. */
const limitedRcode = ({ transport }: Way): number => (transport === 'tcp' ? RCODE.REFUSED : RCODE.NOERROR)

/** Who asked how, and the way back. */
interface Way {
  readonly client: Client
  readonly transport: Transport
  readonly reply: Reply
}

/** A packet in, a reply out: who may ask, what is no question, what is cached, and the rest through the resolver. */
export class NameServer {
  readonly #resolver: Resolver
  readonly #counters: Counters
  readonly #query: Query = newQuery()
  readonly #out = new Uint8Array(MAX_MESSAGE + 64)
  readonly #view: AnswerView = newAnswerView()
  readonly #clients = new Clients()
  /** What is kept of queries; to be told by its owner what may be. */
  readonly queryLog = new QueryLog()
  /** Of a query whose answer had to be waited for: that of `#query` is another one by then. */
  readonly #lateKey = newKeyOctets()
  readonly #onDefect: (error: unknown) => void
  /** Valid for the packets of a batch. */
  #policy: Policy | undefined
  #nowS = 0
  #waiting = 0
  #onIdle: (() => void) | undefined

  /** `onDefect`: told of a mistake in this program; the query that led there gets no reply. */
  constructor(resolver: Resolver, counters: Counters, onDefect: (error: unknown) => void) {
    this.#resolver = resolver
    this.#counters = counters
    this.#onDefect = onDefect
  }

  /** Resolves when no client waits for an answer. */
  async whenIdle(): Promise<void> {
    if (this.#waiting === 0) return
    await new Promise<void>((resolve) => (this.#onIdle = resolve))
  }

  /** The record of a client's address (text, with or without zone), to be handed back with its packets. */
  clientOf(address: string): Client {
    return this.#clients.of(address)
  }

  /** To be called before packets that have just come are handed over with `hit`: takes the time and the policy. */
  beginBatch(): void {
    const nowMs = this.#resolver.nowMs()
    this.#nowS = Math.floor(nowMs / 1000)
    this.queryLog.begin(nowMs)
    this.#policy = this.#resolver.snapshot.policy
  }

  /**
   * The reply over UDP to the first `len` octets of `packet`, when its answer is in the cache and nothing else is to be
   * done about it: written into `out` (at least 1280 octets). Allocates nothing. Returns the reply's length; 0: nothing
   * happened, hand it to `handle`.
   */
  hit(packet: Uint8Array, len: number, client: Client, out: Uint8Array): number {
    const policy = this.#policy
    if (policy === undefined || client.policy !== policy || !client.mayAsk) return 0
    const q = this.#query
    if (parseQuery(packet, len, q, client) !== QueryVerdict.ASK) return 0
    const nowS = this.#nowS
    const position = this.#resolver.find(q.key, nowS)
    if (position === 0 || this.#resolver.isDueForRenewal(position, nowS) || !takeToken(client, policy, nowS)) return 0
    this.#counters.queries_total++
    this.#counters.cache_hits_total++
    const length = this.#write(out, q, this.#resolver.view(position, this.#view, nowS), 'udp')
    if (this.queryLog.isOn) this.queryLog.add(q, client, this.#view, HOW.CACHED)
    return length
  }

  /**
   * Handles one packet. `source`: the client's record or its address. `reply` is called at once, later, or never (a
   * packet that is no query). `packet` may be reused by the caller afterwards.
   */
  handle(packet: Uint8Array, source: Client | string, transport: Transport, reply: Reply): void {
    try {
      const client = typeof source === 'string' ? this.#clients.of(source) : source
      this.#handle(packet, { client, transport, reply })
    } catch (error) {
      // A stranger's packet must never end the process.
      this.#onDefect(error)
    }
  }

  #handle(packet: Uint8Array, way: Way): void {
    const counters = this.#counters
    const q = this.#query
    const { client, reply } = way
    const nowMs = this.#resolver.nowMs()
    const nowS = Math.floor(nowMs / 1000)
    this.queryLog.begin(nowMs)
    const { policy } = this.#resolver.snapshot
    if (client.policy !== policy) this.#clients.refresh(client, policy, nowS)
    const verdict = parseQuery(packet, packet.length, q, client)
    if (verdict === QueryVerdict.DROP_SHORT || verdict === QueryVerdict.DROP_RESPONSE) {
      counters.dropped_total++
      return
    }
    counters.queries_total++
    if (way.transport === 'tcp') counters.queries_tcp_total++
    if (!client.mayAsk) {
      counters.refused_strangers_total++
      if (verdict === QueryVerdict.ASK) this.#noteRefusal(q, way, Refusal.STRANGER, RCODE.REFUSED)
      this.#error(q, REFUSED_STRANGER, reply)
      return
    }
    if (!takeToken(client, policy, nowS)) {
      if (verdict === QueryVerdict.ASK) this.#noteRefusal(q, way, Refusal.RATE_LIMITED, limitedRcode(way))
      this.#limited(q, way)
      return
    }
    const error = REPLY_OF[verdict]
    if (error !== undefined) {
      this.#error(q, error, reply)
      return
    }
    const position = this.#resolver.find(q.key, nowS)
    if (position === 0) {
      this.#miss(q, way)
      return
    }
    counters.cache_hits_total++
    const ageS = this.#resolver.view(position, this.#view, nowS)
    reply(this.#out.subarray(0, this.#write(this.#out, q, ageS, way.transport)))
    this.#note(q, way, HOW.CACHED)
    if (this.#resolver.isDueForRenewal(position, nowS)) this.#resolver.renew(position, questionOf(q))
  }

  /** More than dns64.rateLimit allows: over UDP an empty truncated reply, which a real client follows up over TCP. */
  #limited(q: Query, { transport, reply }: Way): void {
    this.#counters.rate_limited_total++
    if (transport === 'tcp') this.#error(q, REFUSED, reply)
    else reply(this.#out.subarray(0, writeTruncated(this.#out, q)))
  }

  #miss(q: Query, way: Way): void {
    const { reply } = way
    const refusal = REFUSED_TYPES[q.type] ?? (q.class === CLASS.NONE || q.class === CLASS.ANY ? REFUSED : undefined)
    if (refusal !== undefined) {
      this.#noteRefusal(q, way, Refusal.NO_DATA_TYPE, refusal.rcode)
      this.#error(q, refusal, reply)
      return
    }
    const question = questionOf(q)
    const local = question.type === TYPE.ANY ? minimalAny(question) : this.#resolver.local(question)
    if (local !== undefined) {
      this.#send(q, local, 0, way)
      this.#note(q, way, 0)
      return
    }
    const denied = this.#resolver.denied(question)
    if (denied !== undefined) {
      this.#send(q, denied.answer, denied.ageS, way)
      this.#note(q, way, HOW.CACHED)
      return
    }
    this.#counters.cache_misses_total++
    if ((q.flags & FLAG.RD) === 0 && !this.#resolver.isOwnName(question.nameKey)) {
      // RFC 1034 §4.3.1: recursion only for those who ask for it; others get what is known, or a refusal.
      this.#noteRefusal(q, way, Refusal.NOT_RECURSIVE, RCODE.REFUSED)
      this.#error(q, REFUSED, reply)
      return
    }
    if (this.#waiting >= MAX_WAITING) {
      this.#counters.overload_total++
      this.#noteRefusal(q, way, Refusal.OVERLOAD, RCODE.SERVFAIL)
      this.#error(q, { rcode: RCODE.SERVFAIL }, reply)
      return
    }
    // The record and the packet are reused while we wait.
    const lasting = { ...q, bytes: copyOf(q.bytes.subarray(0, q.questionEnd)), key: this.#lateKey }
    void this.#replyLater(lasting, question, way)
  }

  async #replyLater(q: Query, question: Question, way: Way): Promise<void> {
    this.#waiting++
    const startMs = this.#resolver.nowMs()
    try {
      const { answer, ageS } = await this.#resolver.resolve(question)
      if (ageS > 0) this.#counters.stale_total++
      this.#send(q, answer, ageS, way)
      this.#noteLate(q, question, way, { ageS, startMs })
    } catch (error) {
      this.#onDefect(error)
    } finally {
      this.#waiting--
      if (this.#waiting === 0) this.#onIdle?.()
    }
  }

  #send(q: Query, answer: Answer, ageS: number, { transport, reply }: Way): void {
    viewAnswer(answer, this.#view)
    reply(this.#out.subarray(0, this.#write(this.#out, q, ageS, transport)))
  }

  /** Writes the reply with the answer in `#view`, and counts it. Returns its length. */
  #write(out: Uint8Array, q: Query, ageS: number, transport: Transport): number {
    const counters = this.#counters
    const view = this.#view
    const length = writeReply(out, view, ageS, q, transport)
    if (view.rcode === RCODE.NOERROR) counters.responses_noerror_total++
    else countResponse(counters, view.rcode)
    const byOrigin = COUNTER_OF[view.origin]
    if (byOrigin !== undefined) counters[byOrigin]++
    if (((out[HEADER.FLAGS] ?? 0) & (FLAG.TC >>> 8)) !== 0) counters.truncated_total++
    return length
  }

  /** Keeps a query whose answer is in `#view`, when queries are kept. */
  #note(q: Query, { client, transport }: Way, how: number): void {
    if (this.queryLog.isOn) this.queryLog.add(q, client, this.#view, transport === 'tcp' ? how | HOW.TCP : how)
  }

  /** `#note` for one that had to wait. */
  #noteLate(q: Query, question: Question, way: Way, { ageS, startMs }: { ageS: number; startMs: number }): void {
    if (!this.queryLog.isOn) return
    const nowMs = this.#resolver.nowMs()
    putTextKey(this.#lateKey, question.key)
    this.queryLog.begin(nowMs)
    this.#note(q, way, ageS > 0 ? HOW.STALE : 0)
    this.queryLog.took(Math.round((nowMs - startMs) * 1000))
  }

  #noteRefusal(q: Query, { client, transport }: Way, refusal: Refusal, rcode: number): void {
    const how = transport === 'tcp' ? HOW.TCP << 16 : 0
    if (this.queryLog.isOn) this.queryLog.refused(q, client, refusal, rcode | how)
  }

  #error(q: Query, error: ErrorReply, reply: Reply): void {
    const length = writeError(this.#out, q, error)
    countResponse(this.#counters, error.rcode)
    reply(this.#out.subarray(0, length))
  }
}
