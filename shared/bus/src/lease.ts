import { type Logger, tell } from '@sixgate/obs'
import type { Bucket, BucketEntry } from './contract.ts'
import { KvError } from './kv-error.ts'
import {
  type LeaseEntry,
  type LeaseState,
  looked,
  nextMove,
  outdated,
  released,
  startLease,
  unanswered,
  untilNextMove,
  won,
} from './lease-state.ts'

/** How long a release waits for NATS: the process is stopping. */
const RELEASE_MS = 1500

export interface LeaseOptions {
  /** Bucket `leases`; undefined without NATS: then this instance is the only one. */
  readonly bucket: Bucket | undefined
  /** Name of the service; with several gateways `leaseKeyOf`. */
  readonly key: string
  readonly instance: string
  readonly log: Logger
  /** Called when this instance becomes the active one, and when it no longer is. Must not throw. */
  readonly onChange: (active: boolean) => void
}

const encode = (holder: string): Uint8Array => new TextEncoder().encode(JSON.stringify({ holder }))

/** Who holds the lease; a damaged entry is held by nobody that lives, so it expires. */
const holderOf = (value: Uint8Array): string => {
  try {
    const content: unknown = JSON.parse(new TextDecoder().decode(value))
    if (typeof content === 'object' && content !== null && 'holder' in content && typeof content.holder === 'string')
      return content.holder
  } catch {
    // No JSON: see above.
  }
  return '(unreadable)'
}

const toLeaseEntry = ({ value, revision }: BucketEntry): LeaseEntry => ({ holder: holderOf(value), revision })

/**
 * Makes one of several instances of a service the active one (bucket `leases`, key = service): the holder renews by
 * compare-and-set every 0.5 s, another instance takes over within 3 s after it died, at once after `release`. While NATS is
 * away everything stays as it was: the holder goes on, the others stay silent. An instance that knows of no holder and hears
 * nothing of NATS for 3 s goes alone. Two can be active at once for a moment only, when a holder was cut off from NATS and
 * comes back: what both do must be the same.
 */
export class Lease {
  readonly #options: LeaseOptions
  readonly #nowMs: () => number
  readonly #unwatch: () => void
  #state: LeaseState
  #timer: NodeJS.Timeout | undefined
  #moving: Promise<void> | undefined
  #isReleased = false
  /** Another instance that held the lease last, as far as this one knows. */
  #lastOther: string | undefined
  /** Why the last call failed. */
  #trouble: string | undefined
  /** Counts what the watch brought: an answer that was on its way meanwhile may be older. */
  #hints = 0

  /** Starts at once; `onChange(true)` may be called before this returns only without a bucket. */
  constructor(options: LeaseOptions, nowMs: () => number = () => performance.now()) {
    this.#options = options
    this.#nowMs = nowMs
    this.#state = startLease(options.instance, nowMs())
    const { bucket, key } = options
    if (bucket === undefined) {
      this.#unwatch = () => undefined
      this.#become(won(this.#state, 0, nowMs()))
      return
    }
    this.#unwatch = bucket.watch((entry) => entry.key === key && this.#onEntry(entry))
    void this.#run()
  }

  /** Whether this instance is the one that does the work. */
  get active(): boolean {
    return this.#state.active
  }

  /** Another instance that is known to hold the lease. */
  get other(): string | undefined {
    return this.#state.other
  }

  /**
   * Ends the part of this instance: never active again. The entry is deleted when it is its own, and another instance takes
   * over at once. `onChange` is not called. What this instance does must have ended before, or the other does it too.
   */
  async release(): Promise<void> {
    if (this.#isReleased) return
    this.#isReleased = true
    clearTimeout(this.#timer)
    this.#unwatch()
    await this.#moving
    const { bucket, key, log } = this.#options
    const { active, entry, me } = this.#state
    this.#state = { ...this.#state, active: false }
    if (bucket?.connected !== true || !active || typeof entry !== 'object' || entry.holder !== me) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, RELEASE_MS)))
    try {
      // Only one's own: the revision says that nobody took it meanwhile.
      await Promise.race([this.#deleteOwn(bucket, key, entry.revision), late])
    } catch (error) {
      log.debug({ err: error }, 'the lease was not given back; it expires')
    } finally {
      clearTimeout(timer)
    }
  }

  async #deleteOwn(bucket: Bucket, key: string, revision: number): Promise<void> {
    const present = await bucket.get(key)
    if (present?.revision === revision) await bucket.delete(key)
  }

  /** The watch only hints: what it brings may be older than what this instance wrote since. */
  #onEntry(entry: BucketEntry): void {
    if (this.#isReleased) return
    this.#hints += 1
    const { active, entry: known } = this.#state
    if (entry.operation === 'delete') this.#become(released(this.#state))
    else if (active && typeof known === 'object' && entry.revision <= known.revision) return
    else if (active)
      this.#become(holderOf(entry.value) === this.#options.instance ? this.#state : outdated(this.#state))
    else this.#become(looked(this.#state, toLeaseEntry(entry), this.#nowMs()))
    if (this.#state.entry === 'unknown') this.#hurry()
  }

  /** The next move is made now instead of in a while. */
  #hurry(): void {
    clearTimeout(this.#timer)
    void this.#run()
  }

  async #run(): Promise<void> {
    if (this.#moving !== undefined || this.#isReleased) return
    this.#moving = this.#move()
    await this.#moving
    this.#moving = undefined
    if (this.#isReleased) return
    const { entry } = this.#state
    // What follows from what was just learnt is done at once.
    const isAtOnce = this.#trouble === undefined && (entry === 'unknown' || entry === 'none')
    const waitMs = isAtOnce ? 0 : untilNextMove(this.#state, this.#nowMs())
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#run(), waitMs)
  }

  async #move(): Promise<void> {
    const { bucket, key, instance, log } = this.#options
    if (bucket === undefined) return
    const move = nextMove(this.#state, this.#nowMs())
    try {
      if (move.do === 'look') {
        const hints = this.#hints
        const entry = await bucket.get(key)
        if (hints === this.#hints) this.#become(looked(this.#state, entry && toLeaseEntry(entry), this.#nowMs()))
      } else {
        const value = encode(instance)
        const revision =
          move.do === 'write' ? await bucket.update(key, value, move.revision) : await bucket.create(key, value)
        const now = this.#nowMs()
        this.#become(revision === undefined ? outdated(this.#state) : won(this.#state, revision, now))
      }
      this.#trouble = undefined
    } catch (error) {
      if (!(error instanceof KvError)) throw error
      if (this.#trouble !== error.code) log.debug({ err: error }, 'the lease cannot be seen; all stays as it is')
      this.#trouble = error.code
      // A write that was not answered may have been done.
      const state =
        error.code === 'timeout' && move.do !== 'look' ? { ...this.#state, entry: 'unknown' as const } : this.#state
      this.#become(unanswered(state, this.#nowMs()))
    }
  }

  #become(next: LeaseState): void {
    const before = this.#state
    this.#state = next
    if (this.#isReleased) return
    const { log, onChange, key } = this.#options
    this.#lastOther = next.other ?? this.#lastOther
    if (next.other !== undefined && next.other !== before.other)
      log.info({ holder: next.other }, `${key}: another instance is active, this one stands by`)
    if (next.active === before.active) return
    if (next.active) {
      const message = `${key}: this instance is the active one`
      const after = this.#lastOther
      // The first one of a site takes over from nobody.
      if (after === undefined) log.info(message)
      else tell(log, { kind: 'takeover', message: `${message}, after ${after}`, details: { after } })
    } else tell(log, { kind: 'handed-over', message: `${key}: another instance is active now` })
    onChange(next.active)
  }
}
