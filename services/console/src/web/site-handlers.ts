import type { Link, Status } from '@sixgate/bus'
import { VERSION } from '@sixgate/bus'
import type { Site } from '@sixgate/site'
import { anyAnswer, dropsAnswer, explanationAnswer, neighboursAnswer, rulesAnswer } from '../core/answers.ts'
import { mergeQueries, mergeTopNames } from '../core/dns-queries.ts'
import { sumDrops } from '../core/drops.ts'
import { metricsText } from '../core/metrics.ts'
import { SESSION_COOKIE } from '../core/web/guard.ts'
import { hostLines, namesOf } from '../core/web/host-lines.ts'
import { openApi } from '../core/web/openapi.ts'
import { advertisedBy, forwardsOf, siteAnswer } from '../core/web/site-answer.ts'
import type { ThroughputHistory } from '../core/web/throughput-history.ts'
import { allHosts } from '../io/all-hosts.ts'
import { askInstances } from '../io/ask-instances.ts'
import { askQueries, askTopNames } from '../io/dns-queries.ts'
import { readMetrics } from '../io/metrics.ts'
import type { Handlers } from './api-server.ts'

/** Where the answers come from. */
export interface SiteSources {
  readonly link: Link
  /** The newest report of every instance. */
  readonly reports: () => readonly Status[]
  /** The document in force; `site` undefined while there is none. */
  readonly inForce: () => { readonly revision: number; readonly site: Site | undefined }
  readonly throughput: ThroughputHistory
  /** Which of several gateways this machine is. */
  readonly gateway?: string | undefined
}

/** The routes that show how the site is: the same questions that the commands put. */
export const siteHandlers = ({
  link,
  reports,
  inForce,
  throughput,
  gateway: here,
}: SiteSources): Pick<
  Handlers,
  | 'site'
  | 'throughput'
  | 'hosts'
  | 'drops'
  | 'routers'
  | 'firewall'
  | 'explain'
  | 'dnsQueries'
  | 'dnsTop'
  | 'metrics'
  | 'openapi'
> => {
  const namesInForce = (): ReadonlyMap<string, string> => {
    const { site } = inForce()
    return site === undefined ? new Map() : namesOf(site)
  }
  return {
    site: () => siteAnswer({ ...inForce(), ...(here !== undefined && { here }) }, reports(), Date.now()),
    throughput: ({ query }) => throughput.show(query.range),
    hosts: async () => {
      const [{ hosts, complaints }, seen] = await Promise.all([
        allHosts(link),
        askInstances(link, 'ra-advertiser', 'hosts-seen', undefined, anyAnswer),
      ])
      const told = seen.answers.map(({ answer }) => answer)
      return { hosts: hostLines(hosts, told, namesInForce()), complaints: [...complaints, ...seen.complaints] }
    },
    drops: async () => {
      const { answers, complaints } = await askInstances(link, 'nat64', 'drops', undefined, dropsAnswer)
      return { drops: sumDrops(answers.map(({ answer }) => answer)), complaints: [...complaints] }
    },
    routers: async () => {
      const { answers, complaints } = await askInstances(
        link,
        'ra-advertiser',
        'neighbours',
        undefined,
        neighboursAnswer,
      )
      const { site } = inForce()
      return {
        routers: answers.flatMap(({ answer }) => answer).map((router) => ({ ...router, mac: router.mac ?? null })),
        own: site === undefined ? [] : advertisedBy(site),
        complaints: [...complaints],
      }
    },
    firewall: async () => {
      const { answers, complaints } = await askInstances(link, 'nat44-firewall', 'rules', undefined, rulesAnswer)
      const { site } = inForce()
      return {
        // Each gateway has rules of its own; instances that stand by have no list.
        rules: answers.find(({ gateway, answer }) => gateway === here && answer.length > 0)?.answer ?? [],
        forwards: site === undefined ? [] : forwardsOf(site),
        complaints: [...complaints],
      }
    },
    explain: async ({ query }) => {
      const { answers, complaints } = await askInstances(link, 'dns64', 'explain', query, explanationAnswer)
      return { answers: answers.map(({ instance, answer }) => ({ ...answer, instance })), complaints: [...complaints] }
    },
    dnsQueries: async ({ query }) => {
      const { answers, complaints } = await askQueries(link, query)
      const { queries, ...rest } = mergeQueries(answers, query.limit)
      const names = namesInForce()
      const named = queries.map((one) => ({ ...one, clientName: names.get(one.client ?? '') ?? null }))
      return { ...rest, queries: named, complaints }
    },
    dnsTop: async ({ query }) => {
      const { answers, complaints } = await askTopNames(link)
      return { ...mergeTopNames(answers, query.limit), complaints }
    },
    metrics: async () => metricsText(await readMetrics(link)),
    openapi: () => openApi(VERSION, SESSION_COOKIE) as { openapi: string },
  }
}
