import { KvError } from '@sixgate/bus'

/** What there is not yet is not there: the console makes the buckets a moment after NATS was started. */
export const unlessMissing = async <T>(work: Promise<T>, preset: T): Promise<T> =>
  await work.catch((error: unknown) => {
    if (error instanceof KvError && error.code === 'missing') return preset
    throw error
  })
