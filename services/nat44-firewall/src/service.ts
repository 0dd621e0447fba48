import { totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  BUCKETS,
  Lease,
  type Problem,
  QuestionRefused,
  type Questions,
  type Service,
  type ServiceContext,
  SiteRejected,
  type SiteSnapshot,
} from '@sixgate/bus'
import { Sysctls, watchNetwork } from '@sixgate/host'
import { type Check, Counters } from '@sixgate/obs'
import { lanLinkName, lanPrefixes, type Site } from '@sixgate/site'
import { conntrackProblem } from './core/conntrack.ts'
import { checksOf } from './core/doctor/checks.ts'
import { missingHelperText, wantedHelpers } from './core/helpers.ts'
import type { ForwardChain } from './core/listing.ts'
import type { RuleLine } from './core/rule-lines.ts'
import { buildRuleset } from './core/ruleset.ts'
import { type Facts, siteLinks } from './core/zones.ts'
import { DockerKeeper, type DockerReport } from './io/docker-keeper.ts'
import { readHost } from './io/doctor/read-host.ts'
import { ForwardingKeeper } from './io/forwarding-keeper.ts'
import { readFacts } from './io/host-facts.ts'
import { chooseLegacyLock } from './io/iptables-tool.ts'
import { KernelHelpers } from './io/kernel-helpers.ts'
import { watchNftables } from './io/nft-events.ts'
import { NftTool } from './io/nft-tool.ts'
import { PrefixMemory } from './io/prefix-memory.ts'
import { NftError } from './io/run-tool.ts'
import { TableKeeper, type TableOutcome } from './io/table-keeper.ts'
import { UplinkMemory } from './io/uplink-memory.ts'
import { UserRulesSource } from './io/user-rules-source.ts'

/** Looks at everything so often, also when no event came (iptables-legacy and sysctls tell nobody). */
const LOOK_EVERY_MS = 2000
/** Events come in swarms: a container that starts, a route that flaps. */
const SETTLE_MS = 50

/** An instance that knows of no holder becomes active after 3 s (Lease). */
const LEASE_WAIT_MS = 4000
const LEASE_POLL_MS = 20

/** Nobody is active yet, as far as this instance knows. */
const LEASE_PENDING: Problem = {
  code: 'lease-pending',
  message: 'whether another instance is active is being asked of NATS; without an answer this one begins in 3 s',
}

type Part = 'facts' | 'helpers' | 'prefixes' | 'user-rules' | 'table' | 'forwarding' | 'conntrack' | 'docker'

/** The service: keeps table, forwarding and Docker's chains as the document and the machine ask for. */
export class Firewall implements Service {
  readonly #context: ServiceContext
  readonly #table: TableKeeper
  readonly #docker = new DockerKeeper()
  readonly #helpers: KernelHelpers
  readonly #forwarding: ForwardingKeeper
  #uplinks: UplinkMemory
  readonly #userRules: UserRulesSource
  #prefixes: PrefixMemory
  #lease: Lease | undefined
  /** The LAN's link, as it was called last. */
  #lan: string | undefined
  readonly #counters = new Counters([
    'loads_total',
    'load_failures_total',
    'table_repairs_total',
    'sysctl_repairs_total',
    'docker_changes_total',
    'foreign_forward_drops',
    'uplink_public',
    'conntrack_entries',
    'conntrack_max',
    'looks_total',
    'active',
  ])
  readonly questions: Questions = {
    rules: () => this.#rules(),
    checks: async () => await this.#checks(),
  }
  readonly #problems = new Map<Part, readonly Problem[]>()
  #site: Site | undefined
  #foreign: ReadonlySet<string> = new Set()
  #toldHelpers: ReadonlySet<string> = new Set()
  #uplinkKind = ''
  #work: Promise<void> = Promise.resolve()
  #settling: NodeJS.Timeout | undefined
  #stopWatching: (() => void) | undefined

  /** `userRules`: directory with the owner's `*.nft` files; undefined: there are none. */
  constructor(context: ServiceContext, userRules?: string) {
    this.#context = context
    this.#userRules = new UserRulesSource(userRules, join(context.stateDir, 'user-rules.nft'))
    chooseLegacyLock(context.stateDir)
    this.#helpers = new KernelHelpers(join(context.stateDir, 'helper.nft'))
    this.#table = new TableKeeper(new NftTool(join(context.stateDir, 'ruleset.json')))
    this.#forwarding = new ForwardingKeeper(
      new Sysctls(context.sysctlRoot),
      join(context.stateDir, 'original-sysctls.json'),
    )
    if (this.#forwarding.note !== undefined) context.log.warn(this.#forwarding.note)
    this.#prefixes = new PrefixMemory(join(context.stateDir, 'lan-prefixes.json'))
    this.#uplinks = new UplinkMemory(join(context.stateDir, 'uplinks'))
  }

  /** An instance that stands by has the document ready and leaves the host alone; the active one says what is wrong with it. */
  async apply(snapshot: SiteSnapshot): Promise<void> {
    const isActive = await this.#joinIn()
    await this.#exclusively(async () => {
      const previous = this.#site
      this.#site = snapshot.site
      if (!isActive) return
      this.#stopWatching ??= this.#watch()
      try {
        await this.#look()
      } catch (error) {
        this.#site = previous
        // Only the document can make nft refuse rules that this program wrote; all else may heal and is in problems().
        if (!isRefused(error)) throw error
        throw new SiteRejected('rules-refused', `${error.message}; the rules in force stay`, error)
      }
    })
  }

  /**
   * Takes part in the lease `nat44-firewall`, once there is a document. Waits until it is known who is active; returns whether
   * that is this instance. Without NATS it is.
   */
  async #joinIn(): Promise<boolean> {
    const { bus, name, instance, log } = this.#context
    this.#lease ??= new Lease({
      bucket: bus.bucket(BUCKETS.LEASES),
      key: name,
      instance,
      log,
      onChange: (active) => (active ? this.#activate() : this.#standBy()),
    })
    const lease = this.#lease
    const endMs = performance.now() + LEASE_WAIT_MS
    while (!lease.active && lease.other === undefined && performance.now() < endMs) await delay(LEASE_POLL_MS)
    return lease.active
  }

  /** From now on this instance does the work: the rules stand already, and are looked at, at once. */
  #activate(): void {
    this.#counters.set('active', 1)
    // Another instance wrote them meanwhile.
    this.#uplinks = new UplinkMemory(join(this.#context.stateDir, 'uplinks'))
    this.#prefixes = new PrefixMemory(join(this.#context.stateDir, 'lan-prefixes.json'))
    if (this.#site === undefined) return
    this.#stopWatching ??= this.#watch()
    this.#lookInBackground()
  }

  /** Leaves everything to the other instance, as it is. */
  #standBy(): void {
    this.#counters.set('active', 0)
    this.#stopWatching?.()
    this.#stopWatching = undefined
    this.#problems.clear()
  }

  problems(): readonly Problem[] {
    if (this.#standsBy) return []
    if (this.#lease?.active === false) return [LEASE_PENDING]
    return [...this.#problems.values()].flat()
  }

  counters(): Readonly<Record<string, number>> {
    const rules = [...this.#table.counts].flatMap(([id, { packets, bytes }]) => {
      const name = `rule_${id.replaceAll('-', '_')}`
      return [
        [`${name}_packets_total`, packets],
        [`${name}_bytes_total`, bytes],
      ] as const
    })
    return { ...this.#counters.snapshot(), ...Object.fromEntries(rules) }
  }

  /**
   * Forwarding goes first, so that there is no moment with forwarding on (because of us) and no rules; the rules go last.
   */
  async stop(intent: 'keep' | 'remove'): Promise<void> {
    if (intent === 'remove') await this.#untilOthersEnded()
    const isOthers = this.#standsBy
    this.#stopWatching?.()
    clearTimeout(this.#settling)
    await this.#exclusively(async () => {
      this.#site = undefined
      if (intent === 'keep' || isOthers) return
      this.#restoreForwarding()
      await this.#removing('accepts in the chains of iptables', async () => {
        this.#logDocker(await this.#docker.remove())
      })
      await this.#removing('table inet sixgate', () => this.#table.remove())
      this.#uplinks.forget()
      await this.#removing('routes to old LAN prefixes', async () => this.#prefixes.forget(this.#lan))
    })
    // A successor may begin now, and not before.
    await this.#lease?.release()
  }

  /**
   * At `down` all instances are stopped at once. One that stands by waits until the active one has ended or died, which makes it
   * the active one, and then takes away what is left.
   */
  async #untilOthersEnded(): Promise<void> {
    const lease = this.#lease
    const connected = this.#context.bus.bucket(BUCKETS.LEASES)?.connected === true
    if (lease === undefined || lease.active || !connected) return
    // Should it become the active one now, there is nothing to put in force any more.
    this.#site = undefined
    const endMs = performance.now() + LEASE_WAIT_MS
    while (!lease.active && lease.other !== undefined && performance.now() < endMs) await delay(LEASE_POLL_MS)
  }

  /** Whether another instance does the work. */
  get #standsBy(): boolean {
    return this.#lease?.active === false && this.#lease.other !== undefined
  }

  /** What `sixgate firewall rules` shows: the table as it was looked at last. */
  #rules(): readonly RuleLine[] {
    if (this.#standsBy) return []
    if (!this.#table.stands)
      throw new QuestionRefused('no rules are in force; sixgate status says why, sixgate doctor what to do')
    return this.#table.lines
  }

  /** What `sixgate doctor` shows of the host. */
  async #checks(): Promise<readonly Check[]> {
    const { stateDir, sysctlRoot } = this.#context
    const report = await readHost({
      site: this.#site ?? 'no document is in force yet',
      isRunning: this.#standsBy || this.#table.stands,
      sysctlRoot,
      stateDir,
      remembered: this.#uplinks.names,
    })
    return checksOf(report)
  }

  #restoreForwarding(): void {
    const { failed, foreign } = this.#forwarding.restore()
    for (const { path, error } of failed) this.#context.log.error({ path }, error.message)
    for (const { path, found, original } of foreign)
      this.#context.log.warn(`${path} is ${found}, set by somebody else; left alone (it was ${original} before)`)
  }

  /** What cannot be removed must not keep the rest in place. */
  async #removing(what: string, remove: () => Promise<void>): Promise<void> {
    try {
      await remove()
    } catch (error) {
      this.#context.log.error(`${what}: not removed: ${messageOf(error)}`)
    }
  }

  /** One after the other; an error goes to the caller and does not hold up the next. */
  #exclusively(task: () => Promise<void>): Promise<void> {
    const done = this.#work.then(task)
    this.#work = done.catch(() => {})
    return done
  }

  #watch(): () => void {
    const soon = (): void => {
      this.#settling ??= setTimeout(() => {
        this.#settling = undefined
        this.#lookInBackground()
      }, SETTLE_MS)
    }
    const timer = setInterval(() => this.#lookInBackground(), LOOK_EVERY_MS)
    const watches = [() => clearInterval(timer)]
    for (const start of [
      () => watchNftables(soon),
      () => watchNetwork({ links: true, addresses: true, routes: true }, soon),
    ])
      try {
        watches.push(start())
      } catch (error) {
        // Not fatal: the timer sees the same, a little later.
        this.#context.log.warn(`${messageOf(error)}; changes are noticed within ${LOOK_EVERY_MS / 1000} s only`)
      }
    return () => {
      for (const stop of watches) stop()
    }
  }

  #lookInBackground(): void {
    this.#exclusively(() => this.#look()).catch((error: unknown) => {
      this.#report('table', [problemOf('nft', error)])
    })
  }

  /** Compares everything with how it should be and mends it. Throws NftError `refused`; the rest is in problems(). */
  async #look(): Promise<void> {
    const site = this.#site
    if (site === undefined || this.#lease?.active === false) return
    this.#counters.add('looks_total')
    await this.#lookAtHelpers(site)
    this.#attempt('prefixes', () => this.#keepPrefixes(site))
    const facts = this.#attempt('facts', () => this.#readFacts(site))
    if (facts === undefined) return
    await this.#keepTable(site, facts)
    // Never forward without rules.
    if (!this.#table.stands) return
    const links = siteLinks(site, facts.lan, facts.uplinks)
    const changed =
      this.#attempt('forwarding', () => [
        ...this.#forwarding.keep(links),
        ...this.#forwarding.keepConntrackSize(totalmem()),
      ]) ?? []
    if (changed.length > 0) {
      this.#counters.add('sysctl_repairs_total', changed.length)
      this.#context.log.info({ sysctls: changed }, 'sysctls set')
    }
    this.#attempt('conntrack', () => this.#lookAtConntrack())
    try {
      const report = await this.#docker.keep(links)
      this.#logDocker(report)
      this.#warnOfForeign(report.foreign)
    } catch (error) {
      this.#report('docker', [problemOf('docker', error)])
    }
  }

  #readFacts(site: Site): Facts {
    const { facts, problem } = readFacts(site, this.#uplinks.names, {
      routedBefore: this.#forwarding.routedBefore(),
      helpers: this.#helpers.known,
      oldPrefixes: this.#prefixes.old,
    })
    if (facts.uplinks.length > 0) this.#uplinks.remember(facts.uplinks)
    this.#noteUplink(facts)
    this.#report('facts', problem === undefined ? [] : [problem])
    return facts
  }

  #keepPrefixes(site: Site): void {
    this.#lan = lanLinkName(site)
    this.#prefixes.note(lanPrefixes(site), site.ra.validLifetimeS, Date.now())
    this.#prefixes.keepRoutes(this.#lan)
  }

  /** Whoever asked for a helper by name should know that there is none; by default it is only a pity. */
  async #lookAtHelpers(site: Site): Promise<void> {
    const wanted = wantedHelpers(site)
    const missing = await this.#helpers.missing(wanted.map(({ type }) => type))
    const messages = missing.map((type) => ({ code: 'helper-missing', message: missingHelperText(type) }))
    this.#report(
      'helpers',
      messages.filter((_problem, index) => missing[index] !== 'ftp'),
    )
    const news = missing.filter((type) => !this.#toldHelpers.has(type))
    for (const type of news) if (type === 'ftp') this.#context.log.warn(missingHelperText(type))
    this.#toldHelpers = new Set(missing)
  }

  #lookAtConntrack(): void {
    const use = this.#forwarding.conntrackUse()
    this.#counters.set('conntrack_entries', use.entries)
    this.#counters.set('conntrack_max', use.max)
    const problem = conntrackProblem(use)
    this.#report('conntrack', problem === undefined ? [] : [problem])
  }

  /** Another NAT behind ours is no mistake, but whoever wonders about port forwards should find it in the log. */
  #noteUplink({ uplinks, uplinkIsPublic }: Facts): void {
    this.#counters.set('uplink_public', uplinkIsPublic ? 1 : 0)
    const kind = `${uplinks.join()} ${uplinkIsPublic}`
    if (uplinks.length === 0 || kind === this.#uplinkKind) return
    this.#uplinkKind = kind
    if (!uplinkIsPublic)
      this.#context.log.info(
        `the address of ${uplinks.join(', ')} is not public: another NAT follows (double NAT), and ports must be opened there too`,
      )
  }

  async #keepTable(site: Site, facts: Facts): Promise<void> {
    try {
      const outcome = await this.#loadTable(site, facts)
      this.#report('table', [])
      if (outcome === 'unchanged') return
      this.#counters.add(outcome === 'loaded' ? 'loads_total' : 'table_repairs_total')
      if (outcome === 'loaded') this.#context.log.info({ uplinks: facts.uplinks, lan: facts.lan }, 'rules loaded')
      else this.#context.log.warn('somebody changed or removed the table inet sixgate: loaded again')
    } catch (error) {
      this.#counters.add('load_failures_total')
      if (isRefused(error)) throw error
      this.#report('table', [problemOf('nft', error)])
    }
  }

  /** With the owner's rules, or, should they not go together with ours, without them. */
  async #loadTable(site: Site, facts: Facts): Promise<TableOutcome> {
    await this.#userRules.read(facts.utcOffsetS)
    const { rules, complaint } = this.#userRules
    try {
      const outcome = await this.#table.keep(buildRuleset(site, facts, rules))
      this.#reportUserRules(complaint, 'what stood before stays')
      return outcome
    } catch (error) {
      if (!isRefused(error) || rules.objects.length === 0) throw error
      const outcome = await this.#table.keep(buildRuleset(site, facts))
      this.#reportUserRules(error.message, 'the site runs without them')
      return outcome
    }
  }

  #reportUserRules(complaint: string | undefined, consequence: string): void {
    const message = `rules of your own (*.nft): ${complaint} (${consequence})`
    this.#report('user-rules', complaint === undefined ? [] : [{ code: 'user-rules', message }])
  }

  #attempt<T>(part: Part, run: () => T): T | undefined {
    try {
      const result = run()
      // Those report what they found themselves.
      if (part !== 'facts' && part !== 'conntrack') this.#report(part, [])
      return result
    } catch (error) {
      this.#report(part, [problemOf(part, error)])
      return undefined
    }
  }

  /** Remembers the problems of a part and logs those that are new, and the end of old ones. */
  #report(part: Part, problems: readonly Problem[]): void {
    const before = this.#problems.get(part) ?? []
    const has = (list: readonly Problem[], message: string): boolean => list.some((other) => other.message === message)
    for (const { code, message } of problems) if (!has(before, message)) this.#context.log.warn({ code }, message)
    for (const { code, message } of before)
      if (!has(problems, message)) this.#context.log.info({ code }, `over: ${message}`)
    this.#problems.set(part, problems)
  }

  #logDocker({ changes, failures }: DockerReport): void {
    this.#counters.add('docker_changes_total', changes.length)
    for (const change of changes) this.#context.log.info(change, 'rule of iptables')
    this.#report(
      'docker',
      failures.map((error) => problemOf('docker', error)),
    )
  }

  /** Said once per chain; no problem, because the chain may well let our packets pass. */
  #warnOfForeign(chains: readonly ForwardChain[]): void {
    const names = chains.map(({ family, table, name }) => `${family} ${table} ${name}`)
    this.#counters.set('foreign_forward_drops', names.length)
    for (const name of names.filter((other) => !this.#foreign.has(other)))
      this.#context.log.warn(
        `nft chain ${name} drops what it does not know, and no accept elsewhere can undo that: if LAN hosts reach nothing, let it accept the links of the site (nft list chain ${name})`,
      )
    this.#foreign = new Set(names)
  }
}

const isRefused = (error: unknown): error is NftError => error instanceof NftError && error.code === 'refused'

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const problemOf = (part: string, error: unknown): Problem => ({
  code: error instanceof NftError ? `${part}-${error.code}` : `${part}-failed`,
  message: messageOf(error),
})
