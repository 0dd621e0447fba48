/** Entries that there is room for at first. */
const FIRST_CAPACITY = 64

/**
 * What is under way, by key: a Map for entries that come and go all the time. A Map leaves a dead table behind with every
 * few entries, each holding the next one and all that was under way then, so that most of it outlives its use until the
 * next full collection; and optimised code interns every string that it is asked for. `hashOf`: 32 bits, well spread.
 */
export class InFlight<K, V> {
  readonly #hashOf: (key: K) => number
  #capacity = FIRST_CAPACITY
  /** The first slot of each bucket and the one behind a slot, as numbers above 0; free slots form a list likewise. */
  #heads = new Int32Array(FIRST_CAPACITY)
  #next = new Int32Array(FIRST_CAPACITY + 1)
  #keys: (K | undefined)[] = emptySlots(FIRST_CAPACITY)
  #values: (V | undefined)[] = emptySlots(FIRST_CAPACITY)
  #free = 0
  #size = 0

  constructor(hashOf: (key: K) => number) {
    this.#hashOf = hashOf
    this.#freeFrom(1)
  }

  get size(): number {
    return this.#size
  }

  get(key: K): V | undefined {
    for (let slot = this.#heads[this.#bucketOf(key)] ?? 0; slot !== 0; slot = this.#next[slot] ?? 0)
      if (this.#keys[slot] === key) return this.#values[slot]
    return undefined
  }

  /** Adds an entry; there must be none with its key. */
  add(key: K, value: V): void {
    if (this.#free === 0) this.#grow()
    const slot = this.#free
    this.#free = this.#next[slot] ?? 0
    this.#keys[slot] = key
    this.#values[slot] = value
    this.#size++
    this.#link(slot, key)
  }

  /** Removes the entry of a key if it has this value. Returns whether it did. */
  remove(key: K, value: V): boolean {
    const bucket = this.#bucketOf(key)
    let before = 0
    let slot = this.#heads[bucket] ?? 0
    while (slot !== 0 && this.#keys[slot] !== key) {
      before = slot
      slot = this.#next[slot] ?? 0
    }
    if (slot === 0 || this.#values[slot] !== value) return false
    if (before === 0) this.#heads[bucket] = this.#next[slot] ?? 0
    else this.#next[before] = this.#next[slot] ?? 0
    this.#keys[slot] = undefined
    this.#values[slot] = undefined
    this.#next[slot] = this.#free
    this.#free = slot
    this.#size--
    return true
  }

  /** The values, in no order; a copy. */
  values(): V[] {
    return this.#values.filter((value) => value !== undefined)
  }

  clear(): void {
    this.#heads.fill(0)
    this.#keys.fill(undefined)
    this.#values.fill(undefined)
    this.#size = 0
    this.#freeFrom(1)
  }

  #bucketOf(key: K): number {
    return this.#hashOf(key) & (this.#capacity - 1)
  }

  #link(slot: number, key: K): void {
    const bucket = this.#bucketOf(key)
    this.#next[slot] = this.#heads[bucket] ?? 0
    this.#heads[bucket] = slot
  }

  /** Puts all slots from one on into the list of free ones. */
  #freeFrom(first: number): void {
    for (let slot = first; slot <= this.#capacity; slot++) this.#next[slot] = slot === this.#capacity ? 0 : slot + 1
    this.#free = first
  }

  /** Called when every slot is taken. */
  #grow(): void {
    const taken = this.#capacity
    this.#capacity *= 2
    this.#heads = new Int32Array(this.#capacity)
    this.#next = new Int32Array(this.#capacity + 1)
    this.#keys.push(...emptySlots<K>(taken - 1))
    this.#values.push(...emptySlots<V>(taken - 1))
    for (let slot = 1; slot <= taken; slot++) this.#link(slot, this.#keys[slot] as K)
    this.#freeFrom(taken + 1)
  }
}

/** Slots are numbered from 1. */
const emptySlots = <T>(count: number): (T | undefined)[] => Array.from({ length: count + 1 }, () => undefined)
