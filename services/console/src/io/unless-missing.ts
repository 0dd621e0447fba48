import { type BucketEntry, type KvBucket, KvError } from '@sixgate/bus'

/** What there is not yet is not there: the console makes the buckets a moment after NATS was started. */
export const unlessMissing = async <T>(work: Promise<T>, preset: T): Promise<T> =>
  await work.catch((error: unknown) => {
    if (error instanceof KvError && error.code === 'missing') return preset
    throw error
  })

/** The entry; undefined when there is none, or no bucket. A bucket that is only not served at the moment is an error. Throws KvError. */
export const getIfAny = async (bucket: KvBucket, key: string): Promise<BucketEntry | undefined> => {
  try {
    return await bucket.get(key)
  } catch (error) {
    if (error instanceof KvError && error.code === 'unserved' && !(await bucket.exists())) return undefined
    throw error
  }
}
