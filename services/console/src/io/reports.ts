import { BUCKETS, isStoppingKey, KvBucket, type Link, parseStatus, type Status } from '@sixgate/bus'

/** Every report that there is now. Throws KvError. */
export const readReports = async (link: Link): Promise<Status[]> => {
  const bucket = new KvBucket(link, BUCKETS.STATUS)
  const keys = (await bucket.keys()).filter((key) => !isStoppingKey(key))
  const entries = await Promise.all(keys.map((key) => bucket.get(key)))
  return entries.flatMap((entry) => {
    const status = entry === undefined ? undefined : parseStatus(entry.value)
    return status === undefined ? [] : [status]
  })
}
