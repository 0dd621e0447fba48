import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { type Problem, type Questions, type Service, SiteRejected, type SiteSnapshot } from '@sixgate/bus'
import type { Logger } from '@sixgate/obs'
import type { Site } from '@sixgate/site'
import { isLoopback, isWildcard, type ListenAddress, listenAddresses, loopIn, upstreamsOf } from './core/addressing.ts'
import { newCounters } from './core/counters.ts'
import { probe } from './core/forwarder.ts'
import { recordFault } from './core/local-records.ts'
import { keyOfText, textOfKey } from './core/name.ts'
import { NameServer } from './core/name-server.ts'
import { makePolicy, samePolicy, showPrefixes } from './core/policy.ts'
import { isDocumentationServer, isPrivateServer } from './core/own-zones.ts'
import { Resolver, type ResolverPorts, type Snapshot } from './core/resolver.ts'
import { showUpstream, type Upstream, UpstreamPool } from './core/upstreams.ts'
import { answerExplain } from './explain-question.ts'
import { answerQueries, answerTopNames } from './query-questions.ts'
import { ListenerSet } from './io/listener-set.ts'
import { type NetworkState, readNetworkState, watchNetworkState } from './io/network-state.ts'
import { randomBits32, randomId16 } from './io/random-id.ts'
import { UpstreamConnections } from './io/upstream-connections.ts'
import { UpstreamSockets } from './io/upstream-sockets.ts'
import { warmUp } from './warm-up.ts'

/** What the service needs besides the document. */
export interface Dns64Options {
  readonly log: Logger
  /** 53; another one for tests. */
  readonly port: number
  /** The files whose name servers `upstreams: auto` means, `first:second`: those of the first that names any. */
  readonly resolvConf: string
  /** PEM of the certificate authorities that upstreams over TLS are checked by; undefined = those that Node has. */
  readonly authorities?: string | undefined
  /** How long to warm up at most before the first listener opens; 0 or undefined = not at all. */
  readonly warmUpMs?: number | undefined
}

/** How often silent upstreams are looked after. */
const TICK_MS = 1000
/** A stop waits this long for answers under way: a name server that is silent takes longer, and Docker kills after 10 s. */
const DRAIN_MS = 4000
/** How many ticks until what could not be opened is tried again; a missing address is noticed at once by its event. */
const TICKS_PER_RETRY = 5
/** Milliseconds of a steady clock, never 0. */
const nowMs = (): number => performance.now() + 1
/** A time of that clock in milliseconds since 1970. */
const wallMs = (atMs: number): number => Math.round(Date.now() - (nowMs() - atMs))

/** The name server as a service: wires the core to sockets, the network's state and the document. */
export class Dns64 implements Service {
  readonly questions: Questions = {
    explain: (body) => answerExplain(this.#resolver, body),
    queries: (body) => answerQueries(this.#server?.queryLog, body, wallMs),
    'top-names': (body) => answerTopNames(this.#server?.queryLog, body, wallMs),
  }
  readonly #options: Dns64Options
  readonly #counters = newCounters()
  readonly #ports: ResolverPorts
  readonly #sockets: UpstreamSockets
  readonly #connections: UpstreamConnections
  readonly #listeners: ListenerSet
  #site: Site | undefined
  #resolver: Resolver | undefined
  #server: NameServer | undefined
  #network: NetworkState | undefined
  #own: readonly ListenAddress[] = []
  #endWatch: (() => void) | undefined
  #tick: NodeJS.Timeout | undefined
  #ticks = 0
  #isWarm = false

  constructor(options: Dns64Options) {
    this.#options = options
    const { log } = options
    const onMismatch = (): void => {
      this.#counters.upstream_mismatched_total++
    }
    this.#sockets = new UpstreamSockets(onMismatch)
    this.#connections = new UpstreamConnections(options.authorities, onMismatch)
    this.#ports = {
      udp: (upstream, query) => this.#sockets.ask(upstream, query, nowMs()),
      connection: (upstream, query) => this.#connections.ask(upstream, query),
      randomId: randomId16,
      randomBits: randomBits32,
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
      hits: {
        sourceOf: (address) => this.#nameServer.clientOf(address),
        beginBatch: () => this.#nameServer.beginBatch(),
        hit: (packet, len, source, out) => this.#nameServer.hit(packet, len, source, out),
      },
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
    for (const [index, record] of site.dns64.records.entries()) {
      const fault = recordFault(record)
      if (fault !== undefined)
        throw new SiteRejected('record-data', `dns64.records[${index}].data: "${record.data}": ${fault}`)
    }
    this.#network ??= this.#watch()
    this.#site = site
    this.#own = own
    this.#useSnapshot()
    await this.#warmUp()
    await this.#listeners.want(own)
    this.#tick ??= setInterval(() => this.#onTick(), TICK_MS)
    this.#onTick()
  }

  problems(): readonly Problem[] {
    return [...this.#listeners.problems(), ...this.#upstreamProblems()]
  }

  counters(): Readonly<Record<string, number>> {
    const gauges = this.#resolver?.gauges ?? { cache_entries: 0, cache_octets: 0, lookups_in_flight: 0 }
    const members = this.#pools().flatMap((pool) => pool.members)
    return {
      ...this.#counters,
      ...gauges,
      upstreams: members.length,
      upstreams_failing: members.filter((m) => m.failing).length,
      listeners: this.#listeners.listening,
    }
  }

  /**
   * New questions go to other instances, if there are any; those who wait get their answer, within DRAIN_MS. Nothing of ours
   * outlives the process, so both intents are the same.
   */
  async stop(): Promise<void> {
    clearInterval(this.#tick)
    this.#endWatch?.()
    const drained = this.#listeners.drain().then(() => this.#server?.whenIdle())
    await Promise.race([drained, pause(DRAIN_MS, undefined, { ref: false })])
    // Answers that are ready leave in the next turn of the event loop.
    await nextTurn()
    await this.#listeners.close()
    this.#sockets.close()
    this.#connections.close()
  }

  /** There from the first snapshot on, and nothing listens before. */
  get #nameServer(): NameServer {
    if (this.#server === undefined) throw new Error('a query came before the first document')
    return this.#server
  }

  /** Once, before anybody can ask. */
  async #warmUp(): Promise<void> {
    const { log, warmUpMs = 0 } = this.#options
    const policy = this.#resolver?.snapshot.policy
    if (warmUpMs === 0 || policy === undefined || this.#isWarm) return
    this.#isWarm = true
    const startMs = nowMs()
    try {
      const { queries_total } = await warmUp(policy, warmUpMs)
      log.debug({ queries: queries_total, tookMs: Math.round(nowMs() - startMs) }, 'warmed up')
    } catch (error) {
      log.debug({ err: error }, 'not warmed up: the first answers take longer')
    }
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
    const hasDocumentationUpstream = wanted.some((upstream) => isDocumentationServer(upstream.address))
    const { hasIp6Uplink } = this.#network
    const policy = makePolicy(this.#site, { hasIp6Uplink, hasPrivateUpstream, hasDocumentationUpstream })
    // Pools stay when their servers stay: their health is worth keeping.
    const upstreams = samePool(before?.upstreams, wanted) ?? new UpstreamPool(wanted)
    const forwards = sameForwards(before?.forwards, this.#site) ?? forwardsOf(this.#site)
    const next: Snapshot = { policy, upstreams, forwards }
    const isSame = before?.upstreams === upstreams && before.forwards === forwards && samePolicy(before.policy, policy)
    if (isSame) return
    if (this.#resolver === undefined) {
      this.#resolver = new Resolver(this.#ports, this.#counters, next)
      this.#server = new NameServer(this.#resolver, this.#counters, (error) => this.#ports.onDefect(error))
    } else this.#resolver.use(next)
    this.#server?.queryLog.keep(policy.queryLog, nowMs())
    this.#connections.keepOnly(this.#pools().flatMap((pool) => pool.members.map((member) => member.upstream)))
    log.info(
      { upstreams: wanted.map(showUpstream), exclude: policy.rules.map((rule) => showPrefixes(rule.exclude)) },
      'snapshot in force',
    )
  }

  #onTick(): void {
    this.#sockets.tick(nowMs())
    for (const pool of this.#pools()) for (const health of pool.dueForProbe(nowMs())) void probe(this.#ports, health)
    this.#ticks++
    if (this.#ticks % TICKS_PER_RETRY === 0 && this.#listeners.problems().length > 0) void this.#listeners.refresh()
  }

  /** All pools in force. */
  #pools(): UpstreamPool[] {
    const snapshot = this.#resolver?.snapshot
    return snapshot === undefined ? [] : [snapshot.upstreams, ...snapshot.forwards.values()]
  }

  #upstreamProblems(): Problem[] {
    return [...this.#poolProblems(), ...this.#forwardProblems()]
  }

  #forwardProblems(): Problem[] {
    const forwards = [...(this.#resolver?.snapshot.forwards ?? [])]
    return forwards
      .filter(([, pool]) => pool.allFailing)
      .map(([name, pool]) => ({
        code: 'forward-silent',
        message: `dns64.domains: ${textOfKey(name)}: no name server answers: ${silence(pool)}: names there that are not cached fail until then`,
      }))
  }

  #poolProblems(): Problem[] {
    const pool = this.#resolver?.snapshot.upstreams
    if (pool === undefined || !pool.allFailing) return []
    if (pool.members.length === 0) {
      const message =
        `dns64.upstreams: auto: ${this.#options.resolvConf} names no server other than dns64 itself, so only local ` +
        'names are answered: write the servers into dns64.upstreams, or into that file'
      return [{ code: 'upstream-missing', message }]
    }
    const message =
      `dns64.upstreams: no name server answers: ${silence(pool)}: check the uplink and the addresses; ` +
      'every name that is not cached fails until then'
    return [{ code: 'upstream-silent', message }]
  }
}

/** Each server of a pool with what is wrong and since when. */
const silence = (pool: UpstreamPool): string =>
  pool.members.map((m) => `${showUpstream(m.upstream)} ${m.lastError} since ${clock(m.silentSinceMs)}`).join('; ')

/** A pool when it has exactly these servers. */
const samePool = (pool: UpstreamPool | undefined, wanted: readonly Upstream[]): UpstreamPool | undefined =>
  pool !== undefined && JSON.stringify(pool.members.map((m) => m.upstream)) === JSON.stringify(wanted)
    ? pool
    : undefined

/** The pools of domains that are forwarded elsewhere. */
const forwardsOf = (site: Site): Snapshot['forwards'] =>
  new Map(
    site.dns64.domains.flatMap(({ name, upstreams }) =>
      upstreams === undefined ? [] : [[keyOfText(name), new UpstreamPool(upstreams)] as const],
    ),
  )

/** The pools when they have exactly the domains and servers of a document. */
const sameForwards = (before: Snapshot['forwards'] | undefined, site: Site): Snapshot['forwards'] | undefined => {
  const wanted = site.dns64.domains.filter(({ upstreams }) => upstreams !== undefined)
  const isSame =
    before?.size === wanted.length &&
    wanted.every(({ name, upstreams = [] }) => samePool(before.get(keyOfText(name)), upstreams) !== undefined)
  return isSame ? before : undefined
}

/** A time of the steady clock as time of day (UTC). */
const clock = (atMs: number | undefined): string =>
  atMs === undefined ? 'now' : new Date(wallMs(atMs)).toISOString().slice(0, 19) + 'Z'
