import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect, type NatsConnection, nkeyAuthenticator, nkeys } from '@nats-io/transport-node'
import { createLogger, type Logger } from '@sixgate/obs'
import { NatsServer } from '@sixgate/testkit'
import { BUCKET_SHAPES, type BucketName } from '../buckets.ts'
import { EVENTS_STREAM, eventSubject, parseEvent, type SiteEvent } from '../event.ts'
import { Link } from '../nats/link.ts'
import type { ServiceName } from '../service-name.ts'
import { ServiceProcess } from './service-process.ts'

export const silent: Logger = createLogger({ service: 'test', instance: 'test', level: 'silent' })

/**
 * A server with one user who may do everything, the file with that user's seed, and connections to both. What a service
 * with its own permissions may do is tested in services/console, which makes them.
 */
export class NatsLab {
  readonly server: NatsServer
  readonly directory: string
  readonly seedFile: string
  readonly seed: Uint8Array
  readonly #links: Link[] = []
  readonly #services: ServiceProcess[] = []
  #admin: NatsConnection | undefined

  private constructor(server: NatsServer, directory: string, seed: Uint8Array) {
    this.server = server
    this.directory = directory
    this.seed = seed
    this.seedFile = join(directory, 'seed')
    writeFileSync(this.seedFile, seed)
  }

  /** `isStopped`: the server does not run yet. */
  static async start(isStopped = false): Promise<NatsLab> {
    const user = nkeys.createUser()
    const auth = `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`
    const server = await (isStopped ? NatsServer.stopped(auth) : NatsServer.start(auth))
    return new NatsLab(server, mkdtempSync(join(tmpdir(), 'sixgate-bus-')), user.getSeed())
  }

  /** A new connection of the kind that services have. */
  link(log: Logger = silent): Link {
    const link = new Link({
      url: this.server.url,
      seedFile: this.seedFile,
      name: 'test',
      inboxPrefix: '_INBOX_test',
      log,
    })
    this.#links.push(link)
    return link
  }

  async connectedLink(): Promise<Link> {
    const link = this.link()
    if (!(await link.ready(10_000))) throw new Error(`not connected: ${link.complaint}`)
    return link
  }

  /** A connection of the test itself, made anew after the server was restarted. */
  async admin(): Promise<NatsConnection> {
    if (this.#admin === undefined || this.#admin.isClosed()) {
      const authenticator = nkeyAuthenticator(this.seed)
      this.#admin = await connect({ servers: this.server.url, authenticator, reconnect: false })
    }
    return this.#admin
  }

  /** Makes buckets as the console does. */
  async makeBuckets(...names: BucketName[]): Promise<void> {
    const kvm = new Kvm(await this.admin())
    for (const name of names) {
      const { storage, history, ttlMs, maxBytes } = BUCKET_SHAPES[name]
      await kvm.create(name, { storage, history, ttl: ttlMs, max_bytes: maxBytes })
    }
  }

  /** Takes a bucket away under everybody's feet: the server is there, and takes nothing for it. */
  async deleteBucket(name: BucketName): Promise<void> {
    await (await jetstreamManager(await this.admin())).streams.delete(`KV_${name}`)
  }

  /** Makes the stream of events as the console does; the list that it returns grows by each event of the service. */
  async events(service: ServiceName): Promise<readonly SiteEvent[]> {
    const admin = await this.admin()
    const told: SiteEvent[] = []
    admin.subscribe(eventSubject(service), {
      callback: (_, message) => {
        const event = parseEvent(message.string())
        if (event !== undefined) told.push(event)
      },
    })
    const manager = await jetstreamManager(admin)
    await manager.streams.add({ name: EVENTS_STREAM, subjects: [eventSubject('*')] })
    return told
  }

  /** Puts a document as the console does; returns its revision. */
  async publish(text: string): Promise<number> {
    await this.makeBuckets('site', 'status')
    return await (await new Kvm(await this.admin()).open('site')).put('document', text)
  }

  /** Starts the fixture service; it ends before the server does. */
  service(environment: Readonly<Record<string, string>> = {}, args: readonly string[] = []): ServiceProcess {
    const site = { SITE: this.server.url, NKEY_SEED_FILE: this.seedFile }
    const service = new ServiceProcess(this.directory, { ...site, ...environment }, { args })
    this.#services.push(service)
    return service
  }

  /** Stops the server, without its storage when told so, and starts it again. */
  async restart(storage: 'keep' | 'lose' = 'keep'): Promise<void> {
    await this.server.stop()
    if (storage === 'lose') this.server.loseStorage()
    await this.server.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#services.map((service) => service.process.stop()))
    await Promise.all(this.#links.map((link) => link.close()))
    await this.#admin?.close()
    await this.server[Symbol.asyncDispose]()
    rmSync(this.directory, { recursive: true, force: true })
  }
}
