import { totalmem } from 'node:os'
import { join } from 'node:path'
import type { Problem, ServiceContext } from '@sixgate/bus'
import { Sysctls } from '@sixgate/host'
import { Counters, messageOf } from '@sixgate/obs'
import { lanLinkName, lanPrefixes, type Site } from '@sixgate/site'
import { conntrackProblem } from './core/conntrack.ts'
import { missingHelperText, wantedHelpers } from './core/helpers.ts'
import type { ForwardChain } from './core/listing.ts'
import type { RuleLine } from './core/rule-lines.ts'
import { siteLinks } from './core/zones.ts'
import { DockerKeeper, type DockerReport } from './io/docker-keeper.ts'
import { ForwardingKeeper } from './io/forwarding-keeper.ts'
import { readFacts } from './io/host-facts.ts'
import { chooseLegacyLock } from './io/iptables-tool.ts'
import { KernelHelpers } from './io/kernel-helpers.ts'
import { PrefixMemory } from './io/prefix-memory.ts'
import { UplinkMemory } from './io/uplink-memory.ts'
import { type ProblemBoard, problemOf } from './problem-board.ts'
import { TableUpkeep } from './table-upkeep.ts'

/** Everything that belongs to the service on the host: compared with how it should be, mended, and taken away. Calls must not overlap. */
export class Upkeep {
  readonly #context: ServiceContext
  readonly #problems: ProblemBoard
  readonly #table: TableUpkeep
  readonly #docker = new DockerKeeper()
  readonly #helpers = new KernelHelpers()
  readonly #forwarding: ForwardingKeeper
  #uplinks: UplinkMemory
  #prefixes: PrefixMemory
  /** The LAN's link, as it was called last. */
  #lan: string | undefined
  readonly counters = new Counters([
    'loads_total',
    'load_failures_total',
    'table_repairs_total',
    'sysctl_repairs_total',
    'docker_changes_total',
    'foreign_forward_drops',
    'uplink_public',
    'flowtable_links',
    'conntrack_entries',
    'conntrack_max',
    'looks_total',
    'active',
  ])
  #foreign: ReadonlySet<string> = new Set()
  #toldHelpers: ReadonlySet<string> = new Set()
  #toldUplink = ''

  /** `userRules`: directory with the owner's `*.nft` files; undefined: there are none. */
  constructor(context: ServiceContext, problems: ProblemBoard, userRules: string | undefined) {
    const { stateDir, sysctlRoot, log } = context
    this.#context = context
    this.#problems = problems
    chooseLegacyLock(stateDir)
    this.#table = new TableUpkeep(log, problems, this.counters, join(stateDir, 'ruleset.json'), userRules)
    this.#forwarding = new ForwardingKeeper(new Sysctls(sysctlRoot), join(stateDir, 'original-sysctls.json'))
    if (this.#forwarding.note !== undefined) log.warn(this.#forwarding.note)
    this.#prefixes = new PrefixMemory(join(stateDir, 'lan-prefixes.json'))
    this.#uplinks = new UplinkMemory(join(stateDir, 'uplinks'))
  }

  /** Whether rules are in force, as far as this process knows. */
  get stands(): boolean {
    return this.#table.stands
  }

  /** The table as it was looked at last. */
  get lines(): readonly RuleLine[] {
    return this.#table.lines
  }

  /** Uplinks of before, for a host that has none now. */
  get rememberedUplinks(): readonly string[] {
    return this.#uplinks.names
  }

  /** Two counters for every rule that was ever seen, beside the others. */
  get snapshot(): Readonly<Record<string, number>> {
    const rules = [...this.#table.counts].flatMap(([id, { packets, bytes }]) => {
      const name = `rule_${id.replaceAll('-', '_')}`
      return [
        [`${name}_packets_total`, packets],
        [`${name}_bytes_total`, bytes],
      ] as const
    })
    return { ...this.counters.snapshot(), ...Object.fromEntries(rules) }
  }

  /** Reads again what another instance wrote meanwhile. */
  recall(): void {
    const { stateDir } = this.#context
    this.#uplinks = new UplinkMemory(join(stateDir, 'uplinks'))
    this.#prefixes = new PrefixMemory(join(stateDir, 'lan-prefixes.json'))
  }

  /** Compares everything with how it should be and mends it. Throws NftError `refused`; the rest goes to the board. */
  async look(site: Site): Promise<void> {
    this.counters.add('looks_total')
    const facts = await this.#keepRules(site)
    // Never forward without rules.
    if (facts === undefined || !this.#table.stands) return
    const links = siteLinks(site, facts.lan, facts.uplinks)
    const changed =
      this.#problems.attempt('forwarding', () => [
        ...this.#forwarding.keep(links),
        ...this.#forwarding.keepConntrackSize(totalmem()),
      ]) ?? []
    if (changed.length > 0) {
      this.counters.add('sysctl_repairs_total', changed.length)
      this.#context.log.info({ sysctls: changed }, 'sysctls set')
    }
    this.#problems.attempt(
      'conntrack',
      () => this.#lookAtConntrack(),
      (problem) => (problem === undefined ? [] : [problem]),
    )
    try {
      const report = await this.#docker.keep(links)
      this.#logDocker(report)
      this.#warnOfForeign(report.foreign)
    } catch (error) {
      this.#problems.report('docker', [problemOf('docker', error)])
    }
  }

  /** For an instance that stands by. Throws NftError. */
  async cutsLoopback(): Promise<boolean> {
    return await this.#table.cutsLoopback()
  }

  /** Puts the rules in force, and nothing else: while loopback is cut off, NATS cannot say who should. Throws NftError `refused`. */
  async mendLoopback(site: Site): Promise<void> {
    this.#context.log.warn(
      'the table inet sixgate has lost its rules, so that loopback was cut off and NATS with it, and the active instance did not mend it: this one does',
    )
    this.recall()
    await this.#keepRules(site)
  }

  /** The rules, and what they depend on. Returns what the machine says; undefined when it could not be read. */
  async #keepRules(site: Site): Promise<ReturnType<typeof readFacts>['facts'] | undefined> {
    await this.#lookAtHelpers(site)
    this.#problems.attempt('prefixes', () => this.#keepPrefixes(site))
    const seen = this.#problems.attempt(
      'facts',
      () => this.#readFacts(site),
      ({ problem }) => (problem === undefined ? [] : [problem]),
    )
    this.#problems.attempt('memory', () => this.#save())
    if (seen === undefined) return undefined
    await this.#table.keep(site, seen.facts)
    return seen.facts
  }

  #readFacts(site: Site): ReturnType<typeof readFacts> {
    const seen = readFacts(site, this.#uplinks.names, {
      routedBefore: this.#forwarding.routedBefore(),
      helpers: this.#helpers.known,
      oldPrefixes: this.#prefixes.old,
    })
    const { uplinks, uplinkIsPublic } = seen.facts
    if (uplinks.length > 0) this.#uplinks.remember(uplinks)
    this.#noteUplink(uplinks, uplinkIsPublic)
    return seen
  }

  /** A disk without room is no reason to go on with old rules: what is remembered is only for the next start. */
  #save(): void {
    this.#uplinks.save()
    this.#prefixes.save()
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
    const problems = missing
      .filter((type) => type !== 'ftp')
      .map((type) => ({ code: 'helper-missing', message: missingHelperText(type) }))
    this.#problems.report('helpers', problems)
    const news = missing.filter((type) => !this.#toldHelpers.has(type))
    for (const type of news) if (type === 'ftp') this.#context.log.warn(missingHelperText(type))
    this.#toldHelpers = new Set(missing)
  }

  #lookAtConntrack(): Problem | undefined {
    const use = this.#forwarding.conntrackUse()
    this.counters.set('conntrack_entries', use.entries)
    this.counters.set('conntrack_max', use.max)
    return conntrackProblem(use)
  }

  /** Another NAT behind ours is no mistake, but whoever wonders about port forwards should find it in the log. */
  #noteUplink(uplinks: readonly string[], uplinkIsPublic: boolean): void {
    this.counters.set('uplink_public', uplinkIsPublic ? 1 : 0)
    const kind = `${uplinks.join()} ${uplinkIsPublic}`
    if (uplinks.length === 0 || kind === this.#toldUplink) return
    this.#toldUplink = kind
    if (!uplinkIsPublic)
      this.#context.log.info(
        `the address of ${uplinks.join(', ')} is not public: another NAT follows (double NAT), and ports must be opened there too`,
      )
  }

  #logDocker({ changes, failures }: DockerReport): void {
    this.counters.add('docker_changes_total', changes.length)
    for (const change of changes) this.#context.log.info(change, 'rule of iptables')
    this.#problems.report(
      'docker',
      failures.map((error) => problemOf('docker', error)),
    )
  }

  /** Said once per chain; no problem, because the chain may well let our packets pass. */
  #warnOfForeign(chains: readonly ForwardChain[]): void {
    const names = chains.map(({ family, table, name }) => `${family} ${table} ${name}`)
    this.counters.set('foreign_forward_drops', names.length)
    for (const name of names.filter((other) => !this.#foreign.has(other)))
      this.#context.log.warn(
        `nft chain ${name} drops what it does not know, and no accept elsewhere can undo that: if LAN hosts reach nothing, let it accept the links of the site (nft list chain ${name})`,
      )
    this.#foreign = new Set(names)
  }

  /**
   * Takes everything away. Forwarding goes first, so that there is no moment with forwarding on (because of us) and no rules; the
   * rules go last.
   */
  async remove(): Promise<void> {
    this.#restoreForwarding()
    await this.#removing('accepts in the chains of iptables', async () => {
      this.#logDocker(await this.#docker.remove())
    })
    await this.#removing('table inet sixgate', () => this.#table.remove())
    this.#uplinks.forget()
    await this.#removing('routes to old LAN prefixes', async () => this.#prefixes.forget(this.#lan))
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
}
