import { formatIp6, formatPrefix } from '@sixgate/addr'
import type { Status } from '@sixgate/bus/names'
import { formatPortRange, lanLinkName, lanViews, type Site } from '@sixgate/site'
import { overviewOf, SILENT_MS } from '../convergence.ts'
import type { Firewall, Routers, Site as SiteAnswer } from './schemas.ts'

/** Counters of the instances that report, added up by service. */
const sumCounters = (reports: readonly Status[], nowMs: number): SiteAnswer['counters'] => {
  const sums: Record<string, Record<string, number>> = {}
  for (const { service, counters, atMs } of reports) {
    if (nowMs - atMs > SILENT_MS) continue
    const sum = (sums[service] ??= {})
    for (const [name, value] of Object.entries(counters)) sum[name] = (sum[name] ?? 0) + value
  }
  return sums
}

const factsOf = (site: Site): NonNullable<SiteAnswer['facts']> => ({
  lans: lanViews(site).map(({ lan }) => ({
    link: lanLinkName({ lan }),
    prefix: formatPrefix(lan.prefix),
    router: formatIp6(lan.router),
  })),
  wan: site.wan.interface,
  pref64: site.pref64.map(formatPref64),
  pool4: site.nat64.pool4.map(formatPrefix),
})

const formatPref64 = ({ addr, lenBits }: Site['pref64'][number]): string => `${formatIp6(addr)}/${lenBits}`

/** How the site is: the reports put together, and what the document in force says. `here`: which of several gateways answers. */
export const siteAnswer = (
  { revision, site, here }: { readonly revision: number; readonly site: Site | undefined; readonly here?: string },
  reports: readonly Status[],
  nowMs: number,
): SiteAnswer => {
  const gateways = site?.gateways.map(({ name }) => name)
  const { documentProblem, instances, isConverged } = overviewOf(revision, reports, nowMs, gateways)
  const versionOf = (service: string, instance: string | undefined): string | null =>
    reports.find((report) => report.service === service && report.instance === instance)?.version ?? null
  return {
    nowMs,
    revision,
    isConverged,
    documentProblem: documentProblem ?? null,
    instances: instances.map(({ gateway, service, instance, revision, state, sinceMs, problems, remarks }) => ({
      service,
      gateway: gateway ?? null,
      instance: instance ?? null,
      version: versionOf(service, instance),
      revision,
      state,
      sinceMs: sinceMs ?? null,
      problems: [...problems],
      remarks: [...(remarks ?? [])],
    })),
    here: here ?? null,
    facts: site === undefined ? null : factsOf(site),
    counters: sumCounters(reports, nowMs),
  }
}

/** The port forwards of a document. */
export const forwardsOf = ({ firewall }: Site): Firewall['forwards'] =>
  firewall.forwards.map(({ protocol, port, to, toPort }) => ({
    protocol,
    port: formatPortRange(port),
    to: formatIp6(to),
    toPort,
  }))

/** What the gateway advertises by a document, one for each LAN. */
export const advertisedBy = (site: Site): Routers['own'] =>
  lanViews(site).map(({ lan, ra, pref64 }) => ({
    link: lanLinkName({ lan }),
    router: formatIp6(lan.router),
    prefix: formatPrefix(lan.prefix),
    pref64: pref64.map(formatPref64),
    dnssl: [...ra.dnssl],
  }))
