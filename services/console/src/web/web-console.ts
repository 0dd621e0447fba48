import { join } from 'node:path'
import type { Link } from '@sixgate/bus'
import type { Logger } from '@sixgate/obs'
import { gatewayView, parseSite, type Site } from '@sixgate/site'
import { SILENT_MS } from '../core/convergence.ts'
import { pageAddresses } from '../core/web/page-addresses.ts'
import { SessionStore } from '../core/web/session-store.ts'
import { carriedOf, ThroughputHistory, TICK_MS } from '../core/web/throughput-history.ts'
import type { DocumentStore } from '../io/document-store.ts'
import { ReportWatch } from '../io/report-watch.ts'
import { ApiServer } from './api-server.ts'
import { CertificateFile } from './certificate.ts'
import { configHandlers } from './config-handlers.ts'
import { Credentials } from './credentials.ts'
import { Listeners } from './listeners.ts'
import { PendingEdit } from './pending-edit.ts'
import { sessionHandlers } from './session-handlers.ts'
import { siteHandlers } from './site-handlers.ts'
import { readStaticFiles } from './static-files.ts'

/** How often it is looked whether the certificate runs out. */
const RENEW_MS = 3_600_000
/** What `vite build` writes. */
const PAGE = join(import.meta.dirname, '../../page/dist')

export interface WebConsoleOptions {
  readonly link: Link
  readonly log: Logger
  readonly stateDir: string
  readonly siteFile: string
  readonly autoFile: string
  /** Which of several gateways this machine is. */
  readonly gateway: string | undefined
  readonly store: DocumentStore
  /** Has the file of the site document read at once. */
  readonly read: () => Promise<void>
}

/** The web page and the API: follows the document in force, and the reports of all services. */
export class WebConsole {
  readonly #options: WebConsoleOptions
  readonly #reports: ReportWatch
  readonly #throughput = new ThroughputHistory()
  readonly #listeners: Listeners
  readonly #pending: PendingEdit
  readonly #certificates: CertificateFile
  readonly #timers: readonly NodeJS.Timeout[]
  #inForce: { readonly revision: number; readonly site: Site | undefined } = { revision: 0, site: undefined }
  #names: ReadonlySet<string> = new Set()
  #work: Promise<void> = Promise.resolve()

  constructor(options: WebConsoleOptions) {
    const { link, log, stateDir, siteFile, autoFile, store, read } = options
    this.#pending = new PendingEdit({ store, stateDir, log, read })
    this.#options = options
    this.#reports = new ReportWatch(link)
    this.#certificates = new CertificateFile(stateDir)
    const credentials = new Credentials(stateDir)
    const sessions = new SessionStore()
    const api = new ApiServer({
      credentials,
      sessions,
      log,
      files: readStaticFiles(PAGE),
      names: () => this.#names,
      handlers: {
        ...sessionHandlers(credentials, sessions, log),
        ...configHandlers({
          link,
          store,
          pending: this.#pending,
          siteFile,
          autoFile,
          revision: () => this.#inForce.revision,
        }),
        ...siteHandlers({
          link,
          reports: () => this.#reports.current,
          inForce: () => this.#inForce,
          throughput: this.#throughput,
          gateway: options.gateway,
        }),
      },
    })
    this.#listeners = new Listeners(api, log)
    if (credentials.passwordId === undefined) {
      credentials.setupCode()
      log.info('web: no password was set yet; the code for the first visit: docker compose exec console sixgate web')
    }
    this.#timers = [setInterval(() => this.#tick(), TICK_MS), setInterval(() => this.#listen(), RENEW_MS)]
  }

  /** A document is in force: its JSON text. */
  published(revision: number, text: string): void {
    this.#inForce = { revision, site: gatewayView(parseSite(JSON.parse(text)), this.#options.gateway) }
    this.#listen()
  }

  /** Lines for `sixgate status`: what keeps the page from being had. */
  get remarks(): readonly string[] {
    return this.#listeners.obstacles.map((obstacle) => `web page: ${obstacle}`)
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#reports.close()
    this.#pending.close()
    this.#listeners.close()
  }

  /** One change after the other: making a certificate takes a moment. */
  #listen(): void {
    this.#work = this.#work
      .then(async () => await this.#listenNow())
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'web: the page cannot be served'))
  }

  async #listenNow(): Promise<void> {
    const { site } = this.#inForce
    if (site === undefined) return
    if (!site.console.web) {
      this.#listeners.close()
      return
    }
    const addresses = pageAddresses(site)
    const names = [...addresses, 'localhost', ...site.console.names]
    this.#names = new Set(names)
    const certificate = await this.#certificates.ensure(names, Date.now())
    if (certificate.isNew) this.#options.log.info('web: a new certificate; sixgate web prints its fingerprint')
    this.#listeners.want(addresses, site.console.port, certificate)
  }

  #tick(): void {
    const nowMs = Date.now()
    const totals = this.#reports.current
      .filter(({ service, atMs }) => service === 'nat64' && nowMs - atMs < SILENT_MS)
      .map(({ instance, counters }) => [instance, carriedOf(counters)] as const)
    this.#throughput.tick(nowMs, new Map(totals))
  }
}
