import { hasRulesOf, type Listing } from '../core/listing.ts'
import type { Ruleset } from '../core/nft.ts'
import { type Count, createTable } from '../core/transaction.ts'
import type { NftTool } from './nft-tool.ts'

/** `loaded`: the rules are new; `repaired`: somebody had changed or removed the table. */
export type TableOutcome = 'unchanged' | 'loaded' | 'repaired'

interface Installed {
  /** The rules as text, without counters. */
  readonly rules: string
  /** How nft lists them. */
  readonly fingerprint: string
}

/** Keeps the table `inet sixgate` as it should be. Calls must not overlap. */
export class TableKeeper {
  readonly #nft: NftTool
  #installed: Installed | undefined
  #counts: ReadonlyMap<string, Count> = new Map()

  constructor(nft: NftTool) {
    this.#nft = nft
  }

  /** By rule id, as of the last `keep`. */
  get counts(): ReadonlyMap<string, Count> {
    return this.#counts
  }

  /** Whether the table of the last `keep` stands, as far as this process knows. */
  get stands(): boolean {
    return this.#installed !== undefined
  }

  /** Lists the table and loads it anew unless it is what it should be. Throws NftError; then nothing has changed. */
  async keep(ruleset: Ruleset): Promise<TableOutcome> {
    const rules = JSON.stringify(createTable(ruleset, new Map()))
    const listing = await this.#nft.list()
    // What is missing from a damaged table has counted up to the last look.
    this.#counts = new Map([...this.#counts, ...(listing?.counts ?? [])])
    const isNew = this.#installed?.rules !== rules
    if (!isNew && listing?.fingerprint === this.#installed?.fingerprint) return 'unchanged'
    await this.#nft.load(ruleset, this.#counts, listing)
    await this.#remember(ruleset, rules)
    return isNew ? 'loaded' : 'repaired'
  }

  async #remember(ruleset: Ruleset, rules: string): Promise<void> {
    const listing: Listing | undefined = await this.#nft.list()
    // Somebody was faster than this look: what stands there is not ours, so the next `keep` loads again.
    const fingerprint = listing !== undefined && hasRulesOf(listing, ruleset) ? listing.fingerprint : ''
    this.#counts = listing?.counts ?? new Map()
    this.#installed = { rules, fingerprint }
  }

  /** Takes the table away. Throws NftError. */
  async remove(): Promise<void> {
    await this.#nft.unload()
    this.#installed = undefined
  }
}
