/** So many datagrams answered in one turn of the event loop, and the next turn soon after it: the load is high. */
const MANY = 6
const SOON_MS = 0.2

/**
 * Moderation of wake-ups, as network cards know it of interrupts: while datagrams come faster than about 30,000 a second, it is
 * cheaper to let a few gather before they are read. Waking up for each of them costs more than answering it.
 */
export class Moderation {
  #lastEndMs = Number.NEGATIVE_INFINITY
  #lastCount = 0

  /** Whether a short pause should come before reading, at the beginning of a turn. */
  isDue(nowMs: number): boolean {
    return this.#lastCount >= MANY && nowMs - this.#lastEndMs < SOON_MS
  }

  /** The end of a turn, and how many it answered. */
  endTurn(nowMs: number, count: number): void {
    this.#lastEndMs = nowMs
    this.#lastCount = count
  }
}
