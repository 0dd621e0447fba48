import { Frame, HEADROOM } from './frame.ts'
import { IPV6 } from './wire/ipv6.ts'

/** A packet that waits for longer is lost: whoever sent it has sent it again, and the mapping is asked for again. */
const MAX_WAIT_MS = 2000

/** Longest packet that is held: what a host begins with (SYN, DNS, ping) is short. */
const MAX_HELD_BYTES = 2048

/** Packets that wait for the mapping of their source: a bounded number of slots, each a copy of a frame. */
export class HoldRing {
  readonly #frames: readonly Frame[]
  readonly #prefs: Int32Array
  readonly #sinceMs: Float64Array
  /** 1: the slot holds a packet. */
  readonly #held: Uint8Array

  constructor(slots: number) {
    this.#frames = Array.from({ length: slots }, () => new Frame(new ArrayBuffer(HEADROOM + MAX_HELD_BYTES)))
    this.#prefs = new Int32Array(slots)
    this.#sinceMs = new Float64Array(slots)
    this.#held = new Uint8Array(slots)
  }

  /**
   * Copies an IPv6 packet that needs a mapping for prefix `pref`. `first`: no other packet of that host waits;
   * `again`: others do; `full`: there was no room, or the packet is too long.
   */
  hold(frame: Frame, pref: number, nowMs: number): 'first' | 'again' | 'full' {
    let free = -1
    let known = false
    for (let slot = 0; slot < this.#held.length; slot++) {
      if (nowMs - (this.#sinceMs[slot] ?? 0) > MAX_WAIT_MS) this.#held[slot] = 0
      if (this.#held[slot] === 0) free = slot
      else if (this.#prefs[slot] === pref && sameSource(this.#frames[slot] as Frame, frame)) known = true
    }
    if (free < 0 || frame.o !== HEADROOM || frame.len > MAX_HELD_BYTES) return 'full'
    ;(this.#frames[free] as Frame).copy(frame)
    this.#prefs[free] = pref
    this.#sinceMs[free] = nowMs
    this.#held[free] = 1
    return known ? 'again' : 'first'
  }

  /** Gives every packet of the host `ip6` on prefix `pref` to `take`, oldest slot first, and frees its slot. */
  release(ip6: Uint8Array, pref: number, take: (frame: Frame) => void): void {
    for (let slot = this.#held.length - 1; slot >= 0; slot--) {
      if (this.#held[slot] === 0 || this.#prefs[slot] !== pref) continue
      const frame = this.#frames[slot] as Frame
      if (!isFrom(frame, ip6)) continue
      this.#held[slot] = 0
      take(frame)
    }
  }

  /** Gives back all packets, e.g. after a new snapshot, when their prefix index may mean another prefix. */
  releaseAll(take: (frame: Frame) => void): void {
    for (let slot = this.#held.length - 1; slot >= 0; slot--) {
      if (this.#held[slot] === 0) continue
      this.#held[slot] = 0
      take(this.#frames[slot] as Frame)
    }
  }
}

const sameSource = (a: Frame, b: Frame): boolean => {
  for (let at = IPV6.SRC; at < IPV6.DST; at += 4)
    if (a.view.getInt32(a.o + at) !== b.view.getInt32(b.o + at)) return false
  return true
}

const isFrom = (frame: Frame, ip6: Uint8Array): boolean => {
  for (let at = 0; at < 16; at++) if (frame.bytes[frame.o + IPV6.SRC + at] !== ip6[at]) return false
  return true
}
