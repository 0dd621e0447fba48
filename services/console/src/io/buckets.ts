import { jetstream } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { BUCKET_SHAPES, type Link } from '@sixgate/bus'

/** Makes the buckets that are missing; those in memory are gone whenever the server was restarted. */
export const ensureBuckets = async (link: Link): Promise<void> => {
  const kvm = new Kvm(jetstream(link.connection))
  for (const [name, { storage, history, ttlMs, maxBytes }] of Object.entries(BUCKET_SHAPES)) {
    await kvm.create(name, {
      storage: storage === 'file' ? 'file' : 'memory',
      history,
      max_bytes: maxBytes,
      ...(ttlMs === 0 ? {} : { ttl: ttlMs }),
    })
  }
}
