/** How often a password may be guessed. Pure: the time comes from outside. */

interface Bucket {
  left: number
  atMs: number
}

interface Shape {
  readonly burst: number
  /** One more attempt after each of these. */
  readonly refillMs: number
}

const PER_CLIENT: Shape = { burst: 5, refillMs: 30_000 }
/** A host of the LAN has as many addresses as it likes. */
const ALTOGETHER: Shape = { burst: 20, refillMs: 5000 }
const MAX_CLIENTS = 1000

const refilled = ({ left, atMs }: Bucket, { burst, refillMs }: Shape, nowMs: number): number =>
  Math.min(burst, left + Math.max(0, nowMs - atMs) / refillMs)

/** Attempts of each client address, and of all of them. Loopback has its own count only: who is there owns the machine. */
export class AttemptLimit {
  readonly #clients = new Map<string, Bucket>()
  #all: Bucket = { left: ALTOGETHER.burst, atMs: 0 }

  /** Takes one attempt. Returns 0, or after how many seconds there is one. */
  take(client: string, nowMs: number): number {
    const own = refilled(this.#clients.get(client) ?? { left: PER_CLIENT.burst, atMs: nowMs }, PER_CLIENT, nowMs)
    const all = refilled(this.#all, ALTOGETHER, nowMs)
    const isLocal = isLoopback(client)
    const waitMs = Math.max((1 - own) * PER_CLIENT.refillMs, isLocal ? 0 : (1 - all) * ALTOGETHER.refillMs)
    // Fractions of an attempt are not exact.
    if (waitMs > 1e-3) return Math.ceil(waitMs / 1000 - 1e-6)
    this.#put(client, { left: own - 1, atMs: nowMs })
    if (!isLocal) this.#all = { left: all - 1, atMs: nowMs }
    return 0
  }

  /** The attempt was right: it does not count. */
  giveBack(client: string, nowMs: number): void {
    this.#clients.delete(client)
    if (!isLoopback(client))
      this.#all = { left: Math.min(ALTOGETHER.burst, refilled(this.#all, ALTOGETHER, nowMs) + 1), atMs: nowMs }
  }

  #put(client: string, bucket: Bucket): void {
    this.#clients.delete(client)
    const [oldest] = this.#clients.keys()
    if (oldest !== undefined && this.#clients.size >= MAX_CLIENTS) this.#clients.delete(oldest)
    this.#clients.set(client, bucket)
  }
}

export const isLoopback = (address: string): boolean => address === '::1' || /^(::ffff:)?127\./.test(address)
