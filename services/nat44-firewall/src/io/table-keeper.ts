import { hasRulesOf, type Listing } from '../core/listing.ts'
import { cutsLoopback } from '../core/loopback.ts'
import type { Ruleset } from '../core/nft.ts'
import { type RuleLine, ruleLines } from '../core/rule-lines.ts'
import { type Count, createTable } from '../core/transaction.ts'
import { nextGeneration, nftGeneration } from './nft-generation.ts'
import type { NftTool } from './nft-tool.ts'

/** `loaded`: the rules are new; `repaired`: somebody had changed or removed the table. */
export type TableOutcome = 'unchanged' | 'loaded' | 'repaired'

interface Installed {
  /** The rules as text, without counters. */
  readonly rules: string
  /** How nft lists them. */
  readonly fingerprint: string
  /** Whether nobody else changed nftables from the look before the load to that listing: else it may be what they made of the rules. */
  readonly isCertain: boolean
}

/** What the table was when it was last looked at. */
interface Look {
  /** Of nftables, read before the look: what changed during it is seen by the next one. */
  readonly generation: number | undefined
  readonly atMs: number
  readonly tookMs: number
}

/** Counters are read at least so often … */
const COUNTERS_EVERY_MS = 5000
/** … but no more than this share of the time goes into it, however many rules there are. */
const LOOK_SHARE = 0.02

/** Keeps the table `inet sixgate` as it should be. Calls must not overlap. */
export class TableKeeper {
  readonly #nft: NftTool
  #installed: Installed | undefined
  #counts: ReadonlyMap<string, Count> = new Map()
  #look: Look | undefined
  #ruleset: Ruleset | undefined
  /** Of nftables, when loopback was last seen to pass. */
  #passesAt: number | undefined

  constructor(nft: NftTool) {
    this.#nft = nft
  }

  /** By rule id, at most some seconds old. */
  get counts(): ReadonlyMap<string, Count> {
    return this.#counts
  }

  /** Every rule in force with what it has counted, in the order in which packets meet them within a chain. */
  get lines(): readonly RuleLine[] {
    return this.#ruleset === undefined ? [] : ruleLines(this.#ruleset, this.#counts)
  }

  /** Whether the table of the last `keep` stands, as far as this process knows. */
  get stands(): boolean {
    return this.#installed !== undefined
  }

  /** Looks at the table and loads it anew unless it is what it should be. Throws NftError; then nothing has changed. */
  async keep(ruleset: Ruleset): Promise<TableOutcome> {
    const rules = JSON.stringify(createTable(ruleset, new Map()))
    const isNew = this.#installed?.rules !== rules
    if (!isNew && this.#isFresh()) return 'unchanged'
    const listing = await this.#list()
    // What is missing from a damaged table has counted up to the last look.
    this.#counts = new Map([...this.#counts, ...(listing?.counts ?? [])])
    const before = this.#installed
    const isAsBefore = !isNew && listing?.fingerprint === before?.fingerprint
    if (isAsBefore && before?.isCertain === true) return 'unchanged'
    // From here on: what changes between that listing and the load is no less unseen.
    const generation = this.#look?.generation
    await this.#nft.load(ruleset, this.#counts, listing)
    await this.#remember(ruleset, rules, generation)
    if (isNew) return 'loaded'
    // Loaded once more only to be certain, and nothing was wrong.
    return isAsBefore && this.#installed?.fingerprint === before?.fingerprint ? 'unchanged' : 'repaired'
  }

  /** Whether nothing changed in nftables since the last look and the counters are young. */
  #isFresh(): boolean {
    if (this.#look?.generation === undefined || this.#look.generation !== nftGeneration()) return false
    const ageMs = performance.now() - this.#look.atMs
    return ageMs < Math.max(COUNTERS_EVERY_MS, this.#look.tookMs / LOOK_SHARE)
  }

  async #list(): Promise<Listing | undefined> {
    const generation = nftGeneration()
    const startMs = performance.now()
    const listing = await this.#nft.list()
    const atMs = performance.now()
    this.#look = { generation, atMs, tookMs: atMs - startMs }
    return listing
  }

  /** `generation`: of nftables before the rules were loaded, which is one change; undefined: the kernel does not tell. */
  async #remember(ruleset: Ruleset, rules: string, generation: number | undefined): Promise<void> {
    const listing = await this.#list()
    // Somebody was faster than this look: what stands there is not ours, so the next `keep` loads again.
    const isOurs = listing !== undefined && hasRulesOf(listing, ruleset)
    const isCertain = isOurs && (generation === undefined || nftGeneration() === nextGeneration(generation))
    if (!isCertain) this.#look = undefined
    this.#counts = listing?.counts ?? new Map()
    this.#ruleset = ruleset
    this.#installed = { rules, fingerprint: isOurs ? listing.fingerprint : '', isCertain }
  }

  /** Whether the table as it stands, whoever wrote it, cuts off loopback. Looks only after rules changed. Throws NftError. */
  async cutsLoopback(): Promise<boolean> {
    const generation = nftGeneration()
    if (generation !== undefined && generation === this.#passesAt) return false
    const isCut = cutsLoopback(await this.#nft.list())
    this.#passesAt = isCut ? undefined : generation
    return isCut
  }

  /** Takes the table away. Throws NftError. */
  async remove(): Promise<void> {
    await this.#nft.unload()
    this.#installed = undefined
    this.#ruleset = undefined
    this.#look = undefined
  }
}
