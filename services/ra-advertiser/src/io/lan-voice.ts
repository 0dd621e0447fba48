import { equalIp6, formatIp6, type Ip6 } from '@sixgate/addr'
import { addresses, neighbours6 } from '@sixgate/host'
import type { Counters, Logger } from '@sixgate/obs'
import { lanLinkName, type Site } from '@sixgate/site'
import {
  advertisementOf,
  finalAdvertisementOf,
  type LanFacts,
  lastWordsFor,
  type RouterState,
} from '../core/advertisement.ts'
import type { Health } from '../core/health.ts'
import { type HostSeen, hostsSeen } from '../core/hosts-seen.ts'
import type { LanWish, ReadyLan } from '../core/lan-plan.ts'
import type { Neighbour } from '../core/neighbours.ts'
import { interfacePrefixes, type TimedPrefix } from '../core/prefixes.ts'
import type { Problem } from '../core/problem.ts'
import { checkAdvertisement, withdrawsUs } from '../core/ra-check.ts'
import type { RouterAdvertisement } from '../core/ra-wire.ts'
import type { ReceivedMessage } from '../core/rs-check.ts'
import { encodeWithin } from '../core/split.ts'
import { type Twin, twinsOf } from '../core/twins.ts'
import { Advertiser, type Announcement } from './advertiser.ts'
import type { CounterName } from './counters.ts'
import { Dhcp4Answerer } from './dhcp4-answerer.ts'
import { hostProblem, type LanLink } from './lan-link.ts'
import type { PrefixFile } from './prefix-file.ts'
import { RouterWatch } from './router-watch.ts'
import { TwinWatch } from './twin-watch.ts'

/** The link that a view of the site wants. */
export const wishOf = (view: Site): LanWish => ({
  parent: view.lan.interface,
  vlan: view.lan.vlan,
  link: lanLinkName(view),
  router: view.lan.router,
})

/** What is to be said of a view of the site. Throws NdpError when it cannot be written. */
export const announcementOf = (view: Site, lan: LanFacts, state: Omit<RouterState, 'unixMs'>): Announcement => {
  const { minRtrAdvIntervalS, maxRtrAdvIntervalS, validUntil, preferredUntil } = view.ra
  const at = (unixMs: number): RouterAdvertisement => advertisementOf(view, lan, { ...state, unixMs })
  const composeAt = (unixMs: number): readonly Uint8Array[] => encodeWithin(at(unixMs))
  return {
    key: [...composeAt(0).map((part) => Buffer.from(part).toString('hex')), validUntil, preferredUntil].join(),
    intervals: { minMs: minRtrAdvIntervalS * 1000, maxMs: maxRtrAdvIntervalS * 1000 },
    compose: () => composeAt(Date.now()),
    now: () => at(Date.now()),
  }
}

export interface VoicePorts {
  readonly log: Logger
  readonly counters: Counters<CounterName>
  readonly nowMs: () => number
  readonly prefixes: PrefixFile
  /** Routers that belong on the LAN of a view; undefined: nobody is a stranger. */
  readonly knownRouters: (view: Site) => readonly Ip6[] | undefined
  /** Which of several gateways this machine is. */
  readonly gateway: string | undefined
  /** Link-local addresses that another gateway advertises from, as far as it has said so. */
  readonly sourcesOf: (gateway: string) => readonly Ip6[]
}

/** What happens on one LAN: its link, and what is said there. */
export class LanVoice {
  readonly #link: LanLink
  readonly #advertiser: Advertiser
  readonly #prefixes: PrefixFile
  readonly #watch: RouterWatch
  readonly #twins: TwinWatch
  readonly #ports: VoicePorts
  #dhcp4: Dhcp4Answerer | undefined
  #view: Site
  #ready: ReadyLan | undefined
  #further: readonly TimedPrefix[] = []
  #planProblems: readonly Problem[] = []
  #forwardingProblem: Problem | undefined
  /** What was said last. */
  #health: Health | undefined
  /** Its last words are being said: nothing else is, whatever happens meanwhile. */
  #isCeasing = false

  constructor(link: LanLink, view: Site, ports: VoicePorts) {
    this.#link = link
    this.#view = view
    this.#ports = ports
    this.#prefixes = ports.prefixes
    this.#watch = new RouterWatch(ports)
    this.#advertiser = new Advertiser({
      ...ports,
      random: Math.random,
      onAdvertisement: (received, ours) => this.#hear(received, ours),
      onNeighbour: (target) => this.#hearTwin(target),
    })
    this.#twins = new TwinWatch({
      ...ports,
      ask: (router) => this.#advertiser.ask(router),
      speakFor: ({ name, router }) => {
        const words = encodeWithin(lastWordsFor(this.#view, router))
        for (const source of ports.sourcesOf(name)) this.#advertiser.sayAs(source, words)
      },
    })
  }

  /** The LAN as the document has it now. */
  set view(view: Site) {
    this.#view = view
  }

  /** Hosts on this LAN, as the kernel's neighbour discovery knows them. Throws NetlinkError. */
  get hosts(): readonly HostSeen[] {
    const lan = this.#ready
    return lan === undefined ? [] : hostsSeen(lan.name, neighbours6(lan.ifindex))
  }

  /** Other routers on this LAN. */
  get neighbours(): readonly Neighbour[] {
    return this.#watch.neighbours
  }

  /** Other gateways of the site that do not answer here. */
  get silentTwins(): number {
    return this.#twins.silent.length
  }

  get advertising(): boolean {
    return this.#advertiser.advertising
  }

  /** The link-local address that messages come from; undefined: none are sent. */
  get source(): string | undefined {
    return this.advertising && this.#ready !== undefined ? formatIp6(this.#ready.linkLocal) : undefined
  }

  /** The link has its addresses. */
  get isReady(): boolean {
    return this.#ready !== undefined
  }

  /** Messages say that this router forwards. */
  get forwarding(): boolean {
    return this.#ready !== undefined && this.#forwardingProblem === undefined
  }

  /** The link is not as it should be: look again soon. */
  get isUnsettled(): boolean {
    return this.#planProblems.length > 0 || this.#ready === undefined
  }

  get problems(): readonly Problem[] {
    const problems = [...this.#planProblems, this.#advertiser.problem, this.#forwardingProblem].filter(
      (problem) => problem !== undefined,
    )
    if (problems.length > 0 || this.#ready !== undefined) return problems
    // Not advertising is never "ok", though this ends by itself.
    const message = `the addresses of ${lanLinkName(this.#view)} are still being checked for duplicates (RFC 4862 §5.4): 1 to 3 s`
    return [{ code: 'lan-link-pending', message }]
  }

  /** Makes the link as the document wants it and says there what is to be said. Called on every change of the network. */
  sync(health: Health): void {
    if (this.#isCeasing) return
    const plan = this.#link.reconcile(wishOf(this.#view))
    this.#planProblems = plan.problems
    // The router's address coming back (somebody had removed it) is no reason to fall silent.
    this.#ready = plan.ready?.routerPending === true && !this.#advertiser.advertising ? undefined : plan.ready
    if (this.#ready !== undefined) {
      this.#further = this.#furtherPrefixes(this.#ready)
      this.say(health)
    } else {
      this.#advertiser.silence()
      this.#twins.forget()
      this.#endDhcp4()
      this.#forwardingProblem = undefined
    }
  }

  /** Says on a link that is ready what is true now; the same again changes nothing. */
  say(health: Health): void {
    const lan = this.#ready
    if (lan === undefined || this.#isCeasing) return
    this.#health = health
    try {
      const off = this.#link.forwardingOff(lan.name)
      this.#forwardingProblem = off.length === 0 ? undefined : forwardingOff(off, lan.name)
      // Nobody can answer before this router speaks itself.
      if (this.#advertiser.advertising) this.#twins.look(twinsOf(this.#view, this.#ports.gateway), lan.name)
      const silent = this.#twins.silent.map(({ router }) => router)
      const state = { forwarding: off.length === 0, health, silent }
      const current = [this.#view.lan.prefix, ...this.#further.map(({ prefix }) => prefix)]
      const stale = this.#prefixes.follow(lan.name, current, Date.now())
      this.#advertiser.announce(lan, announcementOf(this.#view, { ...lan, further: this.#further, stale }, state))
      this.#twins.speak()
      this.#answerDhcp4(lan, state)
    } catch (error) {
      // What the host refuses is a problem that may heal; it must not end the process.
      this.#planProblems = [hostProblem(error)]
    }
  }

  /** A Router Advertisement that somebody else sent. */
  #hear(received: ReceivedMessage, ours: RouterAdvertisement): void {
    const lan = this.#ready
    const checked = checkAdvertisement(received)
    if (lan !== undefined && 'router' in checked) {
      const { router } = this.#view.lan
      if (withdrawsUs({ linkLocal: lan.linkLocal, router }, ours, checked)) {
        this.#ports.log.warn({ link: lan.name }, 'another gateway takes this one for dead: hosts are told otherwise')
        this.#advertiser.repeat()
      }
      const areLastWords = checked.ra.routerLifetimeS === 0
      // Said in this router's own name: there is no other one.
      if (areLastWords && equalIp6(checked.router, lan.linkLocal)) return
      // Last words may be said for a silent one: they are no sign of life.
      const twin = areLastWords ? undefined : this.#twinAt(checked.router)
      if (twin !== undefined) this.#hearTwin(twin.router)
    }
    const { link, known } = { link: lanLinkName(this.#view), known: this.#ports.knownRouters(this.#view) }
    this.#watch.hear(received, { link, ours, known })
  }

  #twinAt(source: Ip6): Twin | undefined {
    const { gateway, sourcesOf } = this.#ports
    return twinsOf(this.#view, gateway).find(({ name }) => sourcesOf(name).some((one) => equalIp6(one, source)))
  }

  /** Who was silent and is not any more is left to speak for itself at once. */
  #hearTwin(router: Ip6): void {
    const lan = this.#ready
    if (lan !== undefined && this.#twins.hear(router, lan.name) && this.#health !== undefined) this.say(this.#health)
  }

  /** RFC 8925, when the document asks for it, and while hosts get by without IPv4: else they may need their own. */
  #answerDhcp4({ ifindex, name, mac }: ReadyLan, { forwarding, health }: Omit<RouterState, 'unixMs'>): void {
    const waitS = this.#view.ra.ipv6OnlyWaitS
    const isEnough = forwarding && health.nat64 && health.uplink
    if (waitS === undefined || mac === undefined || !isEnough) return this.#endDhcp4()
    const place = { ifindex, name, mac }
    if (this.#dhcp4?.serves(place, waitS) === true) return
    this.#endDhcp4()
    this.#dhcp4 = new Dhcp4Answerer(place, waitS, this.#ports)
  }

  #endDhcp4(): void {
    this.#dhcp4?.close()
    this.#dhcp4 = undefined
  }

  #furtherPrefixes({ ifindex }: ReadyLan): readonly TimedPrefix[] {
    if (!this.#view.ra.interfacePrefixes) return []
    try {
      const present = addresses(6, ifindex).filter((address) => address.family === 6)
      return interfacePrefixes(present, this.#view.lan.prefix, Date.now())
    } catch {
      // The link has just gone; the next look tells.
      return this.#further
    }
  }

  /** Stops without a word. */
  silence(): void {
    this.#endDhcp4()
    this.#twins.forget()
    this.#advertiser.silence()
    this.#ready = undefined
  }

  /** Stops with final messages, as many as `budgetMs` allows, at least one. */
  async withdraw(budgetMs: number): Promise<void> {
    const lan = this.#ready
    if (lan === undefined) return
    this.#isCeasing = true
    this.#endDhcp4()
    await this.#advertiser.cease(encodeWithin(finalAdvertisementOf(this.#view, lan)), budgetMs)
    this.#ready = undefined
  }
}

const forwardingOff = (off: readonly string[], link: string): Problem => ({
  code: 'forwarding-off',
  message: `${off.join(' and ')} ${off.length === 1 ? 'is' : 'are'} 0: the kernel does not forward from ${link}, so the Router Lifetime is advertised as 0 (RFC 4861 §6.2.5). nat44-firewall switches forwarding on once its rules stand: see its status`,
})
