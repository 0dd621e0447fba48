import { BUCKETS, isFreshMark, stoppingKeyOf } from '../buckets.ts'
import type { StopIntent } from '../contract.ts'
import { KvBucket } from './kv-bucket.ts'
import type { Link } from './link.ts'

const encoder = new TextEncoder()

/** Says that the site goes down, or the one of several gateways: the services that are stopped next take away what they made. */
export const putStoppingMark = async (link: Link, nowMs: number, gateway?: string): Promise<void> => {
  await new KvBucket(link, BUCKETS.STATUS).put(stoppingKeyOf(gateway), encoder.encode(String(nowMs)))
}

/** Takes the mark back: the console runs again. */
export const removeStoppingMark = async (link: Link, gateway?: string): Promise<void> => {
  await new KvBucket(link, BUCKETS.STATUS).delete(stoppingKeyOf(gateway))
}

/** How long a stopping service waits for the answer. */
const ASK_MS = 1500

/**
 * What a SIGTERM means now: `remove` when the console put its mark a moment ago, because `docker compose down` stops
 * the console first; else `keep`, also when NATS does not answer.
 */
export const askStopIntent = async (
  link: Link,
  gateway?: string,
  nowMs: () => number = Date.now,
): Promise<StopIntent> => {
  const ask = async (): Promise<StopIntent> => {
    const mark = await new KvBucket(link, BUCKETS.STATUS).get(stoppingKeyOf(gateway))
    return mark !== undefined && isFreshMark(new TextDecoder().decode(mark.value), nowMs()) ? 'remove' : 'keep'
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<StopIntent>((resolve) => (timer = setTimeout(resolve, ASK_MS, 'keep')))
  try {
    return await Promise.race([ask(), late])
  } catch {
    return 'keep'
  } finally {
    clearTimeout(timer)
  }
}
