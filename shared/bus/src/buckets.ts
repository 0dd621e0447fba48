import type { ServiceName } from './service-name.ts'

/** JetStream key-value buckets. The console creates them; everyone else only uses them. */
export const BUCKETS = {
  /** The site document under the key `document`. */
  SITE: 'site',
  /** What each instance reports, key `SERVICE.INSTANCE`; and the mark that the site goes down. */
  STATUS: 'status',
  /** Dynamic mappings of nat64. */
  HOSTS: 'hosts',
  /** Who of several instances is the active one. */
  LEASES: 'leases',
} as const
export type BucketName = (typeof BUCKETS)[keyof typeof BUCKETS]

/** How a bucket is made. Sizes are bounded, because a Pi's disk and memory are. */
export interface BucketShape {
  readonly storage: 'file' | 'memory'
  /** Editions kept of each key. */
  readonly history: number
  /** Lifetime of an entry in milliseconds; 0 = for ever. */
  readonly ttlMs: number
  readonly maxBytes: number
}

/** A report that is not renewed is gone after this time. */
export const STATUS_TTL_MS = 15_000

const MIB = 1024 * 1024

/** `status` and `leases` live in memory: they are written every second or two and would wear out an SD card. */
export const BUCKET_SHAPES: Readonly<Record<BucketName, BucketShape>> = {
  site: { storage: 'file', history: 32, ttlMs: 0, maxBytes: 16 * MIB },
  status: { storage: 'memory', history: 1, ttlMs: STATUS_TTL_MS, maxBytes: 4 * MIB },
  hosts: { storage: 'file', history: 1, ttlMs: 0, maxBytes: 64 * MIB },
  leases: { storage: 'memory', history: 1, ttlMs: STATUS_TTL_MS, maxBytes: MIB },
}

/** Key of the site document in bucket `site`. */
export const DOCUMENT_KEY = 'document'
/** Key in bucket `status`: the console puts it there when it is stopped, which comes first when the site goes down. */
export const STOPPING_KEY = 'site.stopping'
/** The same of one of several gateways (`gateway`: its name): that one alone goes down. */
export const stoppingKeyOf = (gateway: string | undefined): string =>
  gateway === undefined ? STOPPING_KEY : `${STOPPING_KEY}.${gateway}`
/** Whether a key of bucket `status` is such a mark, and no report. */
export const isStoppingKey = (key: string): boolean => key === STOPPING_KEY || key.startsWith(`${STOPPING_KEY}.`)

/** Key in bucket `leases`: each of several gateways has an active instance of its own. */
export const leaseKeyOf = (service: ServiceName, gateway: string | undefined): string =>
  gateway === undefined ? service : `${service}.${gateway}`
/** A SIGTERM within this time after the mark means `down`. */
const STOPPING_VALID_MS = 15_000

/** Whether the text of a mark (milliseconds since 1970) is from a moment ago. */
export const isFreshMark = (text: string, nowMs: number): boolean => {
  const ageMs = text.trim() === '' ? Number.NaN : nowMs - Number(text)
  return Math.abs(ageMs) <= STOPPING_VALID_MS
}

/** Prefix of a service's reply subjects: nobody else may listen there. */
export const inboxPrefixOf = (service: string): string => `_INBOX_${service}`

/**
 * What JetStream's API begins with. The buckets are in the console's account; the other services have accounts of their own,
 * where the API of that account has this name (ADR-18 names those of other domains so), and keys are written below it, too.
 */
export const apiPrefixOf = (service: ServiceName): string => (service === 'console' ? '$JS.API' : '$JS.site.API')
