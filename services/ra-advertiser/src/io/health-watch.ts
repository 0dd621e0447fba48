import { readFileSync } from 'node:fs'
import { formatIp6, type Ip6, parseIp6 } from '@sixgate/addr'
import { type Bucket, parseStatus, type Status } from '@sixgate/bus'
import { links, removeDurably, routes, writeDurably } from '@sixgate/host'
import { type Logger, tell } from '@sixgate/obs'
import { lanLinkName, lanLinkNames, lanViews, type Site } from '@sixgate/site'
import {
  areReportsHeard,
  dns64Works,
  type Health,
  judge,
  nat64Works,
  type Report,
  seenWorking,
  type Verdict,
  WELL,
} from '../core/health.ts'
import { knownRouters } from '../core/twins.ts'
import { hasUplink } from '../core/uplink.ts'

/** Things that can be well or not: `nat64`, `uplink`, and `dns64` at each router address. */
type Thing = 'nat64' | 'uplink' | `dns64 at ${string}`

const UNWELL: Verdict = { well: false, otherwiseSinceMs: undefined }

export interface HealthPorts {
  /** Which of several gateways this machine is: what runs on the others does not make this one well. */
  readonly gateway: string | undefined
  /** This instance, whose own reports show whether any get through. */
  readonly instance: string
  /** Bucket `status`; undefined without NATS: then only the uplink can be seen. */
  readonly status: Bucket | undefined
  /** Keeps what is not well, so that a restart does not promise it again. */
  readonly file: string
  readonly log: Logger
  /** Milliseconds on a monotonic clock. */
  readonly nowMs: () => number
}

/** Follows the health of the site: reports of nat64 and dns64 from NATS, the uplink by netlink. */
export class HealthWatch {
  readonly #ports: HealthPorts
  readonly #reports = new Map<string, Report>()
  /** What other gateways said of themselves last; kept while they are silent, since their messages may still come. */
  readonly #twins = new Map<string, readonly Ip6[]>()
  readonly #verdicts = new Map<Thing, Verdict>()
  readonly #unwatch: () => void
  /** Since when reports have been coming without a break; undefined: they do not. */
  #heardSinceMs: number | undefined
  /** When this instance's own last report came back. */
  #echoMs: number | undefined

  constructor(ports: HealthPorts) {
    this.#ports = ports
    for (const thing of this.#kept()) this.#verdicts.set(thing, UNWELL)
    this.#unwatch =
      ports.status?.watch((entry) => {
        const status = entry.operation === 'put' ? parseStatus(entry.value) : undefined
        if (status?.instance === ports.instance) this.#echoMs = ports.nowMs()
        if (status !== undefined && status.gateway !== ports.gateway) this.#noteTwin(status)
        else if (status === undefined) this.#reports.delete(entry.key)
        else this.#reports.set(entry.key, { ...status, receivedMs: ports.nowMs() })
      }) ?? (() => undefined)
  }

  /**
   * Looks at everything once; call it every second. Returns whether what is believed of something has changed. `isReady`:
   * whether the LAN link of that name has its addresses; where it has not, dns64 cannot be expected to answer.
   */
  look(site: Site, isReady: (link: string) => boolean): boolean {
    const { status, nowMs: clock } = this.#ports
    const nowMs = clock()
    // NATS may be away, or there and without a majority of its servers.
    if (status?.connected !== true || !areReportsHeard(this.#echoMs, nowMs)) this.#heardSinceMs = undefined
    else if (this.#heardSinceMs === undefined) {
      this.#heardSinceMs = nowMs
      // While nothing came nobody could report: that is no silence.
      for (const [key, report] of this.#reports) this.#reports.set(key, { ...report, receivedMs: nowMs })
    }
    const seen = new Map<Thing, boolean | undefined>([
      ['nat64', this.#seen(nat64Works, nowMs)],
      ['uplink', this.#seesUplink(site)],
      ...lanViews(site).map((view): [Thing, boolean | undefined] => {
        const router = formatIp6(view.lan.router)
        const works = isReady(lanLinkName(view)) ? this.#seen(dns64Works(router), nowMs) : undefined
        return [`dns64 at ${router}`, works]
      }),
    ])
    const { downAfterS, upAfterS } = site.ra.health
    const hysteresis = { downAfterMs: downAfterS * 1000, upAfterMs: upAfterS * 1000 }
    let isChanged = false
    for (const [thing, now] of seen) {
      const before = this.#verdicts.get(thing) ?? WELL
      const verdict = judge(before, now, nowMs, hysteresis)
      this.#verdicts.set(thing, verdict)
      if (verdict.well === before.well) continue
      isChanged = true
      const message = verdict.well
        ? `${thing}: is well again, and advertised`
        : `${thing}: does not work for ${downAfterS} s: what depends on it is no longer advertised`
      tell(this.#ports.log, {
        kind: verdict.well ? 'advertised-again' : 'withdrawn',
        level: verdict.well ? 'info' : 'warn',
        message,
      })
    }
    for (const thing of this.#verdicts.keys()) if (!seen.has(thing)) this.#verdicts.delete(thing)
    if (isChanged) this.#keep()
    return isChanged
  }

  /** What is believed, for one LAN (a view of the site); what its `ra.health` does not follow is well. */
  of({ lan, ra }: Site): Health {
    const isWell = (thing: Thing): boolean => this.#verdicts.get(thing)?.well ?? true
    return {
      nat64: !ra.health.nat64 || isWell('nat64'),
      dns64: !ra.health.dns64 || isWell(`dns64 at ${formatIp6(lan.router)}`),
      uplink: !ra.health.uplink || isWell('uplink'),
    }
  }

  /** Routers that belong on one LAN (a view of the site); undefined: nobody is a stranger. */
  knownRouters(view: Site): readonly Ip6[] | undefined {
    return knownRouters(view, this.#ports.gateway, this.#twins)
  }

  /** Link-local addresses that another gateway advertised from when it last said so; of all LANs. */
  sourcesOf(gateway: string): readonly Ip6[] {
    return this.#twins.get(gateway) ?? []
  }

  close(): void {
    this.#unwatch()
  }

  /** Forgets what was kept: the site goes down. */
  forget(): void {
    removeDurably(this.#ports.file)
  }

  /** An instance that stands by advertises from nowhere. */
  #noteTwin({ service, gateway, routers = [] }: Status): void {
    if (service !== 'ra-advertiser' || gateway === undefined || routers.length === 0) return
    this.#twins.set(
      gateway,
      routers.flatMap((text) => parseIp6(text) ?? []),
    )
  }

  #seen(doesWork: (report: Report) => boolean, nowMs: number): boolean | undefined {
    return seenWorking(this.#reports.values(), doesWork, this.#heardSinceMs, nowMs)
  }

  #seesUplink(site: Site): boolean | undefined {
    try {
      const table = [...routes({ family: 4 }), ...routes({ family: 6 })]
      return hasUplink(site.wan.interface, lanLinkNames(site), links(), table)
    } catch {
      // The host's own complaint shows with the LAN link.
      return undefined
    }
  }

  #kept(): Thing[] {
    try {
      const kept: unknown = JSON.parse(readFileSync(this.#ports.file, 'utf8'))
      if (!Array.isArray(kept)) return []
      return kept.filter(
        (thing): thing is Thing => typeof thing === 'string' && /^(nat64|uplink|dns64 at .+)$/.test(thing),
      )
    } catch {
      // None was kept, or it is damaged: it is seen anew soon.
      return []
    }
  }

  #keep(): void {
    const unwell = [...this.#verdicts].flatMap(([thing, { well }]) => (well ? [] : [thing]))
    try {
      if (unwell.length === 0) removeDurably(this.#ports.file)
      else writeDurably(this.#ports.file, `${JSON.stringify(unwell)}\n`)
    } catch (error) {
      this.#ports.log.warn({ err: error }, 'the health of the site cannot be kept over a restart')
    }
  }
}
