import { type Service, type ServiceContext, SiteRejected, type SiteSnapshot, type StopIntent } from '@sixgate/bus'
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

/** Any Ethernet: to find out before anything is changed whether a document's message can be written. */
const SOME_LAN: LanFacts = { mac: new Uint8Array(6), mtuBytes: 1500 }

/** Owns the LAN link and advertises the site on it. */
export class RaService implements Service {
  readonly #link: LanLink
  readonly #advertiser: Advertiser
  readonly #counters = new Counters(COUNTER_NAMES)
  readonly #nowMs = (): number => performance.now()
  #site: Site | undefined
  #ready: ReadyLan | undefined
  #planProblems: readonly Problem[] = []
  #forwardingProblem: Problem | undefined
  #lastSyncMs = 0
  #unwatch: (() => void) | undefined
  #ticker: NodeJS.Timeout | undefined

  constructor(context: Pick<ServiceContext, 'log' | 'stateDir' | 'sysctlRoot'>) {
    this.#link = new LanLink(context, context.log)
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
    this.#unwatch ??= watchNetwork({ links: true, addresses: true }, () => this.#sync())
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS)
    this.#guard(() => this.#link.remove(wishOf(site)))
    this.#sync()
  }

  problems(): readonly Problem[] {
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
    this.#unwatch?.()
    this.#unwatch = undefined
    clearInterval(this.#ticker)
    this.#ticker = undefined
    const site = this.#site
    this.#site = undefined
    if (intent === 'keep') {
      this.#advertiser.silence()
      closeNetlink()
      return
    }
    if (site !== undefined) await this.#withdraw(site, FINAL_BUDGET_MS)
    this.#link.remove()
    closeNetlink()
  }

  async #withdraw(site: Site, budgetMs: number): Promise<void> {
    if (this.#ready !== undefined)
      await this.#advertiser.cease(encodeWithin(finalAdvertisementOf(site, this.#ready)), budgetMs)
    this.#ready = undefined
  }

  /** Makes the link as the document wants it and says there what is to be said. Called on every change of the network. */
  #sync(): void {
    const site = this.#site
    if (site === undefined) return
    this.#lastSyncMs = this.#nowMs()
    const plan: LanPlan = this.#link.reconcile(wishOf(site))
    this.#planProblems = plan.problems
    // The router's address coming back (somebody had removed it) is no reason to fall silent.
    const ready = plan.ready?.routerPending === true && !this.#advertiser.advertising ? undefined : plan.ready
    this.#ready = ready
    if (ready !== undefined) this.#announce(site, ready)
    else {
      this.#advertiser.silence()
      this.#forwardingProblem = undefined
    }
  }

  #announce(site: Site, lan: ReadyLan): void {
    this.#guard(() => this.#say(site, lan))
  }

  #say(site: Site, lan: ReadyLan): void {
    const off = this.#link.forwardingOff(lan.name)
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
    if (site === undefined) return
    const resync = this.#nowMs() - this.#lastSyncMs >= RESYNC_MS
    if (resync) this.#guard(() => this.#link.retryDuplicates())
    if (resync || this.#planProblems.length > 0 || this.#ready === undefined) this.#sync()
    else this.#announce(site, this.#ready)
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
