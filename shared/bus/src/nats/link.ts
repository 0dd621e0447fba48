import { readFileSync } from 'node:fs'
import { jetstream } from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import { connect, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node'
import type { Logger } from '@sixgate/obs'
import { KvError } from '../kv-error.ts'

export interface LinkOptions {
  readonly url: string
  /** File with the nkey seed of this service. */
  readonly seedFile: string
  /** Service and instance, as NATS shows it. */
  readonly name: string
  /** Prefix of reply subjects; the service's permissions allow no other. */
  readonly inboxPrefix: string
  readonly log: Logger
}

const RECONNECT_WAIT_MS = 500
const PING_INTERVAL_MS = 5000
const REQUEST_TIMEOUT_MS = 2000

/** The connection to NATS: never given up, and everyone may ask whether it stands. */
export class Link {
  readonly #options: LinkOptions
  readonly #listeners = new Set<() => void>()
  #connection: NatsConnection | undefined
  #connected = false
  #closed = false

  constructor(options: LinkOptions) {
    this.#options = options
  }

  get connected(): boolean {
    return this.#connected
  }

  /** Connects, waiting as long as it takes; resolves when connected for the first time, or closed before. */
  async open(): Promise<void> {
    const { url, seedFile, name, inboxPrefix, log } = this.#options
    while (!this.#closed) {
      try {
        const seed = new TextEncoder().encode(readFileSync(seedFile, 'utf8').trim())
        const connection = await connect({
          servers: url,
          name,
          inboxPrefix,
          authenticator: nkeyAuthenticator(seed),
          maxReconnectAttempts: -1,
          reconnectTimeWait: RECONNECT_WAIT_MS,
          // A server that comes back with its keys not yet in place refuses twice; that is no reason to stop trying.
          ignoreAuthErrorAbort: true,
          pingInterval: PING_INTERVAL_MS,
          maxPingOut: 2,
        })
        this.#connection = connection
        if (this.#closed) return await connection.close()
        void this.#follow(connection)
        log.info(`connected to ${url}`)
        this.#change(true)
        return
      } catch (error) {
        log.debug({ err: error }, `${url} does not answer yet`)
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_WAIT_MS))
      }
    }
  }

  /** Calls `listener` whenever the connection comes or goes. Returns the function that ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The connection; throws KvError `disconnected` while there is none. */
  get connection(): NatsConnection {
    if (this.#connection === undefined || !this.#connected)
      throw new KvError('disconnected', `NATS at ${this.#options.url} is away`)
    return this.#connection
  }

  /** A key-value bucket that exists; calls fail with "missing" otherwise. */
  async kv(bucket: string): Promise<KV> {
    const client = jetstream(this.connection, { timeout: REQUEST_TIMEOUT_MS, checkAPI: false })
    return await new Kvm(client).open(bucket, { allow_direct: false })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#change(false)
    await this.#connection?.close()
  }

  #change(connected: boolean): void {
    if (connected === this.#connected) return
    this.#connected = connected
    for (const listener of this.#listeners) listener()
  }

  async #follow(connection: NatsConnection): Promise<void> {
    const { log, url } = this.#options
    for await (const status of connection.status()) {
      if (status.type === 'disconnect' || status.type === 'staleConnection') {
        if (this.#connected && !this.#closed) log.warn(`connection to ${url} lost; the service goes on without`)
        this.#change(false)
      } else if (status.type === 'reconnect') {
        log.info(`connected to ${url} again`)
        this.#change(true)
      } else if (status.type === 'error') {
        log.warn({ err: status.error }, 'NATS reports an error')
      }
    }
    this.#change(false)
  }
}
