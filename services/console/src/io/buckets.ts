import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstream,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { BUCKET_SHAPES, type BucketShape, EVENTS_KEPT, EVENTS_STREAM, eventSubject, type Link } from '@sixgate/bus'

const NS_PER_MS = 1_000_000
const STREAM_NOT_FOUND = 10059

/** What a bucket's stream must have of its shape; the storage of a stream cannot be changed. */
const limitsOf = ({ history, ttlMs, maxBytes }: BucketShape, replicas: number): Partial<StreamConfig> => ({
  num_replicas: replicas,
  max_msgs_per_subject: history,
  max_age: ttlMs * NS_PER_MS,
  max_bytes: maxBytes,
})

const ensureLimits = async (
  manager: JetStreamManager,
  stream: string,
  limits: Partial<StreamConfig>,
): Promise<void> => {
  const { config } = await manager.streams.info(stream)
  const isRight = Object.entries(limits).every(([name, value]) => config[name as keyof StreamConfig] === value)
  if (isRight) return
  // NATS refuses a window for duplicates that is longer than the lifetime.
  const window = limits.max_age ? { duplicate_window: Math.min(config.duplicate_window, limits.max_age) } : {}
  await manager.streams.update(stream, { ...config, ...limits, ...window })
}

/** Happens seldom and is read after a failure, so it is on disk; the oldest events make room for new ones. */
const ensureEvents = async (manager: JetStreamManager, replicas: number): Promise<void> => {
  const { perService, maxAgeMs, maxBytes } = EVENTS_KEPT
  const limits = {
    num_replicas: replicas,
    max_msgs_per_subject: perService,
    max_age: maxAgeMs * NS_PER_MS,
    max_bytes: maxBytes,
  }
  const rest = { storage: StorageType.File, discard: DiscardPolicy.Old, duplicate_window: 120_000 * NS_PER_MS }
  try {
    await ensureLimits(manager, EVENTS_STREAM, limits)
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND)) throw error
    await manager.streams.add({ name: EVENTS_STREAM, subjects: [eventSubject('*')], ...limits, ...rest })
  }
}

/**
 * Makes the buckets that are missing (those in memory are gone whenever the server was restarted), and gives those of an
 * older version today's limits. `replicas`: servers that keep each; more than one needs a cluster. Throws KvError or an error
 * of JetStream.
 */
export const ensureBuckets = async (link: Link, replicas = 1): Promise<void> => {
  const client = jetstream(link.connection, { checkAPI: false })
  const manager = await client.jetstreamManager(false)
  for (const [name, shape] of Object.entries(BUCKET_SHAPES)) {
    const { storage, history, ttlMs, maxBytes } = shape
    const ttl = ttlMs === 0 ? {} : { ttl: ttlMs }
    await new Kvm(client).create(name, { storage, history, replicas, max_bytes: maxBytes, ...ttl })
    await ensureLimits(manager, `KV_${name}`, limitsOf(shape, replicas))
  }
  await ensureEvents(manager, replicas)
}
