import { type Frame, HEADROOM, readVnet, writeVnet } from './frame.ts'
import { IPV4 } from './wire/ipv4.ts'
import { IPV6 } from './wire/ipv6.ts'
import { VNET } from './wire/virtio-net.ts'

/** Offload header and packet: what a host begins with (SYN, DNS, ping, QUIC) is short. Two slots share a page. */
const SLOT_BYTES = 2048
/** The address whose mapping a packet waits for: where it stands in the packet, and how long it is. */
interface Key {
  readonly at: number
  readonly lenBytes: number
}
/** IPv6 packets of hosts without mapping. */
export const BY_SOURCE6: Key = { at: IPV6.SRC, lenBytes: 16 }
/** IPv4 packets to an address that nobody is known to have. */
export const BY_DESTINATION4: Key = { at: IPV4.DST, lenBytes: 4 }

const NONE = -1

/** What a ring is made of. */
interface HoldRingSize {
  /** Packets at most. */
  readonly slots: number
  readonly key: Key
  /** A packet that waits for longer is given up: whoever sent it has sent it again. */
  readonly maxWaitMs: number
}

/**
 * Packets that wait for a mapping: a bounded number of slots, each a copy. Slots are found by a hash over address and prefix,
 * so that each host of a burst costs the same; those of one bucket are chained in the order in which they came.
 */
export class HoldRing {
  /** One buffer: of a large one, only pages that were written to are memory. */
  readonly #bytes: Uint8Array
  readonly #view: DataView
  /** By slot: octets in it. */
  readonly #lenBytes: Uint16Array
  readonly #frame: Frame
  readonly #key: Key
  readonly #maxWaitMs: number
  readonly #prefs: Int32Array
  readonly #sinceMs: Float64Array
  /** By bucket: its first and last slot. */
  readonly #first: Int32Array
  readonly #last: Int32Array
  /** By slot: the next one in its bucket. */
  readonly #next: Int32Array
  /** By slot: its neighbours among all held ones, by age. */
  readonly #older: Int32Array
  readonly #newer: Int32Array
  #oldest = NONE
  #newest = NONE
  /** Slots that are free, the next one last. */
  readonly #free: number[]
  /** Of the release that is under way: slots that are neither held nor free. */
  readonly #taken: Int32Array

  /** Packets that wait. */
  get size(): number {
    return this.#lenBytes.length - this.#free.length
  }

  /** `frame`: what packets are given back in. Of the same class as all others: V8 compiles for the classes that it has seen. */
  constructor({ slots, key, maxWaitMs }: HoldRingSize, frame: Frame) {
    this.#frame = frame
    this.#key = key
    this.#maxWaitMs = maxWaitMs
    const buffer = new ArrayBuffer(slots * SLOT_BYTES)
    this.#bytes = new Uint8Array(buffer)
    this.#view = new DataView(buffer)
    this.#lenBytes = new Uint16Array(slots)
    this.#prefs = new Int32Array(slots)
    this.#sinceMs = new Float64Array(slots)
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(2, slots)))
    this.#first = new Int32Array(buckets).fill(NONE)
    this.#last = new Int32Array(buckets).fill(NONE)
    this.#next = new Int32Array(slots).fill(NONE)
    this.#older = new Int32Array(slots).fill(NONE)
    this.#newer = new Int32Array(slots).fill(NONE)
    this.#taken = new Int32Array(slots)
    this.#free = Array.from({ length: slots }, (_, index) => slots - 1 - index)
  }

  /**
   * Copies a packet that needs a mapping for prefix `pref`. `first`: no other packet waits for that; `again`: others do;
   * `full`: there was no room, or the packet is too long.
   */
  hold(frame: Frame, pref: number, nowMs: number): 'first' | 'again' | 'full' {
    if (frame.o !== HEADROOM || VNET.LEN + frame.len > SLOT_BYTES) return 'full'
    const bucket = this.#bucketOf(frame.view, frame.o + this.#key.at, pref)
    let known = false
    for (let slot = this.#first[bucket] ?? NONE; slot !== NONE && !known; slot = this.#next[slot] ?? NONE)
      known = this.#isOf(slot, frame.view, frame.o + this.#key.at, pref)
    const slot = this.#free.pop()
    if (slot === undefined) return 'full'
    writeVnet(frame)
    this.#bytes.set(frame.bytes.subarray(frame.o - VNET.LEN, frame.o + frame.len), slot * SLOT_BYTES)
    this.#lenBytes[slot] = VNET.LEN + frame.len
    this.#prefs[slot] = pref
    this.#sinceMs[slot] = nowMs
    this.#chain(bucket, slot)
    return known ? 'again' : 'first'
  }

  /** Gives every packet that waits for the address at `view[o..]`, on prefix `pref`, to `take`, oldest first. */
  release(view: DataView, o: number, pref: number, take: (frame: Frame) => void): void {
    const bucket = this.#bucketOf(view, o, pref)
    const taken = this.#taken
    let count = 0
    let before = NONE
    for (let slot = this.#first[bucket] ?? NONE; slot !== NONE; slot = this.#next[slot] ?? NONE) {
      if (this.#isOf(slot, view, o, pref)) {
        this.#unchain(bucket, slot, before)
        taken[count++] = slot
      } else before = slot
    }
    // Only now: `take` may hold its packet again.
    for (let index = 0; index < count; index++) this.#give(taken[index] ?? NONE, take)
  }

  /** Gives every packet that has waited for too long to `take`, oldest first. */
  expire(nowMs: number, take: (frame: Frame) => void): void {
    while (this.leftMs(nowMs) < 0) {
      const slot = this.#oldest
      this.#takeOldest()
      this.#give(slot, take)
    }
  }

  /** How long the oldest packet may still wait; infinite when none does. */
  leftMs(nowMs: number): number {
    return this.#oldest === NONE ? Infinity : (this.#sinceMs[this.#oldest] ?? 0) + this.#maxWaitMs - nowMs
  }

  /** Gives back all packets, oldest first, e.g. after a new snapshot, when their prefix index may mean another prefix. */
  releaseAll(take: (frame: Frame) => void): void {
    const end = this.#newest
    for (let isEnd = end === NONE; !isEnd; ) {
      const slot = this.#oldest
      isEnd = slot === end
      this.#takeOldest()
      this.#give(slot, take)
    }
  }

  #give(slot: number, take: (frame: Frame) => void): void {
    const lenBytes = this.#lenBytes[slot] ?? 0
    const from = slot * SLOT_BYTES
    this.#frame.bytes.set(this.#bytes.subarray(from, from + lenBytes), HEADROOM - VNET.LEN)
    this.#free.push(slot)
    if (readVnet(this.#frame, lenBytes)) take(this.#frame)
  }

  /** The oldest of all is the first of its bucket. */
  #takeOldest(): void {
    const slot = this.#oldest
    this.#unchain(this.#bucketOf(this.#view, this.#keyAt(slot), this.#prefs[slot] ?? 0), slot, NONE)
  }

  /** Where the slot's address stands. */
  #keyAt(slot: number): number {
    return slot * SLOT_BYTES + VNET.LEN + this.#key.at
  }

  /** True when the slot's packet waits for the address at `view[o..]`, on prefix `pref`. */
  #isOf(slot: number, view: DataView, o: number, pref: number): boolean {
    if (this.#prefs[slot] !== pref) return false
    const own = this.#keyAt(slot)
    // The interface identifier differs first: compare from the end.
    for (let at = this.#key.lenBytes - 4; at >= 0; at -= 4)
      if (this.#view.getInt32(own + at) !== view.getInt32(o + at)) return false
    return true
  }

  #bucketOf(view: DataView, o: number, pref: number): number {
    let hash = pref
    for (let at = 0; at < this.#key.lenBytes; at += 4)
      hash = Math.imul(hash ^ view.getInt32(o + at), 0x9e3779b1) ^ (hash >>> 15)
    return (hash ^ (hash >>> 16)) & (this.#first.length - 1)
  }

  #chain(bucket: number, slot: number): void {
    const last = this.#last[bucket] ?? NONE
    if (last === NONE) this.#first[bucket] = slot
    else this.#next[last] = slot
    this.#last[bucket] = slot
    this.#next[slot] = NONE
    this.#older[slot] = this.#newest
    this.#newer[slot] = NONE
    if (this.#newest === NONE) this.#oldest = slot
    else this.#newer[this.#newest] = slot
    this.#newest = slot
  }

  /** `before`: the slot that stands before it in its bucket. */
  #unchain(bucket: number, slot: number, before: number): void {
    const next = this.#next[slot] ?? NONE
    if (before === NONE) this.#first[bucket] = next
    else this.#next[before] = next
    if (next === NONE) this.#last[bucket] = before
    const older = this.#older[slot] ?? NONE
    const newer = this.#newer[slot] ?? NONE
    if (older === NONE) this.#oldest = newer
    else this.#newer[older] = newer
    if (newer === NONE) this.#newest = older
    else this.#older[newer] = older
  }
}
