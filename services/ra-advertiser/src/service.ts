import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Ip6 } from '@sixgate/addr'
import {
  BUCKETS,
  Lease,
  leaseKeyOf,
  QuestionRefused,
  type Questions,
  type Service,
  type ServiceContext,
  SiteRejected,
  type SiteSnapshot,
  type StopIntent,
} from '@sixgate/bus'
import { closeNetlink, watchNetwork } from '@sixgate/host'
import { Counters } from '@sixgate/obs'
import { lanLinkName, lanViews, type Site } from '@sixgate/site'
import type { LanFacts } from './core/advertisement.ts'
import { ALL_WELL } from './core/health.ts'
import { NdpError } from './core/ndp-error.ts'
import { reportNeighbour } from './core/neighbour-report.ts'
import type { Problem } from './core/problem.ts'
import { COUNTER_NAMES } from './io/counters.ts'
import { HealthWatch } from './io/health-watch.ts'
import { hostProblem, LanLink } from './io/lan-link.ts'
import { announcementOf, LanVoice, wishOf } from './io/lan-voice.ts'
import { PrefixFile } from './io/prefix-file.ts'

/** How often health and forwarding are looked at, and the host while something is wrong. */
const TICK_MS = 1_000
/** How often the host is looked at anyway, should a notification have been lost. */
const RESYNC_MS = 30_000
/** For final messages at `down`: three fit when the last one is 3 s old, else two; the runtime allows 8 s for everything. */
const FINAL_BUDGET_MS = 6_200
/** How long an instance that stands by waits at `down` for the active one to end, to see that nothing stays behind. */
const LAST_WAIT_MS = 7_000

/** Nobody advertises yet, as far as this instance knows. */
const LEASE_PENDING: Problem = {
  code: 'lease-pending',
  message: 'whether another instance is active is being asked of NATS; without an answer this one begins in 3 s',
}

/** Any Ethernet: to find out before anything is changed whether a document's message can be written. */
const SOME_LAN: LanFacts = { mac: new Uint8Array(6), mtuBytes: 1500 }

/**
 * Owns the LAN links and advertises the site on them. Of several instances of a gateway one is active, by the lease `ra-advertiser`; the
 * others have the document ready, follow the health of the site, and leave the host alone.
 */
export class RaService implements Service {
  readonly #context: ServiceContext
  readonly #counters = new Counters(COUNTER_NAMES)
  readonly #nowMs = (): number => performance.now()
  readonly #health: HealthWatch
  /** By the name of the LAN link; empty in an instance that stands by. */
  readonly #voices = new Map<string, LanVoice>()
  #lease: Lease | undefined
  /** Both are read anew from the disk when this instance becomes the active one: another one made things meanwhile. */
  #link: LanLink | undefined
  #prefixes: PrefixFile | undefined
  #site: Site | undefined
  #hostProblem: Problem | undefined
  #lastSyncMs = 0
  #unwatch: (() => void) | undefined
  #ticker: NodeJS.Timeout | undefined

  constructor(context: ServiceContext) {
    this.#context = context
    this.#health = new HealthWatch({
      gateway: context.gateway,
      instance: context.instance,
      status: context.bus.bucket(BUCKETS.STATUS),
      file: join(context.stateDir, 'unwell.json'),
      log: context.log,
      nowMs: this.#nowMs,
    })
  }

  async apply({ site }: SiteSnapshot): Promise<void> {
    for (const view of lanViews(site)) {
      try {
        announcementOf(view, SOME_LAN, { forwarding: true, health: ALL_WELL })
      } catch (error) {
        if (!(error instanceof NdpError)) throw error
        const where = view === site ? '' : `${lanLinkName(view)}: `
        throw new SiteRejected('ra-too-large', `${where}${error.message}`, error)
      }
    }
    const names = lanViews(site).map(lanLinkName)
    const leaving = [...this.#voices].filter(([name]) => !names.includes(name))
    await Promise.all(leaving.map(async ([, voice]) => await voice.withdraw(0)))
    for (const [name] of leaving) this.#voices.delete(name)
    this.#site = site
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS)
    if (this.#lease === undefined) this.#joinIn()
    else if (this.#link !== undefined) this.#takeUp(this.#link, site)
  }

  /** Once there is a document: who has none is of no use as the active instance. */
  #joinIn(): void {
    const { bus, name, instance, gateway, log } = this.#context
    this.#lease = new Lease({
      bucket: bus.bucket(BUCKETS.LEASES),
      key: leaseKeyOf(name, gateway),
      instance,
      log,
      onChange: (active) => (active ? this.#activate() : this.#standBy()),
    })
  }

  /** From now on this instance does the work; hosts hear of the router at once, whoever was active before. */
  #activate(): void {
    const site = this.#site
    if (site === undefined) return
    this.#counters.set('active', 1)
    this.#guard(() => {
      this.#link = new LanLink(this.#context, this.#context.log)
      this.#takeUp(this.#link, site)
    })
  }

  #takeUp(link: LanLink, site: Site): void {
    this.#unwatch ??= watchNetwork({ links: true, addresses: true }, () => this.#sync())
    const { log, stateDir, gateway } = this.#context
    this.#prefixes ??= new PrefixFile(join(stateDir, 'prefixes.json'), log)
    const knownRouters = (view: Site): readonly Ip6[] | undefined => this.#health.knownRouters(view)
    const sourcesOf = (name: string): readonly Ip6[] => this.#health.sourcesOf(name)
    const own = { log, gateway, counters: this.#counters, nowMs: this.#nowMs, prefixes: this.#prefixes }
    const ports = { ...own, knownRouters, sourcesOf }
    for (const view of lanViews(site)) {
      const name = lanLinkName(view)
      const voice = this.#voices.get(name)
      if (voice === undefined) this.#voices.set(name, new LanVoice(link, view, ports))
      else voice.view = view
    }
    this.#guard(() => link.remove(lanViews(site).map(wishOf)))
    this.#sync()
  }

  /** Leaves everything to the successor, without a word. */
  #standBy(): void {
    this.#counters.set('active', 0)
    this.#unwatch?.()
    this.#unwatch = undefined
    for (const voice of this.#voices.values()) voice.silence()
    this.#voices.clear()
    this.#link = undefined
    this.#prefixes = undefined
    this.#hostProblem = undefined
    this.#count()
  }

  problems(): readonly Problem[] {
    if (this.#lease === undefined || this.#lease.other !== undefined) return []
    if (!this.#lease.active) return [LEASE_PENDING]
    const own = this.#hostProblem === undefined ? [] : [this.#hostProblem]
    // Several LANs on one interface have its troubles in common.
    const all = [...own, ...[...this.#voices.values()].flatMap((voice) => voice.problems)]
    return all.filter(({ message }, index) => all.findIndex((other) => other.message === message) === index)
  }

  /** What commands ask; an instance that stands by has seen nothing. */
  readonly questions: Questions = {
    neighbours: () =>
      [...this.#voices].flatMap(([link, { neighbours }]) =>
        neighbours.map((neighbour) => reportNeighbour(link, neighbour, this.#nowMs())),
      ),
    'hosts-seen': () => {
      try {
        return [...this.#voices.values()].flatMap(({ hosts }) => hosts)
      } catch (error) {
        throw new QuestionRefused(`the kernel does not list the neighbours: ${hostProblem(error).message}`, error)
      }
    },
  }

  routers(): readonly string[] {
    return [...this.#voices.values()].flatMap(({ source }) => source ?? [])
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  async stop(intent: StopIntent): Promise<void> {
    if (intent === 'remove') await this.#untilOthersEnded()
    const link = this.#link
    // Nothing is begun any more.
    clearInterval(this.#ticker)
    this.#site = undefined
    if (intent === 'remove')
      await Promise.all([...this.#voices.values()].map(async (voice) => await voice.withdraw(FINAL_BUDGET_MS)))
    this.#standBy()
    this.#health.close()
    // Without a document nothing was put in force; what an earlier process made is removed nevertheless.
    if (intent === 'remove' && this.#lease?.other === undefined) {
      const last = link ?? new LanLink(this.#context, this.#context.log)
      last.remove()
      this.#health.forget()
    }
    await this.#lease?.release()
    closeNetlink()
  }

  /**
   * At `down` all instances are stopped at once. The one that stands by waits until the active one has ended or died, which
   * makes it the active one, and then takes away what is left.
   */
  async #untilOthersEnded(): Promise<void> {
    const lease = this.#lease
    const connected = this.#context.bus.bucket(BUCKETS.LEASES)?.connected === true
    if (lease === undefined || !connected) return
    const endMs = this.#nowMs() + LAST_WAIT_MS
    // Should it become the active one, it does not begin.
    if (!lease.active) this.#site = undefined
    while (!lease.active && lease.other !== undefined && this.#nowMs() < endMs) await delay(100)
  }

  #sync(): void {
    const site = this.#site
    if (site === undefined || this.#link === undefined) return
    this.#lastSyncMs = this.#nowMs()
    for (const view of lanViews(site)) this.#voices.get(lanLinkName(view))?.sync(this.#health.of(view))
    this.#count()
  }

  /** The kernel sends no notification to rtnetlink that this service has joined when forwarding changes: look. */
  #tick(): void {
    const site = this.#site
    if (site === undefined) return
    // An instance that stands by does not look at the links.
    this.#health.look(site, (name) => this.#voices.get(name)?.isReady ?? true)
    const link = this.#link
    // The record of what was made could not be read.
    if (link === undefined) return this.#lease?.active === true ? this.#activate() : undefined
    const isResync = this.#nowMs() - this.#lastSyncMs >= RESYNC_MS
    if (isResync) this.#guard(() => link.retryDuplicates())
    if (isResync || [...this.#voices.values()].some((voice) => voice.isUnsettled)) return this.#sync()
    for (const view of lanViews(site)) this.#voices.get(lanLinkName(view))?.say(this.#health.of(view))
    this.#count()
  }

  #count(): void {
    const voices = [...this.#voices.values()]
    const site = this.#site
    const isOn = (yes: boolean): number => (yes ? 1 : 0)
    this.#counters.set('advertising', voices.filter((voice) => voice.advertising).length)
    this.#counters.set('forwarding', isOn(voices.length > 0 && voices.every((voice) => voice.forwarding)))
    const views = site === undefined ? [] : lanViews(site)
    const others = voices.flatMap(({ neighbours }) => neighbours)
    const isUnknown = ({ code }: { readonly code: string }): boolean => code === 'unknown-router'
    this.#counters.set('ra_neighbours', others.length)
    this.#counters.set('ra_neighbours_unknown', others.filter(({ findings }) => findings.some(isUnknown)).length)
    const conflicts = others.flatMap(({ findings }) => findings.filter((finding) => !isUnknown(finding)))
    this.#counters.set('ra_conflicts', conflicts.length)
    this.#counters.set(
      'gateways_silent',
      voices.reduce((sum, voice) => sum + voice.silentTwins, 0),
    )
    const health = views.map((view) => this.#health.of(view))
    for (const thing of ['nat64', 'dns64', 'uplink'] as const)
      this.#counters.set(`health_${thing}`, isOn(health.every((one) => one[thing])))
    const isDefaultRouter = voices.some((voice) => voice.forwarding) && (health[0]?.uplink ?? false)
    this.#counters.set('router_lifetime_seconds', isDefaultRouter ? (site?.ra.routerLifetimeS ?? 0) : 0)
  }

  /** What the host refuses is a problem that may heal; it must not end the process. */
  #guard(action: () => void): void {
    try {
      action()
      this.#hostProblem = undefined
    } catch (error) {
      this.#hostProblem = hostProblem(error)
    }
  }
}
