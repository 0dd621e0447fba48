import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NatsSite, openNats, type ServiceName } from '@sixgate/bus'
import { createLogger } from '@sixgate/obs'
import { NatsServer, Process } from '@sixgate/testkit'
import { ensureBuckets } from '../io/buckets.ts'
import { generateKeys } from '../io/key-files.ts'

/** A good document; `wanted` replaces its one pref64. Without the web page, unless a `port` for it is given. */
export const siteYaml = (wanted = '64:ff9b::/96', port?: number): string => `lan:
  interface: lan0
  prefix: fd00:6:4::/64
pref64:
  - ${wanted}
nat64:
  pool4:
    - 198.18.0.0/16
console:
  ${port === undefined ? 'web: false' : `port: ${port}`}
`

/** A nats-server with the real keys and permissions of all services, and a folder with a site document. */
export class SiteLab {
  readonly server: NatsServer
  readonly directory: string
  readonly #opened: NatsSite[] = []
  readonly #processes: Process[] = []

  private constructor(server: NatsServer, directory: string) {
    this.server = server
    this.directory = directory
  }

  /** `isStopped`: the server does not run yet. */
  static async start(isStopped = false): Promise<SiteLab> {
    const directory = mkdtempSync(join(tmpdir(), 'sixgate-site-'))
    generateKeys(join(directory, 'keys'))
    const auth = readFileSync(join(directory, 'keys/nats/auth.conf'), 'utf8')
    const server = await (isStopped ? NatsServer.stopped(auth) : NatsServer.start(auth))
    return new SiteLab(server, directory)
  }

  get siteFile(): string {
    return join(this.directory, 'site/site.yaml')
  }

  writeSite(text: string): void {
    mkdirSync(join(this.directory, 'site'), { recursive: true })
    writeFileSync(this.siteFile, text)
  }

  /** Environment of a service's process, as docker-compose.yml makes it. */
  environment(service: ServiceName): Record<string, string> {
    return {
      SITE: this.server.url,
      NKEY_SEED_FILE: join(this.directory, 'keys', service, 'seed'),
      STATE_DIR: join(this.directory, 'state', service),
      HEALTH_FILE: join(this.directory, 'run', service, 'health.json'),
      SITE_FILE: this.siteFile,
      STOPPING_FILE: join(this.directory, 'stopping'),
      LOG_LEVEL: 'info',
    }
  }

  /** The connection of a service as this process's own; connected. `isListed`: it answers questions, as a service does. */
  async connect(service: ServiceName, instance = 'test', isListed = true): Promise<NatsSite> {
    const nats = openNats({
      url: this.server.url,
      seedFile: join(this.directory, 'keys', service, 'seed'),
      service,
      instance,
      log: createLogger({ service, instance, level: 'silent' }),
      isListed,
    })
    this.#opened.push(nats)
    if (!(await nats.link.ready(10_000))) throw new Error(`${service} is not connected: ${nats.link.complaint}`)
    return nats
  }

  /** Makes the buckets with the console's rights. */
  async makeBuckets(): Promise<void> {
    await ensureBuckets((await this.connect('console', 'maker')).link)
  }

  /** Starts `node FILE …` with the environment of a service. It ends with the lab. */
  run(service: ServiceName, file: string, args: readonly string[] = [], more: Record<string, string> = {}): Process {
    const env = { PATH: process.env.PATH, ...this.environment(service), ...more }
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', process.execPath, file, ...args], { env })
    const running = new Process(child, [service, ...args].join(' '))
    this.#processes.push(running)
    return running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((running) => running.stop()))
    await Promise.all(this.#opened.map((nats) => nats.link.close()))
    await this.server[Symbol.asyncDispose]()
    rmSync(this.directory, { recursive: true, force: true })
  }
}
