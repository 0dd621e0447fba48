import { type Answer, FAILURE_TTL_S, isFailure, Origin } from './answer.ts'
import { AnswerSlab, type Field, FIELD, type Position, STATE } from './answer-slab.ts'
import type { AnswerView } from './answer-view.ts'
import { hashOfText, type KeyOctets, newKeyOctets, putTextKey } from './key-octets.ts'
import type { NameKey } from './name.ts'
import { isPlainQuestion, KEY_TAIL } from './question.ts'
import { pooledCopy, RCODE, u16 } from './wire.ts'

/** A kept answer and what is known of it, as of the call that gave it: copies, nothing changes with them. */
export interface CacheEntry {
  readonly answer: Answer
  readonly storedAtS: number
  readonly expiresAtS: number
  /** Hits since it was stored. */
  readonly hits: number
  /** Valid once the entry is stale: until then a failed attempt to renew it is not repeated (RFC 8767 §5). */
  readonly retryAtS: number
}

/** RFC 8767 §5: how long an expired entry may still be given out when it cannot be renewed: "1 to 3 days". */
const MAX_STALE_S = 86_400

/**
 * True when an answer says that its question's own name does not exist: NXDOMAIN without CNAME (behind one it is the
 * chain's end that is missing, RFC 6604 §3).
 */
const deniesName = (answer: Answer): boolean =>
  answer.rcode === RCODE.NXDOMAIN && answer.answerEnd === answer.questionEnd

/** RFC 9520 §3.2: the longest time that failures are remembered, and when a question that failed counts as new. */
const MAX_FAILURE_TTL_S = 30
const FAILURE_MEMORY_S = 60

/** An answer is renewed in the last tenth of its time; short ones are not: they would hardly be spared a miss. */
const MIN_RENEWED_TTL_S = 10
const renewalAge = (ttlS: number): number => (ttlS < MIN_RENEWED_TTL_S ? Infinity : Math.floor(ttlS * 0.9))

/** The cache may take so many octets for each answer of its bound. An answer to a usual question takes 200 to 300. */
const OCTETS_PER_ENTRY = 1000
const NEVER_S = 0xffff_ffff
const NO_ERROR_CODE = 0xffff
const ORIGINS = Object.values(Origin)
const KEPT_FIELDS = Object.values(FIELD).filter((field) => field >= FIELD.STORED_S && field < FIELD.DATA)

/**
 * Answers by question key, bounded in number and in octets of memory (`maxEntries` × 1000). When full, the oldest entry
 * goes, unless it was used since it was last looked at. Time is given with every call, in whole seconds of any steady
 * clock. What is asked for by `Position` allocates nothing.
 */
export class AnswerCache {
  #slab: AnswerSlab
  #maxEntries: number
  /** Who gave answers; records hold the index. */
  #upstreams: string[] = []
  readonly #key = newKeyOctets()

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
    this.#slab = newSlab(maxEntries)
  }

  get size(): number {
    return this.#slab.size
  }

  /** Octets of memory taken, as counted against the bound. */
  get octets(): number {
    return this.#slab.octets
  }

  /** Where a fresh answer is, which counts as a use; 0 when there is none or its time is over. Valid until the next `put`. */
  find(key: KeyOctets, nowS: number): Position {
    const slab = this.#slab
    const position = slab.find(key)
    if (position === 0) return 0
    const words = slab.wordsOf(position)
    const at = slab.wordAt(position)
    if ((words[at + FIELD.EXPIRES_S] ?? 0) <= nowS) return 0
    use(words, at)
    return position
  }

  /** True when the answer was asked for `minHits` times and is in the last tenth of its time. */
  isDueForRenewal(position: Position, nowS: number, minHits: number): boolean {
    const slab = this.#slab
    return nowS >= slab.field(position, FIELD.RENEW_S) && slab.field(position, FIELD.HITS) >= minHits
  }

  /** A renewal is under way: it is not due for another one. */
  noteRenewal(position: Position): void {
    this.#slab.setField(position, FIELD.RENEW_S, NEVER_S)
  }

  /** Fills `view` with an answer; its octets are those of the cache, valid until the next `put`. Returns its age in seconds. */
  view(position: Position, view: AnswerView, nowS: number): number {
    const slab = this.#slab
    const words = slab.wordsOf(position)
    const bytes = slab.octetsOf(position)
    const at = slab.wordAt(position)
    const counts = words[at + FIELD.KEY_LEN_TTL_COUNT] ?? 0
    const message = words[at + FIELD.MESSAGE_LEN_RCODE] ?? 0
    const ends = words[at + FIELD.QUESTION_END_ANSWER_END] ?? 0
    const more = words[at + FIELD.AUTHORITY_END_EXTENDED_ERROR] ?? 0
    const code = more >>> 16
    view.bytes = bytes
    view.at = slab.dataAt(position) + (counts & 0xffff)
    view.length = message & 0xffff
    view.rcode = message >>> 16
    view.questionEnd = ends & 0xffff
    view.answerEnd = ends >>> 16
    view.authorityEnd = more & 0xffff
    view.extendedError = code === NO_ERROR_CODE ? undefined : code
    view.authentic = ((words[at + FIELD.STATE] ?? 0) & STATE.AUTHENTIC) !== 0
    const source = words[at + FIELD.ORIGIN_UPSTREAM] ?? 0
    view.origin = ORIGINS[source & 0xffff] ?? Origin.UPSTREAM
    view.upstream = source >>> 16 === 0 ? undefined : this.#upstreams[(source >>> 16) - 1]
    view.ttlCount = counts >>> 16
    for (let i = 0, o = view.at + view.length; i < view.ttlCount; i++, o += 2) view.ttlAt[i] = u16(bytes, o)
    return nowS - (words[at + FIELD.STORED_S] ?? 0)
  }

  /** A fresh entry, which counts as a use; undefined when there is none or its time is over. */
  get(key: string, nowS: number): CacheEntry | undefined {
    return this.#entryAt(this.find(this.#octetsOf(key), nowS))
  }

  /** An entry whose time is over, but not by more than a day. Failures are never worth giving out again. */
  stale(key: string, nowS: number): CacheEntry | undefined {
    const position = this.#slab.find(this.#octetsOf(key))
    if (position === 0 || this.#slab.field(position, FIELD.EXPIRES_S) > nowS) return undefined
    const entry = this.#entryAt(position)
    if (entry === undefined || !this.isUsable(entry, nowS) || isFailure(entry.answer)) return undefined
    this.#slab.setField(position, FIELD.STATE, this.#slab.field(position, FIELD.STATE) | STATE.USED)
    return entry
  }

  /** A failed attempt to renew the entry is not to be repeated until then. */
  postponeRetry(key: string, untilS: number): void {
    const position = this.#slab.find(this.#octetsOf(key))
    if (position !== 0) this.#slab.setField(position, FIELD.RETRY_S, untilS)
  }

  /** True for an entry that is fresh, or not too old to be given out as stale. */
  isUsable(entry: CacheEntry, nowS: number): boolean {
    return entry.expiresAtS + MAX_STALE_S > nowS
  }

  /** What is kept about a question, fresh or not, without counting as a use. */
  peek(key: string): CacheEntry | undefined {
    return this.#entryAt(this.#slab.find(this.#octetsOf(key)))
  }

  /**
   * How long a failure to answer a question is to be remembered: a second, and twice as long each time that the next
   * attempt fails as well (RFC 9520 §3.2: at least 1 s, growing, at most 5 minutes).
   */
  failureTtlS(key: string, nowS: number): number {
    const last = this.peek(key)
    if (last === undefined || !isFailure(last.answer) || nowS - last.expiresAtS > FAILURE_MEMORY_S) return FAILURE_TTL_S
    return Math.min(last.answer.ttlS * 2, MAX_FAILURE_TTL_S)
  }

  /** A fresh entry that says that a name does not exist; counts as a use. */
  denialOf(name: NameKey, nowS: number): CacheEntry | undefined {
    const slab = this.#slab
    for (let at = slab.firstDenial(hashOfText(name)); at !== 0; at = slab.nextDenial(at)) {
      if (!this.#isAbout(at, name) || slab.field(at, FIELD.EXPIRES_S) <= nowS) continue
      use(slab.wordsOf(at), slab.wordAt(at))
      return this.#entryAt(at)
    }
    return undefined
  }

  /** Keeps an answer for its own `ttlS`; an answer with 0 replaces nothing and is not kept. */
  put(key: string, answer: Answer, nowS: number): void {
    if (answer.ttlS <= 0 || this.#maxEntries === 0) return
    const slab = this.#slab
    const octets = this.#octetsOf(key)
    const known = slab.find(octets)
    if (known !== 0) slab.remove(known)
    const isDenial = isPlainQuestion(key) && deniesName(answer)
    const state = (answer.authentic ? STATE.AUTHENTIC : 0) | (isDenial ? STATE.DENIAL : 0)
    const at = slab.add(octets, { message: answer.bytes, ttlAt: answer.ttlAt }, state)
    if (at === 0) return
    const set = (field: Field, low: number, high: number): void => slab.setField(at, field, low | (high << 16))
    set(FIELD.MESSAGE_LEN_RCODE, answer.bytes.length, answer.rcode)
    set(FIELD.QUESTION_END_ANSWER_END, answer.questionEnd, answer.answerEnd)
    set(FIELD.AUTHORITY_END_EXTENDED_ERROR, answer.authorityEnd, answer.extendedError ?? NO_ERROR_CODE)
    set(FIELD.ORIGIN_UPSTREAM, ORIGINS.indexOf(answer.origin), this.#numberOf(answer.upstream))
    slab.setField(at, FIELD.TTL_S, answer.ttlS)
    slab.setField(at, FIELD.STORED_S, nowS)
    slab.setField(at, FIELD.EXPIRES_S, nowS + answer.ttlS)
    const age = isFailure(answer) ? Infinity : renewalAge(answer.ttlS)
    slab.setField(at, FIELD.RENEW_S, age === Infinity ? NEVER_S : nowS + age)
  }

  /** Another bound; what is too much, the oldest, goes at once. */
  resize(maxEntries: number): void {
    if (maxEntries === this.#maxEntries) return
    const old = this.#slab
    this.#maxEntries = maxEntries
    this.#slab = newSlab(maxEntries)
    for (const from of old.positions()) {
      const { key, answer } = this.#recordAt(old, from)
      const state = old.field(from, FIELD.STATE)
      const to = this.#slab.add(this.#octetsOf(key), { message: answer.bytes, ttlAt: answer.ttlAt }, state)
      if (to === 0) continue
      for (const field of KEPT_FIELDS) this.#slab.setField(to, field, old.field(from, field))
    }
  }

  /** Removes every entry that `isStale` picks. */
  flush(isStale: (key: string, answer: Answer) => boolean): void {
    for (const position of this.#slab.positions()) {
      const { key, answer } = this.#recordAt(this.#slab, position)
      if (isStale(key, answer)) this.#slab.remove(position)
    }
  }

  clear(): void {
    this.#slab = newSlab(this.#maxEntries)
    this.#upstreams = []
  }

  #octetsOf(key: string): KeyOctets {
    putTextKey(this.#key, key)
    return this.#key
  }

  #numberOf(upstream: string | undefined): number {
    if (upstream === undefined) return 0
    const known = this.#upstreams.indexOf(upstream)
    return known < 0 ? this.#upstreams.push(upstream) : known + 1
  }

  #isAbout(position: Position, name: NameKey): boolean {
    const slab = this.#slab
    if (slab.low(position, FIELD.KEY_LEN_TTL_COUNT) !== name.length + KEY_TAIL) return false
    const [bytes, at] = [slab.octetsOf(position), slab.dataAt(position)]
    for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name.charCodeAt(i)) return false
    return true
  }

  #entryAt(position: Position): CacheEntry | undefined {
    if (position === 0) return undefined
    const slab = this.#slab
    return {
      answer: this.#recordAt(slab, position).answer,
      storedAtS: slab.field(position, FIELD.STORED_S),
      expiresAtS: slab.field(position, FIELD.EXPIRES_S),
      hits: slab.field(position, FIELD.HITS),
      retryAtS: slab.field(position, FIELD.RETRY_S),
    }
  }

  #recordAt(slab: AnswerSlab, position: Position): { key: string; answer: Answer } {
    const bytes = slab.octetsOf(position)
    const keyAt = slab.dataAt(position)
    const messageAt = keyAt + slab.low(position, FIELD.KEY_LEN_TTL_COUNT)
    const ttlsAt = messageAt + slab.low(position, FIELD.MESSAGE_LEN_RCODE)
    const ttlAt: number[] = []
    for (let i = 0; i < slab.high(position, FIELD.KEY_LEN_TTL_COUNT); i++) ttlAt.push(u16(bytes, ttlsAt + 2 * i))
    const code = slab.high(position, FIELD.AUTHORITY_END_EXTENDED_ERROR)
    const upstream = slab.high(position, FIELD.ORIGIN_UPSTREAM)
    const answer: Answer = {
      bytes: pooledCopy(bytes.subarray(messageAt, ttlsAt)),
      ttlAt,
      questionEnd: slab.low(position, FIELD.QUESTION_END_ANSWER_END),
      answerEnd: slab.high(position, FIELD.QUESTION_END_ANSWER_END),
      authorityEnd: slab.low(position, FIELD.AUTHORITY_END_EXTENDED_ERROR),
      rcode: slab.high(position, FIELD.MESSAGE_LEN_RCODE),
      authentic: (slab.field(position, FIELD.STATE) & STATE.AUTHENTIC) !== 0,
      ttlS: slab.field(position, FIELD.TTL_S),
      origin: ORIGINS[slab.low(position, FIELD.ORIGIN_UPSTREAM)] ?? Origin.UPSTREAM,
      extendedError: code === NO_ERROR_CODE ? undefined : code,
      upstream: upstream === 0 ? undefined : this.#upstreams[upstream - 1],
    }
    return { key: Buffer.from(bytes.buffer, keyAt, messageAt - keyAt).toString('latin1'), answer }
  }
}

/** A hit on the record at `at`. */
const use = (words: Uint32Array, at: number): void => {
  words[at + FIELD.STATE] = (words[at + FIELD.STATE] ?? 0) | STATE.USED
  words[at + FIELD.HITS] = (words[at + FIELD.HITS] ?? 0) + 1
}

const newSlab = (maxEntries: number): AnswerSlab => new AnswerSlab(maxEntries, maxEntries * OCTETS_PER_ENTRY)
