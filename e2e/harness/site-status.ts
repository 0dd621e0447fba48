import type { Stack } from './stack.ts'
import { until } from './until.ts'

/** `sixgate status --json`, as far as the tests read it. */
export interface SiteStatus {
  readonly revision: number
  /** Every service reports, is ok and runs the current revision. */
  readonly isConverged: boolean
  readonly services: readonly { readonly service: string; readonly instances: readonly InstanceStatus[] }[]
}

/** What one instance reports of itself. */
export interface InstanceStatus {
  /** Which of several gateways it is on. */
  readonly gateway?: string
  readonly instance: string
  readonly state: string
  readonly revision: number
  readonly problems: readonly { readonly code: string; readonly message: string }[]
  readonly remarks?: readonly string[]
}

/** Asks the console. Throws when it does not answer with JSON. */
export async function siteStatus(stack: Stack): Promise<SiteStatus> {
  // The exit code says whether all is well; here that is read from the answer.
  const { stdout, stderr } = await stack.sixgate(['status', '--json'])
  if (!stdout.startsWith('{')) throw new Error(`sixgate status --json: ${stdout}${stderr}`)
  return JSON.parse(stdout) as SiteStatus
}

/** The reports of all instances of `service`. */
export const instancesOf = (status: SiteStatus, service: string): readonly InstanceStatus[] =>
  status.services.find((entry) => entry.service === service)?.instances ?? []

/** Awaits that all services are ok with the current revision; `not` demands a revision other than that. */
export function converged(stack: Stack, not?: number, deadlineS = 120): Promise<SiteStatus> {
  return until('every service is ok with the newest document', deadlineS, async () => {
    const status = await siteStatus(stack)
    if (status.isConverged && status.revision !== not) return status
    throw new Error(JSON.stringify(status))
  })
}
