import type { Link } from '@sixgate/bus'
import { gatewaysIn } from '../core/convergence.ts'
import type { MetricsFacts } from '../core/metrics.ts'
import { readPublished } from './publisher.ts'
import { readReports } from './reports.ts'
import { unlessMissing } from './unless-missing.ts'

/** What `metricsText` and `metricsJson` are made of. Throws KvError while NATS is away. */
export const readMetrics = async (link: Link): Promise<MetricsFacts> => {
  const [published, reports] = await Promise.all([readPublished(link), unlessMissing(readReports(link), [])])
  const gateways = gatewaysIn(published?.document)
  return { revision: published?.revision ?? 0, reports, nowMs: Date.now(), gateways }
}
