import type { Logger } from '@sixgate/obs'
import type { Site } from '@sixgate/site'
import type { Questions } from './questions.ts'
import type { ServiceName } from './service-name.ts'

export { SERVICE_NAMES, type ServiceName } from './service-name.ts'

export interface SiteSnapshot {
  /** Which edition of the document. Compare for equality only: it may go down when the storage of NATS was lost. */
  readonly revision: number
  readonly site: Site
}

export interface Problem {
  /** Stable and short, for programs: `interface-missing`. */
  readonly code: string
  /** Which thing, what is wrong, how to fix it. */
  readonly message: string
}

/** Thrown by `Service.apply` when a document cannot be served. The previous one stays in force. */
export class SiteRejected extends Error {
  readonly code: string

  /** `message`: where in the document, what came, what is allowed, what to do. */
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'SiteRejected'
    this.code = code
  }
}

/** `keep`: leave everything in place for the successor (fail-static). `remove`: leave the host as it was found. */
export type StopIntent = 'keep' | 'remove'

export interface Service {
  /**
   * Makes the host agree with the document. Called one at a time. Throws SiteRejected when the document cannot be served.
   * What can heal (a link that is missing) is not thrown: it shows in `problems()`. Any other error is reported as
   * degraded, and the same document is offered again every 5 s.
   */
  apply(snapshot: SiteSnapshot): Promise<void>
  /** What is wrong right now; empty = ok, else the service is `degraded`. Cheap: called every second. */
  problems(): readonly Problem[]
  /** How it works at the moment, for people: lines below its row in `sixgate status`. Nothing to do about. */
  remarks?(): readonly string[]
  /** Link-local addresses that this instance advertises from, so that other gateways know them. */
  routers?(): readonly string[]
  /** Flat numbers for status and metrics, Prometheus-style names without the service's own prefix. */
  counters(): Readonly<Record<string, number>>
  /** What commands may ask this instance; answered while the service runs. */
  readonly questions?: Questions
  /** Has 8 s from the signal on; then the process ends. */
  stop(intent: StopIntent): Promise<void>
}

export interface BucketEntry {
  readonly key: string
  readonly value: Uint8Array
  /** Sequence number of this write in the bucket. */
  readonly revision: number
  readonly operation: 'put' | 'delete'
}

/** What a watch had delivered before and the storage no longer has, without anyone having deleted it (storage lost). */
export interface WatchSync {
  readonly lost: readonly string[]
}

/** A key-value bucket. All calls but `watch` throw KvError; after code `timeout` it is unknown whether a write was done. */
export interface Bucket {
  /** false while NATS is away. */
  readonly connected: boolean
  /** Writes only if there is no such key. Returns the revision; undefined: exists already. */
  create(key: string, value: Uint8Array): Promise<number | undefined>
  /** Writes only if the key's revision still is `revision`. Returns the new one; undefined: somebody was faster. */
  update(key: string, value: Uint8Array, revision: number): Promise<number | undefined>
  get(key: string): Promise<BucketEntry | undefined>
  put(key: string, value: Uint8Array): Promise<number>
  delete(key: string): Promise<void>
  /**
   * Calls `onEntry` for every key there is, then `onSynced`, then `onEntry` for each change. Survives reconnects and lost
   * storage: then what changed meanwhile comes, and `onSynced` again. Returns the function that ends the watch.
   */
  watch(onEntry: (entry: BucketEntry) => void, onSynced?: (sync: WatchSync) => void): () => void
}

export interface Bus {
  /** undefined when the service runs without NATS (`SITE=file:…`). */
  bucket(name: string): Bucket | undefined
}

export interface ServiceContext {
  readonly name: ServiceName
  /** Which copy of the service: the container's short id, or host name and process id; with several gateways `GATEWAY-` in front. */
  readonly instance: string
  /** Which of several gateways this machine is (\`gateways\` of the document); undefined: the only one. */
  readonly gateway?: string | undefined
  readonly log: Logger
  /** Directory that survives restarts; exists. */
  readonly stateDir: string
  /** Directory that holds `ipv4/ ipv6/ netfilter/ core/` as in /proc/sys/net. */
  readonly sysctlRoot: string
  readonly bus: Bus
}

export type MakeService = (context: ServiceContext) => Promise<Service> | Service
