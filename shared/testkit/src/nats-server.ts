import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Process } from './process.ts'

/**
 * Services call JetStream's API and keys by these names, since they reach the account of the buckets by imports (services/console,
 * permissions). Where all are in one account, the server renames.
 */
const ONE_ACCOUNT = `mappings {
${['STREAM', 'CONSUMER', 'DIRECT'].map((part) => `  "$JS.site.API.${part}.>": "$JS.API.${part}.>"\n`).join('')}  "$JS.site.API.$KV.>": "$KV.>"
}`

/**
 * A real nats-server with JetStream on a free port of 127.0.0.1, for one test. It ends with the test process. Without
 * `auth` (text of an `authorization` block) everyone may do everything.
 */
export class NatsServer {
  readonly #directory: string
  readonly #auth: string
  #port = -1
  #running: Process | undefined

  private constructor(auth: string) {
    this.#auth = auth
    this.#directory = mkdtempSync(join(tmpdir(), 'nats-server-'))
  }

  static async start(auth = ''): Promise<NatsServer> {
    const server = new NatsServer(auth)
    await server.start()
    return server
  }

  /** A server that does not run yet, on a port that is free now. */
  static async stopped(auth = ''): Promise<NatsServer> {
    const server = await NatsServer.start(auth)
    await server.stop()
    server.loseStorage()
    return server
  }

  /** `nats://127.0.0.1:PORT`; the port stays the same over restarts. */
  get url(): string {
    return `nats://127.0.0.1:${this.#port}`
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Everything that the server logged since it was started. */
  get log(): string {
    return this.#running?.output.stderr ?? ''
  }

  /** Starts the server again after `stop`. Rejects with its log when it does not come up. */
  async start(): Promise<void> {
    const file = join(this.#directory, 'nats.conf')
    const jetstream = `jetstream { store_dir: ${JSON.stringify(join(this.#directory, 'data'))} }`
    const mappings = /^accounts/m.test(this.#auth) ? '' : ONE_ACCOUNT
    writeFileSync(
      file,
      `listen: "127.0.0.1:${this.#port}"\nserver_name: test\n${jetstream}\n${this.#auth}\n${mappings}\n`,
    )
    // The parent-death signal: the server does not outlive the test process.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'nats-server', '--config', file])
    const running = new Process(child, 'nats-server (Debian: apt-get install nats-server)')
    const [, port] = await running.waitFor(/Listening for client connections on 127\.0\.0\.1:(\d+)/)
    await running.waitFor(/Server is ready/)
    this.#port = Number(port)
    this.#running = running
  }

  /** Ends the server, by SIGTERM unless told otherwise. What it has on disk stays; what it has in memory is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#running?.stop(signal)
    this.#running = undefined
  }

  /** Holds every connection and answers nobody, until it is ended by `stop('SIGKILL')`. */
  freeze(): void {
    this.#running?.child.kill('SIGSTOP')
  }

  /** Throws away what the stopped server has on disk. */
  loseStorage(): void {
    if (this.isRunning) throw new Error('stop the server first')
    rmSync(join(this.#directory, 'data'), { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
