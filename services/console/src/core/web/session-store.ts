/** Sessions of the page. Pure: who calls brings identifiers, their hashes and the time. */

const HOUR_MS = 3_600_000
/** A session that nobody uses ends after this. */
export const IDLE_MS = 12 * HOUR_MS
/** And in any case after this. */
export const LONGEST_MS = 7 * 24 * HOUR_MS
/** The one that was used longest ago makes room. */
const MAX_SESSIONS = 50

interface Session {
  readonly openedMs: number
  /** Which password opened it: another one ends it. */
  readonly passwordId: string
  usedMs: number
}

/** Sessions in memory, by the hash of their identifier: they end with the process. */
export class SessionStore {
  /** Used last stands last. */
  readonly #sessions = new Map<string, Session>()

  open(hash: string, passwordId: string, nowMs: number): void {
    const [oldest] = this.#sessions.keys()
    if (oldest !== undefined && this.#sessions.size >= MAX_SESSIONS) this.#sessions.delete(oldest)
    this.#sessions.set(hash, { openedMs: nowMs, passwordId, usedMs: nowMs })
  }

  /** Whether there is such a session; using it keeps it alive. */
  use(hash: string, passwordId: string | undefined, nowMs: number): boolean {
    const session = this.#sessions.get(hash)
    if (session === undefined) return false
    this.#sessions.delete(hash)
    const isOver = nowMs - session.usedMs > IDLE_MS || nowMs - session.openedMs > LONGEST_MS
    if (isOver || session.passwordId !== passwordId) return false
    session.usedMs = nowMs
    this.#sessions.set(hash, session)
    return true
  }

  close(hash: string): void {
    this.#sessions.delete(hash)
  }
}
