import { BUCKETS, type NatsSite, parseStatus, STATUS_TTL_MS, type Status } from '@sixgate/bus'

/** Every report that there is now; ends when all that was there has been read. */
export const readReports = async (nats: NatsSite, nowMs: number): Promise<Status[]> => {
  const reports: Status[] = []
  const bucket = nats.bus.bucket(BUCKETS.STATUS)
  if (bucket === undefined) return reports
  await new Promise<void>((resolve) => {
    const stop = bucket.watch(
      (entry) => {
        const status = entry.operation === 'put' ? parseStatus(entry.value) : undefined
        if (status !== undefined && nowMs - status.atMs <= STATUS_TTL_MS) reports.push(status)
      },
      () => {
        resolve()
        // The watch calls back before `stop` is known when the bucket is empty.
        queueMicrotask(() => stop())
      },
    )
  })
  return reports
}
