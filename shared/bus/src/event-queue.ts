import type { SiteEvent } from './event.ts'

/** Events that wait for NATS; the oldest are left out first. */
const MAX_WAITING = 200
/** One instance tells this many in a row, then one in `REFILL_MS`: a thing that flaps must not bury the rest. */
const BURST = 60
const REFILL_MS = 10_000

/** Events of one instance on their way: bounded in number and rate, and what was left out is told. */
export class EventQueue {
  #waiting: SiteEvent[] = []
  #allowance = BURST
  #filledMs: number | undefined
  #leftOut = 0

  get size(): number {
    return this.#waiting.length
  }

  /** Puts an event in line, or leaves it out. */
  add(event: SiteEvent): void {
    this.#refill(event.atMs)
    if (this.#allowance < 1) {
      this.#leftOut += 1
      return
    }
    this.#allowance -= 1
    if (this.#leftOut > 0) {
      const message = `${this.#leftOut} events were left out: too many in too short a time; the log has them all`
      this.#push({ ...event, kind: 'events-left-out', level: 'warn', message, details: { count: this.#leftOut } })
      this.#leftOut = 0
    }
    this.#push(event)
  }

  /** The oldest one; it stays until `sent`. */
  get first(): SiteEvent | undefined {
    return this.#waiting[0]
  }

  /** That one arrived; nothing happens when it was left out meanwhile. */
  sent(event: SiteEvent): void {
    if (this.#waiting[0] === event) this.#waiting.shift()
  }

  #push(event: SiteEvent): void {
    this.#waiting.push(event)
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift()
  }

  #refill(nowMs: number): void {
    this.#filledMs ??= nowMs
    const earned = Math.max(0, nowMs - this.#filledMs) / REFILL_MS
    this.#allowance = Math.min(BURST, this.#allowance + earned)
    this.#filledMs = nowMs
  }
}
