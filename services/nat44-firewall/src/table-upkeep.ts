import { link } from '@sixgate/host'
import { type Counters, type Logger, tell, messageOf } from '@sixgate/obs'
import type { Site } from '@sixgate/site'
import { flowtableCandidates } from './core/flowtable.ts'
import type { RuleLine } from './core/rule-lines.ts'
import { buildRuleset } from './core/ruleset.ts'
import type { Count } from './core/transaction.ts'
import type { Facts } from './core/zones.ts'
import { FlowtableProbe } from './io/flowtable-self-test.ts'
import { NftTool } from './io/nft-tool.ts'
import { NftError } from './io/run-tool.ts'
import { TableKeeper, type TableOutcome } from './io/table-keeper.ts'
import { UserRulesSource } from './io/user-rules-source.ts'
import { type ProblemBoard, problemOf } from './problem-board.ts'

/** nft, or the kernel, did not want rules that this program wrote. */
export const isRefused = (error: unknown): error is NftError => error instanceof NftError && error.code === 'refused'

/** nft, or the kernel, will not have this ruleset now, whatever else it would have. */
const isUnwanted = (error: unknown): boolean =>
  error instanceof NftError && (error.code === 'refused' || error.code === 'unsupported')

/** The counters that it keeps. */
export type TableCounter = 'loads_total' | 'load_failures_total' | 'table_repairs_total' | 'flowtable_links'

/** The table with everything that goes into it: our rules, the owner's, a flowtable where the kernel takes one. Calls must not overlap. */
export class TableUpkeep {
  readonly #log: Logger
  readonly #problems: ProblemBoard
  readonly #counters: Counters<TableCounter>
  readonly #table: TableKeeper
  readonly #flowtable = new FlowtableProbe()
  readonly #userRules: UserRulesSource
  #toldFlowtable: string | undefined

  /** `record`: see NftTool. `userRules`: directory with the owner's `*.nft` files; undefined: there are none. */
  constructor(
    log: Logger,
    problems: ProblemBoard,
    counters: Counters<TableCounter>,
    record: string,
    userRules: string | undefined,
  ) {
    this.#log = log
    this.#problems = problems
    this.#counters = counters
    this.#table = new TableKeeper(new NftTool(record))
    this.#userRules = new UserRulesSource(userRules)
  }

  /** Whether rules are in force, as far as this process knows. */
  get stands(): boolean {
    return this.#table.stands
  }

  /** The table as it was looked at last. */
  get lines(): readonly RuleLine[] {
    return this.#table.lines
  }

  /** By rule id, at most some seconds old. */
  get counts(): ReadonlyMap<string, Count> {
    return this.#table.counts
  }

  /** For an instance that stands by. Throws NftError. */
  async cutsLoopback(): Promise<boolean> {
    return await this.#table.cutsLoopback()
  }

  /** Takes the table away. Throws NftError. */
  async remove(): Promise<void> {
    await this.#table.remove()
  }

  /**
   * Looks at the table and loads it anew where it is not what it should be. `machine`: what it says, but for the flowtable.
   * Throws NftError `refused`; the rest goes to the board.
   */
  async keep(site: Site, machine: Omit<Facts, 'flowtableLinks'>): Promise<void> {
    const present = flowtableCandidates(site, machine.lan, machine.uplinks).filter((name) => link(name) !== undefined)
    const facts = { ...machine, flowtableLinks: await this.#flowtable.links(present) }
    try {
      const outcome = await this.#loadTable(site, facts)
      this.#problems.report('table', [])
      if (outcome === 'unchanged') return
      this.#counters.add(outcome === 'loaded' ? 'loads_total' : 'table_repairs_total')
      if (outcome === 'loaded') this.#log.info({ uplinks: facts.uplinks, lan: facts.lan }, 'rules loaded')
      else
        tell(this.#log, {
          kind: 'drift-repaired',
          level: 'warn',
          message: 'somebody changed or removed the table inet sixgate: loaded again',
        })
    } catch (error) {
      this.#counters.add('load_failures_total')
      if (isRefused(error)) throw error
      this.#problems.report('table', [problemOf('nft', error)])
    }
  }

  /** With a flowtable, or without one should the kernel refuse it in spite of the self-test. */
  async #loadTable(site: Site, facts: Facts): Promise<TableOutcome> {
    await this.#userRules.read(facts.utcOffsetS)
    try {
      const outcome = await this.#loadWithUserRules(site, facts)
      this.#noteFlowtable(buildRuleset(site, facts, this.#userRules.rules).flowtable?.devices ?? [])
      return outcome
    } catch (error) {
      if (facts.flowtableLinks.length === 0 || !isUnwanted(error)) throw error
      this.#flowtable.withdraw()
      this.#log.warn(`no flowtable on ${facts.flowtableLinks.join(', ')}: ${messageOf(error)}`)
      const outcome = await this.#loadWithUserRules(site, { ...facts, flowtableLinks: [] })
      this.#noteFlowtable([])
      return outcome
    }
  }

  /** With the owner's rules, or, should they not go together with ours, without them. */
  async #loadWithUserRules(site: Site, facts: Facts): Promise<TableOutcome> {
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
    this.#problems.report('user-rules', complaint === undefined ? [] : [{ code: 'user-rules', message }])
  }

  #noteFlowtable(devices: readonly string[]): void {
    this.#counters.set('flowtable_links', devices.length)
    const told = devices.join(', ')
    if (told === (this.#toldFlowtable ?? '')) return
    this.#toldFlowtable = told
    this.#log.info(
      devices.length === 0
        ? 'no flowtable any more: every packet passes the rules'
        : `flowtable on ${told}: packets of flows that last skip the rules`,
    )
  }
}
