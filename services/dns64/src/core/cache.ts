import { type Answer, FAILURE_TTL_S, isFailure } from './answer.ts'
import type { NameKey } from './name.ts'
import { isPlainQuestion, nameKeyOf } from './question.ts'
import { RCODE } from './wire.ts'

/** An answer with the time it was stored at. */
export interface CacheEntry {
  readonly answer: Answer
  readonly storedAtS: number
  readonly expiresAtS: number
  /** Set by a hit, cleared by the sweeping hand: an entry that was used since then gets a second chance. */
  used: boolean
  /** Hits since it was stored, and when it is worth renewing (Infinity: not, or under way). */
  hits: number
  renewAtS: number
  /** False once it was dropped or replaced: what was made of it is void. */
  live: boolean
  /** Valid once the entry is stale: until then a failed attempt to renew it is not repeated (RFC 8767 §5). */
  retryAtS: number
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

/**
 * Octets that an entry costs besides its message and key: resident memory per entry of a cache that was filled once, by
 * cache.bench.ts, rounded up. Entries that were replaced and wait for the garbage collector come on top.
 */
const ENTRY_OVERHEAD = 850
/** The cache holds on average messages of this size; one huge answer counts as many small ones. */
const AVERAGE_MESSAGE = 150
/** Second chances given out for one insertion: bounds the work of a single query. */
const MAX_SECOND_CHANCES = 8

/**
 * Answers by question key, bounded in number and in octets (`maxEntries` × 1000). When full, the oldest entry goes,
 * unless it was used since it was last looked at. Time is given with every call, in whole seconds of any steady clock.
 */
export class AnswerCache {
  readonly #entries = new Map<string, CacheEntry>()
  /** Names that an entry denies, with the entry's key. */
  readonly #denied = new Map<NameKey, string>()
  #maxEntries: number
  #octets = 0

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  get size(): number {
    return this.#entries.size
  }

  /** Octets held, as counted against the bound. */
  get octets(): number {
    return this.#octets
  }

  /** A fresh entry; undefined when there is none or its time is over. */
  get(key: string, nowS: number): CacheEntry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.expiresAtS <= nowS) return undefined
    entry.used = true
    entry.hits++
    return entry
  }

  /** An entry whose time is over, but not by more than a day. Failures are never worth giving out again. */
  stale(key: string, nowS: number): CacheEntry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.expiresAtS > nowS || !this.isUsable(entry, nowS)) return undefined
    if (isFailure(entry.answer)) return undefined
    entry.used = true
    return entry
  }

  /** True for an entry that is fresh, or not too old to be given out as stale. */
  isUsable(entry: CacheEntry, nowS: number): boolean {
    return entry.expiresAtS + MAX_STALE_S > nowS
  }

  /** What is kept about a question, fresh or not, without counting as a use. */
  peek(key: string): CacheEntry | undefined {
    return this.#entries.get(key)
  }

  /**
   * How long a failure to answer a question is to be remembered: a second, and twice as long each time that the next
   * attempt fails as well (RFC 9520 §3.2: at least 1 s, growing, at most 5 minutes).
   */
  failureTtlS(key: string, nowS: number): number {
    const last = this.#entries.get(key)
    if (last === undefined || !isFailure(last.answer) || nowS - last.expiresAtS > FAILURE_MEMORY_S) return FAILURE_TTL_S
    return Math.min(last.answer.ttlS * 2, MAX_FAILURE_TTL_S)
  }

  /** A fresh entry that says that a name does not exist. */
  denialOf(name: NameKey, nowS: number): CacheEntry | undefined {
    const key = this.#denied.get(name)
    return key === undefined ? undefined : this.get(key, nowS)
  }

  /** Keeps an answer for its own `ttlS`; an answer with 0 replaces nothing and is not kept. */
  put(key: string, answer: Answer, nowS: number): void {
    if (answer.ttlS <= 0 || this.#maxEntries === 0) return
    this.#delete(key)
    this.#entries.set(key, {
      answer,
      storedAtS: nowS,
      expiresAtS: nowS + answer.ttlS,
      used: false,
      hits: 0,
      renewAtS: isFailure(answer) ? Infinity : nowS + renewalAge(answer.ttlS),
      live: true,
      retryAtS: 0,
    })
    if (isPlainQuestion(key) && deniesName(answer)) this.#denied.set(nameKeyOf(key), key)
    this.#octets += costOf(key, answer)
    this.#shrink()
  }

  /** Another bound; what is too much goes at once. */
  resize(maxEntries: number): void {
    this.#maxEntries = maxEntries
    this.#shrink()
  }

  /** Removes every entry that `isStale` picks. */
  flush(isStale: (key: string, answer: Answer) => boolean): void {
    for (const [key, entry] of this.#entries) if (isStale(key, entry.answer)) this.#delete(key)
  }

  clear(): void {
    for (const entry of this.#entries.values()) entry.live = false
    this.#entries.clear()
    this.#denied.clear()
    this.#octets = 0
  }

  #delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    entry.live = false
    if (isPlainQuestion(key) && this.#denied.get(nameKeyOf(key)) === key) this.#denied.delete(nameKeyOf(key))
    this.#octets -= costOf(key, entry.answer)
  }

  #shrink(): void {
    const maxOctets = this.#maxEntries * (ENTRY_OVERHEAD + AVERAGE_MESSAGE)
    let chances = MAX_SECOND_CHANCES
    while (this.#entries.size > this.#maxEntries || this.#octets > maxOctets) {
      // A Map iterates in insertion order: the first is the oldest.
      const [oldest] = this.#entries
      if (oldest === undefined) return
      const [key, entry] = oldest
      if (entry.used && chances > 0) {
        chances--
        entry.used = false
        this.#entries.delete(key)
        this.#entries.set(key, entry)
      } else this.#delete(key)
    }
  }
}

const costOf = (key: string, answer: Answer): number => key.length + answer.bytes.length + ENTRY_OVERHEAD
