import { useEffect, useRef, useState } from 'preact/hooks'
import type { Site } from '../../../src/core/web/schemas.ts'
import { Answer } from '../answer.tsx'
import { showAge, showCount, showRate } from '../format.ts'
import { useApi } from '../use-api.ts'

const EVERY_MS = 2000

/** How fast a counter runs, from one answer to the next; undefined: not known yet. */
type RateOf = (service: string, counter: string) => number | undefined

const useRates = (site: Site): RateOf => {
  const before = useRef<Site | undefined>(undefined)
  const [rate, setRate] = useState<{ readonly of: RateOf }>({ of: () => undefined })
  useEffect(() => {
    const last = before.current
    before.current = site
    if (last === undefined) return
    const seconds = (site.nowMs - last.nowMs) / 1000
    setRate({
      of: (service, counter) => {
        const now = site.counters[service]?.[counter]
        const then = last.counters[service]?.[counter]
        if (now === undefined || then === undefined || seconds <= 0 || now < then) return undefined
        return (now - then) / seconds
      },
    })
  }, [site])
  return rate.of
}

/** What goes between a service and the LAN, and between it and the uplink; `way`: as the picture has it, LAN on the left. */
interface Wire {
  readonly label: string
  readonly way: 'left' | 'right' | 'both'
}

const wiresOf = (service: string, site: Site): { readonly lan?: Wire; readonly wan?: Wire } => {
  switch (service) {
    case 'ra-advertiser':
      return { lan: { label: 'address, router, DNS', way: 'left' } }
    case 'dns64':
      return { lan: { label: 'names, port 53', way: 'both' }, wan: { label: 'name servers', way: 'both' } }
    case 'nat64':
      return { lan: { label: site.facts?.pref64.join(', ') ?? 'NAT64 prefix', way: 'both' } }
    case 'nat44-firewall':
      return { wan: { label: 'one IPv4 address', way: 'both' } }
    default:
      return { lan: { label: 'this page', way: 'both' } }
  }
}

const WireLine = ({ wire }: { readonly wire: Wire | undefined }) => (
  <span class={wire === undefined ? 'wire' : `wire ${wire.way}`}>{wire?.label}</span>
)

const WHAT: Readonly<Record<string, string>> = {
  'ra-advertiser': 'Router Advertisements',
  dns64: 'DNS with AAAA for IPv4-only names',
  nat64: 'IPv6 ⇄ IPv4',
  'nat44-firewall': 'one uplink address, and the firewall',
  console: 'the site document, and this page',
}

const STATE_WORDS: Readonly<Record<Site['instances'][number]['state'], string>> = {
  ok: 'ok',
  starting: 'starting',
  stopping: 'stopping',
  degraded: 'degraded',
  rejected: 'rejected',
  gone: 'gone',
}

type State = Site['instances'][number]['state']

const ORDER: readonly (State | undefined)[] = ['ok', 'starting', 'stopping', 'degraded', 'rejected', 'gone']

const worst = (states: readonly (State | undefined)[]): State | undefined =>
  states.toSorted((a, b) => ORDER.indexOf(b) - ORDER.indexOf(a))[0]

/** Names of the gateways, in their order; one alone has none. */
const gatewaysOf = (site: Site): readonly (string | null)[] => [
  ...new Set(site.instances.map(({ gateway }) => gateway)),
]

/** A service on one gateway. */
interface Place {
  readonly gateway: string | null
  readonly state: State | undefined
  readonly live: number
}

/** Of several instances the worst speaks for the service; those that are gone do not count while others of that gateway live. */
const placeOf = (site: Site, service: string, gateway: string | null): Place => {
  const instances = site.instances.filter((one) => one.service === service && one.gateway === gateway)
  const live = instances.filter(({ state }) => state !== 'gone')
  const state = worst((live.length === 0 ? instances : live).map((one) => one.state))
  return { gateway, state, live: live.length }
}

const wordOf = ({ gateway, state, live }: Place): string => {
  const word = `${state === undefined ? '' : STATE_WORDS[state]}${live > 1 ? ` × ${live}` : ''}`
  return gateway === null ? word : `${gateway}: ${word}`
}

const liveLine = (service: string, site: Site, rateOf: RateOf): string | undefined => {
  const counters = site.counters[service] ?? {}
  const perS = (counter: string): string => `${showCount(Math.round(rateOf(service, counter) ?? 0))}/s`
  switch (service) {
    case 'dns64':
      return `${perS('queries_total')} queries, ${showCount(counters.cache_entries ?? 0)} answers cached`
    case 'nat64':
      return `${showCount(counters.hosts ?? 0)} with a mapping · out ${showRate(rateOf(service, 'carried_6to4_bytes_total') ?? 0)} · in ${showRate(rateOf(service, 'carried_4to6_bytes_total') ?? 0)}`
    case 'nat44-firewall':
      return `${showCount(counters.conntrack_entries ?? 0)} known flows`
    default:
      return undefined
  }
}

const ServiceBox = ({
  service,
  site,
  rateOf,
}: {
  readonly service: string
  readonly site: Site
  readonly rateOf: RateOf
}) => {
  const places = gatewaysOf(site).map((gateway) => placeOf(site, service, gateway))
  const state = worst(places.map((place) => place.state))
  const line = liveLine(service, site, rateOf)
  const { lan, wan } = wiresOf(service, site)
  return (
    <li class="wired">
      <WireLine wire={lan} />
      <div class={`box ${state}`}>
        <strong>{service}</strong>
        <span class="word">{places.map(wordOf).join(', ')}</span>
        <span class="faint">{WHAT[service]}</span>
        {line !== undefined && <span>{line}</span>}
      </div>
      <WireLine wire={wan} />
    </li>
  )
}

/** The picture of the site: LAN, the services in the order in which packets and names meet them, the IPv4 internet. */
const Picture = ({ site }: { readonly site: Site }) => {
  const rateOf = useRates(site)
  const services = ['ra-advertiser', 'dns64', 'nat64', 'nat44-firewall', 'console']
  return (
    <figure class="picture" aria-label="The site">
      <div class="end">
        <strong>IPv6-only LAN</strong>
        {site.facts?.lans.map(({ link, prefix, router }) => (
          <span key={link}>
            {link}
            <br />
            <code>{prefix}</code>
            <br />
            <span class="faint">gateway {router}</span>
          </span>
        ))}
      </div>
      <ul class="services">
        {services.map((service) => (
          <ServiceBox key={service} service={service} site={site} rateOf={rateOf} />
        ))}
      </ul>
      <div class="end">
        <strong>IPv4 internet</strong>
        {site.facts !== null && (
          <span>
            uplink {site.facts.wan === 'auto' ? 'by the default route' : site.facts.wan}
            <br />
            as <code>{site.facts.pref64.join(', ')}</code>
            <br />
            <span class="faint">pool {site.facts.pool4.join(', ')}</span>
          </span>
        )}
      </div>
    </figure>
  )
}

const titleOf = ({ revision, isConverged }: Site): string =>
  `Revision ${revision} of the site document is ${isConverged ? 'in force everywhere, and all is well' : 'not well everywhere'}.`

const Instances = ({ instances, site }: { readonly instances: Site['instances']; readonly site: Site }) => (
  <ul class="instances">
    {instances.map(({ service, instance, version, revision, state, sinceMs, problems, remarks }) => (
      <li key={`${service} ${instance}`}>
        <strong>{service}</strong> {instance !== null && <code>{instance}</code>}{' '}
        <span class={`word ${state}`}>{state}</span>{' '}
        <span class="faint">
          {instance !== null && `revision ${revision}`}
          {version !== null && `, version ${version}`}
          {sinceMs !== null && `, for ${showAge((site.nowMs - sinceMs) / 1000)}`}
        </span>
        {problems.map(({ code, message }) => (
          <p key={code + message} class="bad">
            {message}
          </p>
        ))}
        {remarks.map((remark) => (
          <p key={remark} class="faint">
            {remark}
          </p>
        ))}
      </li>
    ))}
  </ul>
)

/** Gateway by gateway, where there are several. */
const InstancesByGateway = ({ site }: { readonly site: Site }) => (
  <>
    {gatewaysOf(site).map((gateway) => (
      <section key={gateway ?? ''} aria-label={gateway === null ? 'Instances' : `Instances of gateway ${gateway}`}>
        {gateway !== null && (
          <h3>
            Gateway {gateway}
            {gateway === site.here && <span class="faint"> (this one)</span>}
          </h3>
        )}
        <Instances instances={site.instances.filter((one) => one.gateway === gateway)} site={site} />
      </section>
    ))}
  </>
)

export const Overview = () => {
  const site = useApi<Site>('site', EVERY_MS)
  return (
    <Answer of={site} empty={({ revision }) => (revision === 0 ? 'No site document was published yet.' : undefined)}>
      {(value) => (
        <>
          <p class={value.isConverged ? 'good' : 'bad'} role="status">
            {titleOf(value)}
          </p>
          {value.documentProblem !== null && <p class="notice bad">{value.documentProblem}</p>}
          <Picture site={value} />
          <h2>Instances</h2>
          <InstancesByGateway site={value} />
        </>
      )}
    </Answer>
  )
}
