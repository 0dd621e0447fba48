import { messageOf } from '@sixgate/obs'
import type { Site } from '@sixgate/site'
import { type Problem, type Service, SiteRejected } from './contract.ts'

/** One edition of the document, as a source brings it. */
export interface Offer {
  readonly revision: number
  /** The document as JSON text: what is compared, and kept as last known good. */
  readonly text: string
  readonly site: Site
}

export type ServiceState = 'starting' | 'ok' | 'degraded' | 'rejected' | 'stopping'

export interface Condition {
  readonly state: ServiceState
  /** Revision in force; 0 = none yet. */
  readonly revision: number
  readonly problems: readonly Problem[]
  /** Revision that the service refused, which is why it is `rejected`. */
  readonly refused?: number
}

/** A document that failed for a reason that may pass is offered again after this time. */
export const RETRY_MS = 5000
/** An apply that takes longer is reported. */
export const SLOW_APPLY_MS = 15_000

interface Refusal {
  readonly problem: Problem
  /** Undefined: what was refused has no revision (a file). */
  readonly revision: number | undefined
}

interface Failure {
  readonly offer: Offer
  readonly problem: Problem
  readonly atMs: number
}

export interface ApplierEvents {
  /** A document came into force. Must not throw. */
  applied(offer: Offer): void
  /** The condition may have changed. Must not throw. */
  changed(): void
}

/**
 * Brings documents into force: one at a time, newest wins, what is skipped is never applied. A document that is refused
 * leaves the previous one in force.
 */
export class Applier {
  readonly #service: Service
  readonly #events: ApplierEvents
  readonly #nowMs: () => number
  #inForce: Offer | undefined
  #next: Offer | undefined
  #current: Offer | undefined
  #startedMs = 0
  #running: Promise<void> | undefined
  /** Why the newest document is not in force: it is no site, or the service cannot serve it. */
  #refusal: Refusal | undefined
  #failure: Failure | undefined
  #closed = false

  constructor(service: Service, events: ApplierEvents, nowMs: () => number = Date.now) {
    this.#service = service
    this.#events = events
    this.#nowMs = nowMs
  }

  get revision(): number {
    return this.#inForce?.revision ?? 0
  }

  /** Puts a document in line, replacing one that waits. What is in force or on its way already is ignored. */
  offer(offer: Offer): void {
    if (this.#closed) return
    const newest = this.#next ?? this.#current ?? this.#failure?.offer ?? this.#inForce
    if (this.#refusal === undefined && newest?.revision === offer.revision && newest.text === offer.text) return
    this.#refusal = undefined
    this.#failure = undefined
    this.#next = offer
    this.#running ??= this.#drain()
  }

  /** Reports that the newest edition, of that revision where it has one, is no valid site document. */
  refuse(problem: Problem, revision?: number): void {
    this.#refusal = { problem, revision }
    this.#events.changed()
  }

  /** Offers a failed document again when its time has come. Call it every second. */
  tick(): void {
    const failure = this.#failure
    if (failure === undefined || this.#closed || this.#running !== undefined) return
    if (this.#nowMs() - failure.atMs < RETRY_MS) return
    this.#next = failure.offer
    this.#running = this.#drain()
  }

  /** Takes nothing more; resolves when the apply under way is done. */
  async close(): Promise<void> {
    this.#closed = true
    this.#next = undefined
    await this.#running
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** `extra`: problems that the runtime itself has. */
  condition(extra: readonly Problem[] = []): Condition {
    const own = this.#inForce === undefined ? [] : this.#service.problems()
    const problems = [this.#refusal?.problem, this.#failure?.problem, this.#slow(), ...own, ...extra].filter(
      (problem) => problem !== undefined,
    )
    const condition = { state: this.#state(problems), revision: this.revision, problems }
    return this.#refusal?.revision === undefined ? condition : { ...condition, refused: this.#refusal.revision }
  }

  #state(problems: readonly Problem[]): ServiceState {
    if (this.#closed) return 'stopping'
    if (this.#refusal !== undefined) return 'rejected'
    if (this.#failure !== undefined) return 'degraded'
    if (this.#inForce === undefined) return 'starting'
    return problems.length === 0 ? 'ok' : 'degraded'
  }

  #slow(): Problem | undefined {
    if (this.#current === undefined || this.#nowMs() - this.#startedMs < SLOW_APPLY_MS) return undefined
    const message = `revision ${this.#current.revision} takes more than ${SLOW_APPLY_MS / 1000} s; if that does not end, restart the service`
    return { code: 'apply-slow', message }
  }

  async #drain(): Promise<void> {
    while (this.#next !== undefined) {
      this.#current = this.#next
      this.#next = undefined
      this.#startedMs = this.#nowMs()
      await this.#apply(this.#current)
      this.#current = undefined
      this.#events.changed()
    }
    this.#running = undefined
  }

  async #apply(offer: Offer): Promise<void> {
    try {
      await this.#service.apply(Object.freeze({ revision: offer.revision, site: offer.site }))
      this.#inForce = offer
      this.#failure = undefined
      this.#events.applied(offer)
    } catch (error) {
      // A newer one is waiting, or known to be bad: only that one's fate is of interest.
      if (this.#next !== undefined || this.#refusal !== undefined) return
      if (error instanceof SiteRejected) {
        this.#failure = undefined
        const message = `revision ${offer.revision}: ${error.message}`
        this.#refusal = { problem: { code: error.code, message }, revision: offer.revision }
        return
      }
      const message = `revision ${offer.revision}: ${messageOf(error)}; it is tried again every ${RETRY_MS / 1000} s`
      this.#failure = { offer, problem: { code: 'apply-failed', message }, atMs: this.#nowMs() }
    }
  }
}
