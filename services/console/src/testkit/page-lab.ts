import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Questions, ServiceName, Status } from '@sixgate/bus'
import { BUCKETS, KvBucket } from '@sixgate/bus'
import type { Process } from '@sixgate/testkit'
import { PageClient } from './page-client.ts'
import { SiteLab, siteYaml } from './site-lab.ts'

const REPORT_MS = 2000
const MAIN = join(import.meta.dirname, '../main.ts')
export const CLI = join(import.meta.dirname, '../cli.ts')

/** The console with its page, a real NATS, and connections that speak for the other services. */
export class PageLab {
  readonly site: SiteLab
  readonly port: number
  readonly #timers: NodeJS.Timeout[] = []

  readonly console: Process

  private constructor(site: SiteLab, console: Process, port: number) {
    this.site = site
    this.console = console
    this.port = port
  }

  /** Call it in a namespace of its own: the port is fixed. Resolves when the page answers on loopback. */
  static async start(document = siteYaml('64:ff9b::/96', 8443), port = 8443): Promise<PageLab> {
    const site = await SiteLab.start()
    site.writeSite(document)
    const console = site.run('console', MAIN)
    await console.waitFor(new RegExp(`web: https://127\\.0\\.0\\.1:${port}/`))
    return new PageLab(site, console, port)
  }

  client(host = '127.0.0.1'): PageClient {
    const pem = readFileSync(join(this.site.directory, 'state/console/web/tls.pem'), 'utf8')
    return new PageClient(`https://${host}:${this.port}`, pem.slice(pem.indexOf('-----BEGIN CERTIFICATE')))
  }

  get setupCode(): string {
    return readFileSync(join(this.site.directory, 'state/console/web/setup-code'), 'utf8')
  }

  /** One that is logged in, with the first password. */
  async owner(password = 'correct horse battery'): Promise<PageClient> {
    const client = this.client()
    const answer = await client.post('/api/v1/setup', { code: this.setupCode, password })
    if (answer.status !== 200) throw new Error(answer.text)
    return client
  }

  /** Makes an instance of a service report as often as a real one does, and answer questions. */
  async speakFor(
    service: ServiceName,
    questions: Questions,
    counters: () => Record<string, number> = () => ({}),
  ): Promise<void> {
    const nats = await this.site.connect(service, 'a')
    nats.answer(questions)
    const bucket = new KvBucket(nats.link, BUCKETS.STATUS)
    const report = async (): Promise<void> => {
      const status: Status = {
        service,
        instance: 'a',
        version: '0.1.0',
        revision: 1,
        state: 'ok',
        sinceMs: Date.now(),
        problems: [],
        counters: counters(),
        startedAtMs: Date.now(),
        // Ahead of time, so that a slow machine does not make it look silent.
        atMs: Date.now() + 60_000,
      }
      await bucket.put(`${service}.a`, new TextEncoder().encode(JSON.stringify(status)))
    }
    await report()
    // At the end of a test NATS may be gone before.
    this.#timers.push(setInterval(() => void report().catch(() => undefined), REPORT_MS))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.site[Symbol.asyncDispose]()
  }
}
