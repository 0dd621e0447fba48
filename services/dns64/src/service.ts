import { performance } from 'node:perf_hooks'
import { type Problem, type Service, SiteRejected, type SiteSnapshot } from '@sixgate/bus'
import type { Logger } from '@sixgate/obs'
import type { Site } from '@sixgate/site'
import { isLoopback, isWildcard, type ListenAddress, listenAddresses, loopIn, upstreamsOf } from './core/addressing.ts'
import { newCounters } from './core/counters.ts'
import { probe } from './core/forwarder.ts'
import { NameServer } from './core/name-server.ts'
import { makePolicy, samePolicy, showPrefixes } from './core/policy.ts'
import { isPrivateServer } from './core/own-zones.ts'
import { Resolver, type ResolverPorts, type Snapshot } from './core/resolver.ts'
import { showUpstream, UpstreamPool } from './core/upstreams.ts'
import { ListenerSet } from './io/listener-set.ts'
import { type NetworkState, readNetworkState, watchNetworkState } from './io/network-state.ts'
import { randomId16 } from './io/random-id.ts'
import { askTcp, askUdp } from './io/upstream-exchange.ts'

/** What the service needs besides the document. */
export interface Dns64Options {
  readonly log: Logger
  /** 53; another one for tests. */
  readonly port: number
  /** The file whose name servers `upstreams: auto` means. */
  readonly resolvConf: string
}

/** How often silent upstreams are looked after. */
const TICK_MS = 1000
/** How many ticks until what could not be opened is tried again; a missing address is noticed at once by its event. */
const TICKS_PER_RETRY = 5
/** Milliseconds of a steady clock, never 0. */
const nowMs = (): number => performance.now() + 1

/** The name server as a service: wires the core to sockets, the network's state and the document. */
export class Dns64 implements Service {
  readonly #options: Dns64Options
  readonly #counters = newCounters()
  readonly #ports: ResolverPorts
  readonly #listeners: ListenerSet
  #site: Site | undefined
  #resolver: Resolver | undefined
  #server: NameServer | undefined
  #network: NetworkState | undefined
  #own: readonly ListenAddress[] = []
  #endWatch: (() => void) | undefined
  #tick: NodeJS.Timeout | undefined
  #ticks = 0

  constructor(options: Dns64Options) {
    this.#options = options
    const { log } = options
    const onMismatch = (): void => {
      this.#counters.upstream_mismatched_total++
    }
    this.#ports = {
      udp: (upstream, query) => askUdp(upstream, query, onMismatch),
      tcp: (upstream, query) => askTcp(upstream, query, onMismatch),
      randomId: randomId16,
      nowMs,
      after: (ms, run) => {
        const timer = setTimeout(run, ms)
        return () => clearTimeout(timer)
      },
      onDefect: (error) => {
        this.#counters.defects_total++
        log.error({ err: error }, 'a mistake in dns64 itself; the client got SERVFAIL')
      },
    }
    this.#listeners = new ListenerSet({
      onQuery: (packet, source, transport, reply) => this.#server?.handle(packet, source, transport, reply),
      // All of 127.0.0.0/8 and the wildcards can be bound without being on an interface.
      hasAddress: (address) =>
        isLoopback(address) || isWildcard(address) || this.#network?.addresses.has(address) !== false,
      onChange: (message, problem) => {
        if (problem === undefined) log.info(message)
        // The runtime logs problems as they come and go.
        else log.debug({ code: problem.code }, message)
      },
    })
  }

  async apply({ site }: SiteSnapshot): Promise<void> {
    const own = listenAddresses(site, this.#options.port)
    const loop = loopIn(site, own)
    if (loop !== undefined)
      throw new SiteRejected(
        'upstream-loop',
        `dns64.upstreams: "${showUpstream(loop)}": that is an address dns64 itself listens on, so it would ask itself: name another server, or use auto`,
      )
    this.#network ??= this.#watch()
    this.#site = site
    this.#own = own
    this.#useSnapshot()
    await this.#listeners.want(own)
    this.#tick ??= setInterval(() => this.#onTick(), TICK_MS)
    this.#onTick()
  }

  problems(): readonly Problem[] {
    return [...this.#listeners.problems(), ...this.#upstreamProblems()]
  }

  counters(): Readonly<Record<string, number>> {
    const gauges = this.#resolver?.gauges ?? { cache_entries: 0, cache_octets: 0, lookups_in_flight: 0 }
    const members = this.#resolver?.snapshot.upstreams.members ?? []
    return {
      ...this.#counters,
      ...gauges,
      upstreams: members.length,
      upstreams_failing: members.filter((m) => m.failing).length,
      listeners: this.#listeners.listening,
    }
  }

  /** Nothing of ours outlives the process, so both intents are the same. */
  async stop(): Promise<void> {
    clearInterval(this.#tick)
    this.#endWatch?.()
    await this.#listeners.close()
  }

  #watch(): NetworkState {
    const { resolvConf } = this.#options
    // Watch first, then read: no change between the two is missed.
    const end = watchNetworkState(resolvConf, () => this.#onNetworkChange())
    try {
      const state = readNetworkState(resolvConf)
      this.#endWatch = end
      return state
    } catch (error) {
      end()
      throw error
    }
  }

  #onNetworkChange(): void {
    try {
      this.#network = readNetworkState(this.#options.resolvConf)
    } catch (error) {
      // The next event or tick reads again; until then the last known state is the best there is.
      this.#options.log.warn({ err: error }, 'cannot read addresses and routes')
      return
    }
    this.#useSnapshot()
    void this.#listeners.refresh()
  }

  /** Makes the snapshot of the document and the network, and puts it in force when it differs. */
  #useSnapshot(): void {
    const { log } = this.#options
    if (this.#site === undefined || this.#network === undefined) return
    const before = this.#resolver?.snapshot
    const wanted = upstreamsOf(this.#site, this.#network.nameservers, this.#own)
    const hasPrivateUpstream = wanted.some((upstream) => isPrivateServer(upstream.address))
    const policy = makePolicy(this.#site, { hasIp6Uplink: this.#network.hasIp6Uplink, hasPrivateUpstream })
    const isSamePool =
      before !== undefined &&
      before.upstreams.members.map((m) => showUpstream(m.upstream)).join() === wanted.map(showUpstream).join()
    // The pool stays when the servers stay: its health is worth keeping.
    const upstreams = isSamePool ? before.upstreams : new UpstreamPool(wanted)
    const next: Snapshot = { policy, upstreams }
    if (this.#resolver === undefined) {
      this.#resolver = new Resolver(this.#ports, this.#counters, next)
      this.#server = new NameServer(this.#resolver, this.#counters, (error) => this.#ports.onDefect(error))
    } else if (!isSamePool || before === undefined || !samePolicy(before.policy, policy)) this.#resolver.use(next)
    else return
    log.info({ upstreams: wanted.map(showUpstream), exclude: showPrefixes(policy.exclude) }, 'snapshot in force')
  }

  #onTick(): void {
    const pool = this.#resolver?.snapshot.upstreams
    for (const health of pool?.dueForProbe(nowMs()) ?? []) void probe(this.#ports, health)
    this.#ticks++
    if (this.#ticks % TICKS_PER_RETRY === 0 && this.#listeners.problems().length > 0) void this.#listeners.refresh()
  }

  #upstreamProblems(): Problem[] {
    const pool = this.#resolver?.snapshot.upstreams
    if (pool === undefined || !pool.allFailing) return []
    if (pool.members.length === 0) {
      const message =
        `dns64.upstreams: auto: ${this.#options.resolvConf} names no server other than dns64 itself, so only local ` +
        'names are answered: write the servers into dns64.upstreams, or into that file'
      return [{ code: 'upstream-missing', message }]
    }
    const each = pool.members.map((m) => `${showUpstream(m.upstream)} ${m.lastError} since ${clock(m.silentSinceMs)}`)
    const message =
      `dns64.upstreams: no name server answers: ${each.join('; ')}: check the uplink and the addresses; ` +
      'every name that is not cached fails until then'
    return [{ code: 'upstream-silent', message }]
  }
}

/** A time of the steady clock as time of day (UTC). */
const clock = (atMs: number | undefined): string =>
  atMs === undefined ? 'now' : new Date(Date.now() - (nowMs() - atMs)).toISOString().slice(0, 19) + 'Z'
