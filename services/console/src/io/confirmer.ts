import type { Link } from '@sixgate/bus'
import { bring, type Logger, tell } from '@sixgate/obs'
import { judgeTrial, type Trial, wellServices } from '../core/trial.ts'
import type { Publisher, Standing } from './publisher.ts'
import { type PutBack, PutBackFile } from './put-back-file.ts'
import { ReportWatch } from './report-watch.ts'

export interface ConfirmerOptions {
  readonly link: Link
  readonly log: Logger
  readonly stateDir: string
  /** How long a document has to prove itself; 0: nothing is put back. */
  readonly windowMs: number
  /** Called when it is known what became of a revision, `reasons` of the one that was put back. */
  readonly onSettled: (revision: number, outcome: 'confirmed' | 'put-back', reasons: readonly string[]) => void
}

/**
 * Commit-confirmed: a document that a service refuses, or with which a service that was well is not well any more at the
 * end of the window, is put back to the one before it. The file stays as its owner wrote it; it is tried again when it
 * changes, or when that is asked for.
 */
export class Confirmer {
  readonly #options: ConfirmerOptions
  readonly #publisher: Publisher
  readonly #reports: ReportWatch
  readonly #file: PutBackFile
  readonly #timer: NodeJS.Timeout
  #putBack: PutBack | undefined
  /** What the file holds. */
  #wanted: string | undefined
  /** The document that is known to be good. */
  #confirmed: string | undefined
  #wellBefore: Trial['wellBefore'] = new Set()
  #trial: Trial | undefined

  constructor(publisher: Publisher, options: ConfirmerOptions) {
    this.#publisher = publisher
    this.#options = options
    this.#reports = new ReportWatch(options.link)
    this.#file = new PutBackFile(options.stateDir)
    this.#putBack = this.#file.read()
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  /** Why the document of the file is not in force; empty when it is, or is on its way. */
  get reasons(): readonly string[] {
    return this.#putBack !== undefined && this.#putBack.refused === this.#wanted ? this.#putBack.reasons : []
  }

  /** A document of the file, valid: it is published, or the one before it when it failed already. */
  want(text: string): void {
    this.#wanted = text
    if (this.#putBack !== undefined && this.#putBack.refused !== text) this.#forget()
    // Services that are still changing over say nothing about how they were.
    if (this.#trial === undefined) this.#wellBefore = wellServices(this.#reports.current, Date.now())
    this.#publisher.publish(this.#putBack?.previous ?? text)
  }

  /** Tries a document again that was put back. */
  tryAgain(): void {
    if (this.#putBack === undefined || this.#wanted === undefined) return
    this.#forget()
    this.want(this.#wanted)
  }

  /** The document that was wanted stands in NATS under this revision. Returns whether it has to prove itself. */
  published({ revision, text, replaced }: Standing): 'trial' | 'confirmed' {
    const previous = this.#confirmed ?? replaced
    const { windowMs } = this.#options
    if (windowMs === 0 || previous === undefined || previous === text || text === this.#putBack?.previous) {
      this.#confirmed = text
      this.#trial = undefined
      return 'confirmed'
    }
    this.#confirmed = previous
    this.#trial = { revision, text, previous, wellBefore: this.#wellBefore, endsMs: Date.now() + windowMs }
    return 'trial'
  }

  /** The document that has to prove itself now, and until when (milliseconds since 1970). */
  get trial(): { readonly revision: number; readonly endsMs: number } | undefined {
    return this.#trial
  }

  close(): void {
    clearInterval(this.#timer)
    this.#reports.close()
  }

  #look(): void {
    const trial = this.#trial
    if (trial === undefined) return
    const nowMs = Date.now()
    if (!this.#options.link.connected) {
      // Nobody can tell how the services are: their time begins again.
      this.#trial = { ...trial, endsMs: nowMs + this.#options.windowMs }
      return
    }
    const outcome = judgeTrial(trial, this.#reports.current, nowMs)
    if (outcome.kind === 'running') return
    this.#trial = undefined
    if (outcome.kind === 'confirmed') {
      this.#confirmed = trial.text
      this.#options.onSettled(trial.revision, 'confirmed', [])
      const message = 'document confirmed: every service that was well is well with it'
      tell(this.#options.log, { kind: 'document-confirmed', message })
    } else this.#putItBack(trial, outcome.reasons)
  }

  #putItBack({ revision, text, previous }: Trial, reasons: readonly string[]): void {
    const { log, onSettled } = this.#options
    this.#putBack = { refused: text, previous, reasons: [...reasons] }
    try {
      this.#file.write(this.#putBack)
    } catch (error) {
      log.warn({ err: error }, 'STATE_DIR cannot be written to: a console that is restarted tries the document again')
    }
    onSettled(revision, 'put-back', reasons)
    log.warn({ reasons }, 'document put back: the one before it is published again')
    bring(log, {
      kind: 'document-put-back',
      level: 'warn',
      message: `revision ${revision} was put back: ${reasons.join('; ')}`,
      details: { revision },
    })
    this.#publisher.publish(previous)
  }

  #forget(): void {
    this.#putBack = undefined
    this.#file.remove()
  }
}

const LOOK_MS = 500
