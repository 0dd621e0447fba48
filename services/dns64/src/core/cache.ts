import type { Answer } from './answer.ts'

/** An answer with the time it was stored at. */
export interface CacheEntry {
  readonly answer: Answer
  readonly storedAtS: number
  readonly expiresAtS: number
  /** Set by a hit, cleared by the sweeping hand: an entry that was used since then gets a second chance. */
  used: boolean
}

/** Octets that an entry costs besides its message: key, entry, array headers (measured, rounded up). */
const ENTRY_OVERHEAD = 400
/** The cache holds on average messages of this size; one huge answer counts as many small ones. */
const AVERAGE_MESSAGE = 600
/** Second chances given out for one insertion: bounds the work of a single query. */
const MAX_SECOND_CHANCES = 8

/**
 * Answers by question key, bounded in number and in octets (`maxEntries` × 1000). When full, the oldest entry goes,
 * unless it was used since it was last looked at. Time is given with every call, in whole seconds of any steady clock.
 */
export class AnswerCache {
  readonly #entries = new Map<string, CacheEntry>()
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
    return entry
  }

  /** Keeps an answer for its own `ttlS`; an answer with 0 replaces nothing and is not kept. */
  put(key: string, answer: Answer, nowS: number): void {
    if (answer.ttlS <= 0 || this.#maxEntries === 0) return
    this.#delete(key)
    this.#entries.set(key, { answer, storedAtS: nowS, expiresAtS: nowS + answer.ttlS, used: false })
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
    this.#entries.clear()
    this.#octets = 0
  }

  #delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
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
