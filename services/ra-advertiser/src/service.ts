import { setTimeout as delay } from 'node:timers/promises'
import {
  BUCKETS,
  Lease,
  type Service,
  type ServiceContext,
  SiteRejected,
  type SiteSnapshot,
  type StopIntent,
} from '@sixgate/bus'
import { closeNetlink, watchNetwork } from '@sixgate/host'
import { Counters } from '@sixgate/obs'
import { lanLinkName, type Site } from '@sixgate/site'
import { advertisementOf, finalAdvertisementOf, type LanFacts } from './core/advertisement.ts'
import type { LanPlan, LanWish, ReadyLan } from './core/lan-plan.ts'
import { NdpError } from './core/ndp-error.ts'
import type { Problem } from './core/problem.ts'
import { encodeWithin } from './core/split.ts'
import { Advertiser, type Announcement } from './io/advertiser.ts'
import { COUNTER_NAMES } from './io/counters.ts'
import { hostProblem, LanLink } from './io/lan-link.ts'

/** How often forwarding is read, and the host looked at again while something is wrong. */
const TICK_MS = 1_000
/** How often the host is looked at anyway, should a notification have been lost. */
const RESYNC_MS = 30_000
/** For final messages at `down`: three fit when the last one is 3 s old, else two; the runtime allows 8 s for everything. */
const FINAL_BUDGET_MS = 6_200
/** How long an instance that stands by waits at `down` for the active one to end, to see that nothing stays behind. */
const LAST_WAIT_MS = 7_000

const wishOf = (site: Site): LanWish => ({
  parent: site.lan.interface,
  vlan: site.lan.vlan,
  link: lanLinkName(site),
  router: site.lan.router,
})

const announcementOf = (site: Site, lan: LanFacts, forwarding: boolean): Announcement => {
  const { minRtrAdvIntervalS, maxRtrAdvIntervalS, validUntil, preferredUntil } = site.ra
  const composeAt = (unixMs: number): readonly Uint8Array[] =>
    encodeWithin(advertisementOf(site, lan, { forwarding, unixMs }))
  return {
    key: [...composeAt(0).map((part) => Buffer.from(part).toString('hex')), validUntil, preferredUntil].join(),
    intervals: { minMs: minRtrAdvIntervalS * 1000, maxMs: maxRtrAdvIntervalS * 1000 },
    compose: () => composeAt(Date.now()),
  }
}

/** Nobody advertises yet, as far as this instance knows. */
const LEASE_PENDING: Problem = {
  code: 'lease-pending',
  message: 'whether another instance is active is being asked of NATS; without an answer this one begins in 3 s',
}

/** Any Ethernet: to find out before anything is changed whether a document's message can be written. */
const SOME_LAN: LanFacts = { mac: new Uint8Array(6), mtuBytes: 1500 }

/**
 * Owns the LAN link and advertises the site on it. Of several instances one is active, by the lease `ra-advertiser`; the
 * others have the document ready and leave the host alone.
 */
export class RaService implements Service {
  readonly #context: ServiceContext
  readonly #advertiser: Advertiser
  readonly #counters = new Counters(COUNTER_NAMES)
  readonly #nowMs = (): number => performance.now()
  #lease: Lease | undefined
  /** Read anew from the disk when this instance becomes the active one: another one made things meanwhile. */
  #link: LanLink | undefined
  #site: Site | undefined
  #ready: ReadyLan | undefined
  #planProblems: readonly Problem[] = []
  #forwardingProblem: Problem | undefined
  #lastSyncMs = 0
  #unwatch: (() => void) | undefined
  #ticker: NodeJS.Timeout | undefined

  constructor(context: ServiceContext) {
    this.#context = context
    this.#advertiser = new Advertiser({
      log: context.log,
      counters: this.#counters,
      nowMs: this.#nowMs,
      random: Math.random,
    })
  }

  async apply({ site }: SiteSnapshot): Promise<void> {
    try {
      announcementOf(site, SOME_LAN, true)
    } catch (error) {
      if (error instanceof NdpError) throw new SiteRejected('ra-too-large', error.message, error)
      throw error
    }
    const before = this.#site
    if (before !== undefined && lanLinkName(before) !== lanLinkName(site)) await this.#withdraw(before, 0)
    this.#site = site
    if (this.#lease === undefined) this.#joinIn()
    else if (this.#link !== undefined) this.#takeUp(this.#link, site)
  }

  /** Once there is a document: who has none is of no use as the active instance. */
  #joinIn(): void {
    const { bus, name, instance, log } = this.#context
    this.#lease = new Lease({
      bucket: bus.bucket(BUCKETS.LEASES),
      key: name,
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
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS)
  }

  #takeUp(link: LanLink, site: Site): void {
    this.#unwatch ??= watchNetwork({ links: true, addresses: true }, () => this.#sync())
    this.#guard(() => link.remove(wishOf(site)))
    this.#sync()
  }

  /** Leaves everything to the successor, without a word. */
  #standBy(): void {
    this.#counters.set('active', 0)
    this.#halt()
    this.#advertiser.silence()
    this.#link = undefined
    this.#ready = undefined
    this.#planProblems = []
    this.#forwardingProblem = undefined
  }

  #halt(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
    clearInterval(this.#ticker)
    this.#ticker = undefined
  }

  problems(): readonly Problem[] {
    if (this.#lease === undefined || this.#lease.other !== undefined) return []
    if (!this.#lease.active) return [LEASE_PENDING]
    const problems = [...this.#planProblems, this.#advertiser.problem, this.#forwardingProblem].filter(
      (problem) => problem !== undefined,
    )
    if (problems.length > 0 || this.#ready !== undefined) return problems
    // Not advertising is never "ok", though this ends by itself.
    const message = 'the addresses of the LAN link are still being checked for duplicates (RFC 4862 §5.4): 1 to 3 s'
    return [{ code: 'lan-link-pending', message }]
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  async stop(intent: StopIntent): Promise<void> {
    if (intent === 'remove') await this.#untilOthersEnded()
    const site = this.#site
    const link = this.#link
    // Nothing is begun any more.
    this.#halt()
    if (intent === 'remove' && site !== undefined) await this.#withdraw(site, FINAL_BUDGET_MS)
    this.#standBy()
    this.#site = undefined
    // Without a document nothing was put in force; what an earlier process made is removed nevertheless.
    if (intent === 'remove' && this.#lease?.other === undefined)
      (link ?? new LanLink(this.#context, this.#context.log)).remove()
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
    this.#site = lease.active ? this.#site : undefined
    while (!lease.active && lease.other !== undefined && this.#nowMs() < endMs) await delay(100)
  }

  async #withdraw(site: Site, budgetMs: number): Promise<void> {
    if (this.#ready !== undefined)
      await this.#advertiser.cease(encodeWithin(finalAdvertisementOf(site, this.#ready)), budgetMs)
    this.#ready = undefined
  }

  /** Makes the link as the document wants it and says there what is to be said. Called on every change of the network. */
  #sync(): void {
    const site = this.#site
    const link = this.#link
    if (site === undefined || link === undefined) return
    this.#lastSyncMs = this.#nowMs()
    const plan: LanPlan = link.reconcile(wishOf(site))
    this.#planProblems = plan.problems
    // The router's address coming back (somebody had removed it) is no reason to fall silent.
    const ready = plan.ready?.routerPending === true && !this.#advertiser.advertising ? undefined : plan.ready
    this.#ready = ready
    if (ready !== undefined) this.#announce(link, site, ready)
    else {
      this.#advertiser.silence()
      this.#forwardingProblem = undefined
    }
  }

  #announce(link: LanLink, site: Site, lan: ReadyLan): void {
    this.#guard(() => this.#say(link, site, lan))
  }

  #say(link: LanLink, site: Site, lan: ReadyLan): void {
    const off = link.forwardingOff(lan.name)
    this.#forwardingProblem =
      off.length === 0
        ? undefined
        : {
            code: 'forwarding-off',
            message: `${off.join(' and ')} ${off.length === 1 ? 'is' : 'are'} 0: the kernel does not forward from ${lan.name}, so the Router Lifetime is advertised as 0 (RFC 4861 §6.2.5). nat44-firewall switches forwarding on once its rules stand: see its status`,
          }
    const forwarding = off.length === 0
    this.#counters.set('forwarding', forwarding ? 1 : 0)
    this.#counters.set('router_lifetime_seconds', forwarding ? site.ra.routerLifetimeS : 0)
    this.#advertiser.announce(lan, announcementOf(site, lan, forwarding))
  }

  /** The kernel sends no notification to rtnetlink that this service has joined when forwarding changes: look. */
  #tick(): void {
    const site = this.#site
    const link = this.#link
    if (site === undefined) return
    // The record of what was made could not be read.
    if (link === undefined) return this.#activate()
    const resync = this.#nowMs() - this.#lastSyncMs >= RESYNC_MS
    if (resync) this.#guard(() => link.retryDuplicates())
    if (resync || this.#planProblems.length > 0 || this.#ready === undefined) this.#sync()
    else this.#announce(link, site, this.#ready)
  }

  /** What the host refuses is a problem that may heal; it must not end the process. */
  #guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#planProblems = [hostProblem(error)]
    }
  }
}
