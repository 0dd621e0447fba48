import { MAX_NAME, type NameKey } from './name.ts'

/** Names that are counted at one time. */
const SLOTS = 512
/** Places that lead to them; twice as many, so that few share one. */
const HEADS = 1024

/** A name and how often it was asked for. */
export interface Counted {
  readonly name: NameKey
  /** At least the true number. */
  readonly count: number
  /** `count` is too high by at most this. */
  readonly overAtMost: number
}

/**
 * The names asked for most, in a bounded place: the algorithm Space-Saving (Metwally, Agrawal, El Abbadi, "Efficient
 * Computation of Frequent and Top-k Elements in Data Streams", 2005). A name that is not counted yet takes the place of
 * one with the lowest count, and begins with that count. So no name that was asked for in more than 1/512 of all
 * queries is missing, and no count is too low. Adding allocates nothing.
 *
 * Two names of equal length and hash (32 bits, with a seed that nobody knows) would be counted as one.
 */
export class TopNames {
  readonly #counts = new Uint32Array(SLOTS)
  readonly #overs = new Uint32Array(SLOTS)
  readonly #hashes = new Uint32Array(SLOTS)
  readonly #lengths = new Uint8Array(SLOTS)
  readonly #names = new Uint8Array(SLOTS * MAX_NAME)
  /** Slots that share a place: numbers of slots, from 1; 0 = none. */
  readonly #heads = new Uint16Array(HEADS)
  readonly #next = new Uint16Array(SLOTS)
  #used = 0
  /** No slot has less. */
  #floor = 0
  /** Where the search for a slot with the lowest count goes on, and how many it has seen since `#floor` was found. */
  #cursor = 0
  #swept = 0

  /** Counts the name in the first `length` octets of `bytes`; `hash`: KeyOctets.nameHash. */
  add(hash: number, bytes: Uint8Array, length: number): void {
    const head = hash & (HEADS - 1)
    for (let number = this.#heads[head] ?? 0; number !== 0; number = this.#next[number - 1] ?? 0) {
      const slot = number - 1
      if (this.#hashes[slot] !== hash || this.#lengths[slot] !== length) continue
      this.#counts[slot] = (this.#counts[slot] ?? 0) + 1
      return
    }
    const slot = this.#used < SLOTS ? this.#used++ : this.#takeLowest()
    const inherited = this.#counts[slot] ?? 0
    this.#overs[slot] = inherited
    this.#counts[slot] = inherited + 1
    this.#hashes[slot] = hash
    this.#lengths[slot] = length
    for (let i = 0, o = slot * MAX_NAME; i < length; i++, o++) this.#names[o] = bytes[i] ?? 0
    this.#next[slot] = this.#heads[head] ?? 0
    this.#heads[head] = slot + 1
  }

  /** The names that were counted, the one asked for most first. */
  all(): Counted[] {
    const names = Buffer.from(this.#names.buffer)
    return Array.from({ length: this.#used }, (_, slot) => ({
      name: names.toString('latin1', slot * MAX_NAME, slot * MAX_NAME + (this.#lengths[slot] ?? 0)),
      count: this.#counts[slot] ?? 0,
      overAtMost: this.#overs[slot] ?? 0,
    })).toSorted((a, b) => b.count - a.count)
  }

  /**
   * Unlinks a slot with the lowest count. Counts only grow, so each round through the slots raises the lowest by at least
   * one: the search takes a few steps for each query on average, whatever is asked.
   */
  #takeLowest(): number {
    for (;;) {
      while (this.#swept < SLOTS) {
        const slot = this.#cursor
        this.#cursor = slot + 1 === SLOTS ? 0 : slot + 1
        this.#swept++
        if ((this.#counts[slot] ?? 0) > this.#floor) continue
        this.#unlink(slot)
        return slot
      }
      let lowest = Infinity
      for (let slot = 0; slot < SLOTS; slot++) lowest = Math.min(lowest, this.#counts[slot] ?? 0)
      this.#floor = lowest
      this.#swept = 0
    }
  }

  #unlink(slot: number): void {
    const head = (this.#hashes[slot] ?? 0) & (HEADS - 1)
    if (this.#heads[head] === slot + 1) {
      this.#heads[head] = this.#next[slot] ?? 0
      return
    }
    let before = (this.#heads[head] ?? 0) - 1
    while (this.#next[before] !== slot + 1) before = (this.#next[before] ?? 0) - 1
    this.#next[before] = this.#next[slot] ?? 0
  }
}
