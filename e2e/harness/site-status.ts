import type { Stack } from './stack.ts'
import { until } from './until.ts'

/** `sixgate status --json`, as far as the tests read it. */
export interface SiteStatus {
  readonly revision: number
  readonly document?: { readonly state: string; readonly problem?: string }
  readonly services: readonly {
    readonly name: string
    readonly state: string
    readonly revision: number
    readonly problems: readonly { readonly code: string; readonly message: string }[]
  }[]
}

/** Asks the console. Throws when it does not answer with JSON. */
export async function siteStatus(stack: Stack): Promise<SiteStatus> {
  const { stdout } = await stack.sixgate(['status', '--json'])
  return JSON.parse(stdout) as SiteStatus
}

/** Awaits that all five services are ok with the newest revision; `newerThan` demands a revision other than that. */
export function converged(stack: Stack, newerThan?: number): Promise<SiteStatus> {
  return until('every service is ok with the newest revision', 40, async () => {
    const status = await siteStatus(stack)
    const done = status.services.every(({ state, revision }) => state === 'ok' && revision === status.revision)
    if (done && status.services.length >= 5 && status.revision !== newerThan) return status
    throw new Error(JSON.stringify(status))
  })
}
