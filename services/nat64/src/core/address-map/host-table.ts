import { usageOf } from './host-usage.ts'

/** A mapping, in 32-bit words: all that a packet's look-up reads of it is in one line of the processor's cache. */
const ROW = { IP6: 0, IP4: 4, PREF: 5, IS_USED: 6, WORDS: 8 } as const

/**
 * The dynamic 1:1 mappings for the hot path: (IPv6 host, pref64) ↔ IPv4 address, in typed arrays with two open-addressing
 * indexes (linear probing, deletion by shifting back). A mapping is named by its slot; slots are given out by whoever
 * installs (the registry in the main thread). IPv4 addresses are signed 32-bit numbers here.
 *
 * The pref64 index belongs to the key because IPv4 has no room to say through which prefix a flow came: a host that
 * uses two prefixes has two pool addresses, so that answers come back through the prefix they were asked through.
 */
export class HostTable {
  /** Slots are 0 … capacity-1. */
  readonly capacity: number
  /** Second (of the data plane's clock) in which a packet of the slot's host was last translated; shared memory. */
  readonly lastSeenS: Uint32Array
  /** What was carried for each slot, see host-usage.ts; shared memory. */
  readonly usage: Float64Array
  /** By slot: `ROW`. */
  readonly #rows: Int32Array
  /** Slot + 1, or 0 for an empty bucket. */
  readonly #by6: Int32Array
  readonly #by4: Int32Array
  readonly #mask: number
  readonly #seed: number
  #size = 0

  /** `seed`: a random number, so that nobody on the LAN can choose addresses that collide. */
  constructor(lastSeenS: Uint32Array, seed: number) {
    const capacity = lastSeenS.length
    // At most half full: an unsuccessful probe looks at 2.5 buckets on average.
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(8, capacity * 2)))
    this.capacity = capacity
    this.lastSeenS = lastSeenS
    this.usage = usageOf(lastSeenS)
    this.#rows = new Int32Array(capacity * ROW.WORDS)
    this.#by6 = new Int32Array(buckets)
    this.#by4 = new Int32Array(buckets)
    this.#mask = buckets - 1
    this.#seed = seed | 0
  }

  /** Number of mappings. */
  get size(): number {
    return this.#size
  }

  /** Slot of the host whose IPv6 address stands at `view[o..o+16)` and that uses prefix `pref`; -1 for none. */
  find6(view: DataView, o: number, pref: number): number {
    const a = view.getInt32(o)
    const b = view.getInt32(o + 4)
    const c = view.getInt32(o + 8)
    const d = view.getInt32(o + 12)
    const by6 = this.#by6
    const rows = this.#rows
    for (let bucket = this.#hash6(a, b, c, d ^ pref) & this.#mask; ; bucket = (bucket + 1) & this.#mask) {
      const slot = (by6[bucket] ?? 0) - 1
      if (slot < 0) return -1
      const w = slot * ROW.WORDS
      // The interface identifier differs first: compare from the end.
      if (rows[w + 3] === d && rows[w + 2] === c && rows[w + 1] === b && rows[w] === a && rows[w + ROW.PREF] === pref)
        return slot
    }
  }

  /** Slot of the host that has the pool address `ip4`; -1 for none. */
  find4(ip4: number): number {
    const by4 = this.#by4
    const rows = this.#rows
    for (let bucket = this.#hash4(ip4) & this.#mask; ; bucket = (bucket + 1) & this.#mask) {
      const slot = (by4[bucket] ?? 0) - 1
      if (slot < 0) return -1
      if (rows[slot * ROW.WORDS + ROW.IP4] === ip4) return slot
    }
  }

  /** The pool address of a slot in use. */
  ip4Of(slot: number): number {
    return this.#rows[slot * ROW.WORDS + ROW.IP4] ?? 0
  }

  /** The prefix index of a slot in use. */
  prefOf(slot: number): number {
    return this.#rows[slot * ROW.WORDS + ROW.PREF] ?? 0
  }

  /** Writes the IPv6 address of a slot in use to `view[o..o+16)`. */
  writeIp6(slot: number, view: DataView, o: number): void {
    const w = slot * ROW.WORDS
    view.setInt32(o, this.#rows[w] ?? 0)
    view.setInt32(o + 4, this.#rows[w + 1] ?? 0)
    view.setInt32(o + 8, this.#rows[w + 2] ?? 0)
    view.setInt32(o + 12, this.#rows[w + 3] ?? 0)
  }

  /** True when the slot holds a mapping. */
  uses(slot: number): boolean {
    return this.#rows[slot * ROW.WORDS + ROW.IS_USED] === 1
  }

  /** Puts a mapping into a free slot. Neither side may be mapped already (the registry sees to it). */
  install(slot: number, ip6: Uint8Array, pref: number, ip4: number): void {
    if (slot < 0 || slot >= this.capacity || this.uses(slot))
      throw new RangeError(`slot ${slot} is in use or outside 0..${this.capacity - 1}`)
    const w = slot * ROW.WORDS
    for (let word = 0; word < 4; word++) this.#rows[w + ROW.IP6 + word] = word32(ip6, word * 4)
    this.#rows[w + ROW.IP4] = ip4
    this.#rows[w + ROW.PREF] = pref
    this.#rows[w + ROW.IS_USED] = 1
    this.#size += 1
    insert(this.#by6, this.#home6(slot), slot, this.#mask)
    insert(this.#by4, this.#home4(slot), slot, this.#mask)
  }

  /** Takes a mapping out; nothing happens when the slot is free. */
  remove(slot: number): void {
    if (!this.uses(slot)) return
    erase(this.#by6, slot, this.#mask, (other) => this.#home6(other))
    erase(this.#by4, slot, this.#mask, (other) => this.#home4(other))
    this.#rows[slot * ROW.WORDS + ROW.IS_USED] = 0
    this.#size -= 1
  }

  #home6(slot: number): number {
    const w = slot * ROW.WORDS
    const rows = this.#rows
    const d = (rows[w + 3] ?? 0) ^ (rows[w + ROW.PREF] ?? 0)
    return this.#hash6(rows[w] ?? 0, rows[w + 1] ?? 0, rows[w + 2] ?? 0, d) & this.#mask
  }

  #home4(slot: number): number {
    return this.#hash4(this.ip4Of(slot)) & this.#mask
  }

  #hash6(a: number, b: number, c: number, d: number): number {
    let h = this.#seed
    h = mix(h, a)
    h = mix(h, b)
    h = mix(h, c)
    return finish(mix(h, d))
  }

  #hash4(ip4: number): number {
    return finish(mix(this.#seed, ip4))
  }
}

/** Four octets as a signed number. A DataView for each address would be garbage. */
const word32 = (bytes: Uint8Array, o: number): number =>
  ((bytes[o] ?? 0) << 24) | ((bytes[o + 1] ?? 0) << 16) | ((bytes[o + 2] ?? 0) << 8) | (bytes[o + 3] ?? 0)

/** One round of the 32-bit MurmurHash3 mixing function. */
const mix = (h: number, word: number): number => {
  let k = Math.imul(word, 0xcc9e2d51)
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
  const x = h ^ k
  return (Math.imul((x << 13) | (x >>> 19), 5) + 0xe6546b64) | 0
}

/** MurmurHash3's finalizer: every bit of the input reaches every bit of the output. */
const finish = (h: number): number => {
  let x = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return x ^ (x >>> 16)
}

const insert = (index: Int32Array, home: number, slot: number, mask: number): void => {
  let bucket = home
  while (index[bucket] !== 0) bucket = (bucket + 1) & mask
  index[bucket] = slot + 1
}

/** Removes `slot` and moves later entries of the same run back, so that no probe ends too early. */
const erase = (index: Int32Array, slot: number, mask: number, homeOf: (slot: number) => number): void => {
  let hole = homeOf(slot)
  while (index[hole] !== slot + 1) {
    if (index[hole] === 0) return
    hole = (hole + 1) & mask
  }
  for (let bucket = (hole + 1) & mask; index[bucket] !== 0; bucket = (bucket + 1) & mask) {
    const entry = index[bucket] ?? 0
    const home = homeOf(entry - 1)
    // The entry may move into the hole when its home is not between the hole (exclusive) and its bucket (inclusive).
    if (((bucket - home) & mask) < ((bucket - hole) & mask)) continue
    index[hole] = entry
    hole = bucket
  }
  index[hole] = 0
}
