import { type Answer, EDE, Origin } from './answer.ts'
import { minimalAny } from './any-answer.ts'
import type { CacheEntry } from './cache.ts'
import { type Client, Clients, takeToken } from './client.ts'
import { type Counters, countResponse, responseCounter } from './counters.ts'
import type { Policy } from './policy.ts'
import { newQuery, parseQuery, type Query, QueryVerdict, questionOf } from './query.ts'
import type { Question } from './question.ts'
import { type ErrorReply, REFUSED_STRANGER, type Transport, writeError, writeReply, writeTruncated } from './reply.ts'
import type { Resolver } from './resolver.ts'
import { copyReply, MAX_WIRE_QUERY, WireCache } from './wire-cache.ts'
import { CLASS, copyOf, FLAG, HEADER, MAX_MESSAGE, RCODE, TYPE, u16 } from './wire.ts'

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
  readonly #wire = new WireCache()
  readonly #clients = new Clients((views) => this.#wire.repliesOf(views))
  readonly #onDefect: (error: unknown) => void
  #wirePolicy: Policy | undefined
  #nowS = 0
  #waiting = 0

  /** `onDefect`: told of a mistake in this program; the query that led there gets no reply. */
  constructor(resolver: Resolver, counters: Counters, onDefect: (error: unknown) => void) {
    this.#resolver = resolver
    this.#counters = counters
    this.#onDefect = onDefect
  }

  /** Replies kept ready by the octets of their query. */
  get readyReplies(): number {
    return this.#wire.size
  }

  /** The record of a client's address (text, with or without zone), to be handed back with its packets. */
  clientOf(address: string): Client {
    return this.#clients.of(address)
  }

  /** To be called before packets that have just come are handed over with `repeat`: takes the time and the policy. */
  beginBatch(): void {
    this.#nowS = this.#resolver.nowS()
    const { policy } = this.#resolver.snapshot
    if (this.#wirePolicy !== policy) {
      this.#wire.clear()
      this.#wirePolicy = policy
    }
  }

  /**
   * The reply over UDP to the first `len` octets of `packet`, when the same was asked before and its answer still holds:
   * written into `out` (at least 1280 octets). Returns its length; 0: hand it to `handle`.
   */
  repeat(packet: Buffer, len: number, client: Client, out: Uint8Array): number {
    if (len > MAX_WIRE_QUERY || client.policy !== this.#wirePolicy || !client.mayAsk) return 0
    const key = packet.toString('latin1', 2, len)
    const found = client.replies.get(key)
    if (found === undefined) return 0
    const nowS = this.#nowS
    const { entry } = found
    if (!entry.live || entry.expiresAtS <= nowS || this.#resolver.isDueForRenewal(entry, nowS)) {
      this.#wire.drop(client.replies, key)
      return 0
    }
    if (!takeToken(client, client.policy as Policy, nowS)) return 0
    const counters = this.#counters
    counters.queries_total++
    counters.cache_hits_total++
    entry.used = true
    entry.hits++
    for (const name of found.counts) counters[name]++
    return copyReply(found, nowS, packet, out)
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
    const nowS = this.#resolver.nowS()
    const { policy } = this.#resolver.snapshot
    if (client.policy !== policy) this.#clients.refresh(client, policy, nowS)
    const verdict = parseQuery(packet, q, client)
    if (verdict === QueryVerdict.DROP_SHORT || verdict === QueryVerdict.DROP_RESPONSE) {
      counters.dropped_total++
      return
    }
    counters.queries_total++
    if (way.transport === 'tcp') counters.queries_tcp_total++
    if (!client.mayAsk) {
      counters.refused_strangers_total++
      this.#error(q, REFUSED_STRANGER, reply)
      return
    }
    if (!takeToken(client, policy, nowS)) {
      this.#limited(q, way)
      return
    }
    const error = REPLY_OF[verdict]
    if (error !== undefined) {
      this.#error(q, error, reply)
      return
    }
    const entry = this.#resolver.cached(q.key, nowS)
    if (entry !== undefined) {
      counters.cache_hits_total++
      if (this.#resolver.isDueForRenewal(entry, nowS)) this.#resolver.renew(q.key, entry)
      const length = this.#send(q, entry.answer, nowS - entry.storedAtS, way)
      if (way.transport === 'udp') this.#keepReply(q, entry, length, { client, nowS })
      return
    }
    this.#miss(q, way)
  }

  /** Keeps a reply for the next packet with the same octets, unless they hold what changes each time. */
  #keepReply(q: Query, entry: CacheEntry, length: number, of: { client: Client; nowS: number }): void {
    const { client, nowS } = of
    if (q.bytes.length > MAX_WIRE_QUERY || q.optionLen > 0 || this.#wirePolicy !== client.policy) return
    const { answer } = entry
    const bytes = this.#out.slice(0, length)
    const byOrigin = COUNTER_OF[answer.origin]
    const counts = [responseCounter(answer.rcode), ...(byOrigin === undefined ? [] : [byOrigin])]
    const isTruncated = (u16(bytes, HEADER.FLAGS) & FLAG.TC) !== 0
    if (isTruncated) counts.push('truncated_total')
    const key = Buffer.from(q.bytes.buffer, q.bytes.byteOffset, q.bytes.length).toString('latin1', 2)
    // Sections are left out whole, and then nothing behind them is there.
    const ttlAt = answer.ttlAt.filter((at) => at < length - (q.edns ? 11 : 0) && !isTruncated)
    this.#wire.put(client.replies, key, { entry, bytes, ttlAt, asOfS: nowS, counts })
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
      this.#error(q, refusal, reply)
      return
    }
    const question = questionOf(q)
    const local = question.type === TYPE.ANY ? minimalAny(question) : this.#resolver.local(question)
    if (local !== undefined) {
      this.#send(q, local, 0, way)
      return
    }
    const denied = this.#resolver.denied(question)
    if (denied !== undefined) {
      this.#send(q, denied.answer, denied.ageS, way)
      return
    }
    this.#counters.cache_misses_total++
    if ((q.flags & FLAG.RD) === 0 && !this.#resolver.isOwnName(question.nameKey)) {
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
    void this.#replyLater({ ...q, bytes: copyOf(q.bytes.subarray(0, q.questionEnd)) }, question, way)
  }

  async #replyLater(q: Query, question: Question, way: Way): Promise<void> {
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

  #send(q: Query, answer: Answer, ageS: number, { transport, reply }: Way): number {
    const counters = this.#counters
    const length = writeReply(this.#out, answer, ageS, q, transport)
    countResponse(counters, answer.rcode)
    const byOrigin = COUNTER_OF[answer.origin]
    if (byOrigin !== undefined) counters[byOrigin]++
    if ((u16(this.#out, HEADER.FLAGS) & FLAG.TC) !== 0) counters.truncated_total++
    reply(this.#out.subarray(0, length))
    return length
  }

  #error(q: Query, error: ErrorReply, reply: Reply): void {
    const length = writeError(this.#out, q, error)
    countResponse(this.#counters, error.rcode)
    reply(this.#out.subarray(0, length))
  }
}
