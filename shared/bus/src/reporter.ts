import { bring, healthWriter, type Logger } from '@sixgate/obs'
import type { Condition } from './applier.ts'
import type { ServiceName } from './contract.ts'
import { stateNews } from './state-news.ts'
import type { Status } from './status.ts'
import { VERSION } from './version.ts'

/** A report is renewed when it is about this old; it is called every second, and timers are late, never early. */
const RENEW_MS = 1900
/** How long a service may take to become well before that is told. */
const STARTING_MS = 15_000

export interface ReporterOptions {
  readonly service: ServiceName
  readonly instance: string
  readonly gateway?: string | undefined
  readonly log: Logger
  readonly healthFile: string | undefined
  readonly counters: () => Readonly<Record<string, number>>
  readonly remarks?: () => readonly string[]
  readonly routers?: () => readonly string[]
  /** Brings a report to where it is read. */
  readonly send: (status: Status) => void
}

/** Tells what state a service is in: status, health file, a log line per change, and events. */
export class Reporter {
  readonly #options: ReporterOptions
  readonly #writeHealth: ReturnType<typeof healthWriter>
  readonly #nowMs: () => number
  readonly #startedAtMs: number
  #text = ''
  #state: Condition['state'] | undefined
  /** The condition of which events told last. */
  #told: Condition | undefined
  #sinceMs: number
  #sentAtMs = 0

  constructor(options: ReporterOptions, nowMs: () => number = Date.now) {
    this.#options = options
    this.#writeHealth = healthWriter(options.healthFile, options.log)
    this.#nowMs = nowMs
    this.#startedAtMs = nowMs()
    this.#sinceMs = this.#startedAtMs
  }

  /** Call it every second, and at once when something changed. It tells what is new, and renews what is not every 2 s. */
  report(condition: Condition): void {
    const atMs = this.#nowMs()
    const text = JSON.stringify(condition)
    const isNews = text !== this.#text
    if (!isNews && atMs - this.#sentAtMs < RENEW_MS) return
    if (condition.state !== this.#state) this.#sinceMs = atMs
    this.#text = text
    this.#state = condition.state
    this.#sentAtMs = atMs
    const { service, instance, gateway, counters, remarks, routers, send } = this.#options
    const { state, problems } = condition
    this.#writeHealth({ state, atMs, problems: problems.map(({ message }) => message) })
    send({
      service,
      instance,
      ...(gateway === undefined ? {} : { gateway }),
      version: VERSION,
      ...condition,
      problems: [...problems],
      ...(remarks === undefined ? {} : { remarks: [...remarks()] }),
      ...(routers === undefined ? {} : { routers: [...routers()] }),
      sinceMs: this.#sinceMs,
      counters: { ...counters() },
      startedAtMs: this.#startedAtMs,
      atMs,
    })
    if (isNews) this.#log(condition)
    this.#tellNews(condition, atMs)
  }

  #log({ state, problems }: Condition): void {
    const { log } = this.#options
    if (problems.length === 0) log.info(`state: ${state}`)
    for (const { code, message } of problems) log.warn({ code, state }, message)
  }

  /** What passes while the service starts (NATS is not there yet) is no event. */
  #tellNews(condition: Condition, atMs: number): void {
    const isStarting = this.#told === undefined && condition.state !== 'ok' && atMs - this.#startedAtMs < STARTING_MS
    if (isStarting) return
    for (const news of stateNews(this.#told, condition)) bring(this.#options.log, news)
    this.#told = condition
  }
}
