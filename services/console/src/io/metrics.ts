import type { Link } from '@sixgate/bus'
import { metricsText } from '../core/metrics.ts'
import { readPublished } from './publisher.ts'
import { readReports } from './reports.ts'
import { unlessMissing } from './unless-missing.ts'

/** The answer to `GET /metrics`, of type METRICS_CONTENT_TYPE (`core/metrics.ts`). Throws KvError while NATS is away. */
export const readMetrics = async (link: Link): Promise<string> => {
  const [published, reports] = await Promise.all([
    unlessMissing(readPublished(link), undefined),
    unlessMissing(readReports(link), []),
  ])
  return metricsText({ revision: published?.revision ?? 0, reports, nowMs: Date.now() })
}
