import { formatIp6, formatPrefix } from '@sixgate/addr'
import { formatMac } from './mac.ts'
import type { NdpOption } from './ndp-options.ts'
import type { Finding, Neighbour } from './neighbours.ts'

/** Another router, as `sixgate ra neighbours` shows it: plain data. */
export interface NeighbourReport {
  readonly link: string
  readonly router: string
  readonly mac: string | undefined
  readonly routerLifetimeS: number
  readonly preference: string
  readonly prefixes: readonly string[]
  readonly dns: readonly string[]
  readonly pref64: readonly string[]
  /** Seconds since its last message. */
  readonly silentS: number
  readonly messages: number
  readonly findings: readonly Finding[]
}

export const reportNeighbour = (link: string, neighbour: Neighbour, nowMs: number): NeighbourReport => {
  const { router, mac, ra, lastMs, messages, findings } = neighbour
  const each = <T>(pick: (option: NdpOption) => readonly T[]): T[] => ra.options.flatMap(pick)
  return {
    link,
    router: formatIp6(router),
    mac: mac && formatMac(mac),
    routerLifetimeS: ra.routerLifetimeS,
    preference: ra.preference,
    prefixes: each((option) => (option.kind === 'pio' ? [formatPrefix(option.prefix)] : [])),
    dns: each((option) => (option.kind === 'rdnss' ? option.servers.map(formatIp6) : [])),
    pref64: each((option) => (option.kind === 'pref64' ? [formatPrefix(option.prefix)] : [])),
    silentS: Math.round((nowMs - lastMs) / 1000),
    messages,
    findings,
  }
}
