import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { type JetStreamManagerOptions, jetstream } from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import { connect, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node'
import { type Logger, messageOf } from '@sixgate/obs'
import { KvError } from '../kv-error.ts'

export interface LinkOptions {
  readonly url: string
  /** File with the nkey seed of this service. */
  readonly seedFile: string
  /** Service and instance, as NATS shows it. */
  readonly name: string
  /** Prefix of reply subjects; the service's permissions allow no other. */
  readonly inboxPrefix: string
  /** What subjects of JetStream's API begin with; left out: `$JS.API`. */
  readonly apiPrefix?: string
  readonly log: Logger
  /** Called with each new connection; subscriptions made on it survive its reconnects. */
  readonly onConnection?: (connection: NatsConnection) => void
}

const RECONNECT_WAIT_MS = 500
/** A Raspberry Pi that has much else to do takes seconds for the signature alone, and begins anew with each attempt. */
const CONNECT_TIMEOUT_MS = 5000
const PING_INTERVAL_MS = 5000
const REQUEST_TIMEOUT_MS = 2000

/** The connection to NATS: never given up until `close`, and everyone may ask whether it stands. */
export class Link {
  readonly #options: LinkOptions
  readonly #listeners = new Set<() => void>()
  readonly #closing = new AbortController()
  #connection: NatsConnection | undefined
  #connected = false
  /** Why the last attempt failed; what is logged once is not logged again. */
  #complaint: string | undefined

  /** Starts connecting. */
  constructor(options: LinkOptions) {
    this.#options = options
    void this.#run()
  }

  get connected(): boolean {
    return this.#connected
  }

  /** Why there is no connection yet; undefined when none was refused so far. */
  get complaint(): string | undefined {
    return this.#complaint
  }

  /** Calls `listener` whenever the connection comes or goes. Returns the function that ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Waits until connected; false when that takes longer than `timeoutMs`. */
  async ready(timeoutMs: number): Promise<boolean> {
    if (this.#connected) return true
    return await new Promise((resolve) => {
      const settle = (isReady: boolean): void => {
        clearTimeout(timer)
        stop()
        resolve(isReady)
      }
      const timer = setTimeout(settle, timeoutMs, false)
      const stop = this.onChange(() => this.#connected && settle(true))
    })
  }

  /** The connection; throws KvError `disconnected` while there is none. */
  get connection(): NatsConnection {
    if (this.#connection === undefined || !this.#connected)
      throw new KvError('disconnected', `NATS at ${this.#options.url} is away`)
    return this.#connection
  }

  /** How JetStream is asked over this connection. */
  get jetstream(): JetStreamManagerOptions {
    return { timeout: REQUEST_TIMEOUT_MS, checkAPI: false, apiPrefix: this.#options.apiPrefix ?? '$JS.API' }
  }

  /** A key-value bucket, without asking whether it exists. */
  async kv(bucket: string): Promise<KV> {
    // Direct reads name the key in the subject, so that permissions can tell keys apart.
    return await new Kvm(jetstream(this.connection, this.jetstream)).open(bucket, { allow_direct: true })
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#change(false)
    await this.#connection?.close()
  }

  #change(connected: boolean): void {
    if (connected === this.#connected) return
    this.#connected = connected
    for (const listener of this.#listeners) listener()
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      const connection = await this.#connect()
      if (connection === undefined) {
        await pause(RECONNECT_WAIT_MS, undefined, { signal }).catch(() => undefined)
      } else if (signal.aborted) {
        await connection.close()
      } else {
        this.#connection = connection
        this.#complaint = undefined
        this.#options.onConnection?.(connection)
        this.#options.log.info(`connected to ${this.#options.url}`)
        this.#change(true)
        // Ends when the client library gives the connection up; then a new one is made.
        await this.#follow(connection)
        this.#change(false)
      }
    }
  }

  async #connect(): Promise<NatsConnection | undefined> {
    const { url, seedFile, name, inboxPrefix, log } = this.#options
    try {
      return await connect({
        servers: url,
        name,
        inboxPrefix,
        authenticator: nkeyAuthenticator(this.#readSeed()),
        timeout: CONNECT_TIMEOUT_MS,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RECONNECT_WAIT_MS,
        // A server that comes back with its keys not yet in place refuses twice; that is no reason to stop trying.
        ignoreAuthErrorAbort: true,
        pingInterval: PING_INTERVAL_MS,
        maxPingOut: 2,
      })
    } catch (error) {
      const complaint = `no connection to NATS at ${url}: ${messageOf(error)}`
      if (complaint !== this.#complaint) log.warn({ seedFile }, `${complaint}; tried again until it works`)
      this.#complaint = complaint
      return undefined
    }
  }

  #readSeed(): Uint8Array {
    const { seedFile } = this.#options
    try {
      return new TextEncoder().encode(readFileSync(seedFile, 'utf8').trim())
    } catch (error) {
      throw new Error(`NKEY_SEED_FILE: ${messageOf(error)}; the one-shot container "keys" makes it`, { cause: error })
    }
  }

  async #follow(connection: NatsConnection): Promise<void> {
    const { log, url } = this.#options
    for await (const status of connection.status()) {
      if (status.type === 'disconnect' || status.type === 'staleConnection') {
        if (this.#connected && !this.#closing.signal.aborted)
          log.warn(`connection to ${url} lost; the service goes on without`)
        this.#change(false)
      } else if (status.type === 'reconnect') {
        log.info(`connected to ${url} again`)
        this.#change(true)
      } else if (status.type === 'error') {
        log.warn({ err: status.error }, 'NATS reports an error')
      }
    }
  }
}
