import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Environment,
  FileSource,
  instanceName,
  type NatsSite,
  openNats,
  type Problem,
  putStoppingMark,
  readEnvironment,
  removeStoppingMark,
  type Status,
  VERSION,
} from '@sixgate/bus'
import { createLogger, type Logger, writeHealth } from '@sixgate/obs'
import { Publisher } from './io/publisher.ts'

const TICK_MS = 1000
const STOP_DEADLINE_MS = 5000
/** How long the mark that the site goes down may take to get to NATS. */
const MARK_MS = 2500

/** Where the console keeps what `auto` stands for; the folder of the document may belong to somebody else. */
export const autoFileOf = (stateDir: string): string => join(stateDir, 'site.auto.yaml')

/** The console's daemon. */
export class Console {
  readonly #environment: Environment
  readonly #siteFile: string
  readonly #instance = instanceName()
  readonly #startedAtMs = Date.now()
  readonly #log: Logger
  readonly #nats: NatsSite
  readonly #publisher: Publisher
  #mistake: string | undefined

  /** Throws EnvironmentError, or an Error that says what SITE and SITE_FILE must be. */
  constructor(variables: Readonly<Record<string, string | undefined>>) {
    this.#environment = readEnvironment(variables, 'console')
    const { site, logLevel, stateDir } = this.#environment
    if (site.kind !== 'nats') throw new Error('SITE: the console publishes to NATS: it must be nats://HOST:PORT')
    if (!variables.SITE_FILE)
      throw new Error('SITE_FILE: not set: it must name the site document, e.g. deploy/site.yaml')
    this.#siteFile = variables.SITE_FILE
    mkdirSync(stateDir, { recursive: true })
    this.#log = createLogger({
      service: 'console',
      instance: this.#instance,
      revision: () => this.#publisher?.revision ?? 0,
      level: logLevel,
    })
    this.#nats = openNats({
      url: site.url,
      seedFile: site.seedFile,
      service: 'console',
      instance: this.#instance,
      log: this.#log,
    })
    this.#publisher = new Publisher(this.#nats, this.#log)
  }

  /** Runs until SIGTERM or SIGINT, which end the process. */
  async run(): Promise<void> {
    const forgetMark = this.#nats.link.onChange(() => void this.#forgetMark(forgetMark))
    await this.#forgetMark(forgetMark)
    const source = new FileSource(
      this.#siteFile,
      {
        document: ({ document }) => {
          this.#mistake = undefined
          void this.#publisher.publish(JSON.stringify(document)).then(() => this.#report())
        },
        mistake: (message) => {
          this.#mistake = message
          this.#log.error(`${message}\nnothing was changed: the document before it stays in force`)
          this.#report()
        },
      },
      autoFileOf(this.#environment.stateDir),
    )
    const timer = setInterval(() => this.#report(), TICK_MS)
    const stop = async (): Promise<void> => {
      setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref()
      clearInterval(timer)
      source.close()
      await this.#mark()
      this.#publisher.close()
      await this.#nats.close()
      this.#log.info('stopped')
      process.exit(0)
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())
    await source.read()
  }

  /** When the console is stopped, the site probably goes down: `docker compose down` stops it before the services. */
  async #mark(): Promise<void> {
    const late = new Promise((_, reject) => setTimeout(reject, MARK_MS, new Error('NATS does not answer')).unref())
    try {
      await Promise.race([putStoppingMark(this.#nats.link, Date.now()), late])
    } catch (error) {
      this.#log.warn(
        { err: error },
        'services that are stopped now will leave what they made in place, as in a restart',
      )
    }
  }

  /** The mark of an earlier stop is over once the console runs again. */
  async #forgetMark(done: () => void): Promise<void> {
    if (!this.#nats.link.connected) return
    try {
      await removeStoppingMark(this.#nats.link)
      done()
    } catch {
      // The bucket does not exist yet, so neither does a mark; or NATS went again, and the next connection tries.
    }
  }

  #problems(): Problem[] {
    const { failure } = this.#publisher
    return [
      ...(this.#mistake === undefined ? [] : [{ code: 'document-invalid', message: this.#mistake }]),
      ...(failure === undefined ? [] : [{ code: 'not-published', message: `${failure}; it is tried again` }]),
    ]
  }

  #report(): void {
    const problems = this.#problems()
    const revision = this.#publisher.revision
    const settled: Status['state'] = revision === 0 ? 'starting' : 'ok'
    const faulty: Status['state'] = this.#mistake === undefined ? 'degraded' : 'rejected'
    const state = problems.length === 0 ? settled : faulty
    const atMs = Date.now()
    this.#nats.report({
      service: 'console',
      instance: this.#instance,
      version: VERSION,
      revision,
      state,
      problems,
      counters: {},
      startedAtMs: this.#startedAtMs,
      atMs,
    })
    const { healthFile } = this.#environment
    if (healthFile === undefined) return
    writeHealth(healthFile, { state, atMs, problems: problems.map(({ message }) => message) }).catch((error: unknown) =>
      this.#log.warn({ err: error }, 'health file'),
    )
  }
}
