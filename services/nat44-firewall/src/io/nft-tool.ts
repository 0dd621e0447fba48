import { rm, writeFile } from 'node:fs/promises'
import { kernelOptionsOf } from '../core/diagnose.ts'
import { type Listing, parseListing } from '../core/listing.ts'
import type { Rule, Ruleset } from '../core/nft.ts'
import {
  type Count,
  changeTable,
  createTable,
  removeTable,
  type Standing,
  type Transaction,
} from '../core/transaction.ts'
import { FAMILY, TABLE } from '../core/table.ts'
import { askNft, NftError, runNftScript } from './run-tool.ts'

const NFT = 'nft'

const scriptOf = (transaction: Transaction): string => `${JSON.stringify(transaction)}\n`

/** nft as far as the table `inet sixgate` goes. All calls throw NftError. */
export class NftTool {
  readonly #record: string

  /** `record`: a file for the owner, with what was loaded last. Nothing depends on it: it is left out on a full disk. */
  constructor(record: string) {
    this.#record = record
  }

  async #load(transaction: Transaction): Promise<void> {
    const script = scriptOf(transaction)
    await runNftScript(script, ['-j'])
    // Half of it would be no ruleset at all.
    await writeFile(this.#record, script).catch(() => this.#forget())
  }

  async #forget(): Promise<void> {
    await rm(this.#record, { force: true }).catch(() => {})
  }

  /**
   * Puts the table in place in one transaction: all of it, or nothing changes. For a kernel that lacks something the
   * error says which options. `standing`: the table as it was listed just before.
   */
  async load(ruleset: Ruleset, kept: ReadonlyMap<string, Count>, standing: Standing | undefined): Promise<void> {
    try {
      await this.#load(changeTable(ruleset, kept, standing))
    } catch (error) {
      if (!(error instanceof NftError) || error.code !== 'unsupported') throw error
      const options = kernelOptionsOf(await this.#refusedRules(ruleset))
      throw new NftError('unsupported', NFT, `${options.join(', ')}; ${error.detail}`, error)
    }
  }

  /** The rules that the kernel does not take, each tried on its own. */
  async #refusedRules(ruleset: Ruleset): Promise<readonly Rule[]> {
    const refused: Rule[] = []
    for (const chain of ruleset.chains)
      for (const rule of chain.rules) {
        const alone = ruleset.chains.map((other) => ({ ...other, rules: other === chain ? [rule] : [] }))
        if (!(await this.#isTaken({ ...ruleset, chains: alone }))) refused.push(rule)
      }
    return refused
  }

  /** Whether the kernel would take this; changes nothing. */
  async #isTaken(ruleset: Ruleset): Promise<boolean> {
    try {
      await runNftScript(scriptOf(createTable(ruleset, new Map())), ['-c', '-j'])
      return true
    } catch (error) {
      if (error instanceof NftError && error.code === 'unsupported') return false
      throw error
    }
  }

  /** The table as it is; undefined: there is none. */
  async list(): Promise<Listing | undefined> {
    try {
      return await askNft(['-j', 'list', 'table', FAMILY, TABLE], parseListing)
    } catch (error) {
      if (error instanceof NftError && /No such file or directory/.test(error.detail)) return undefined
      throw error
    }
  }

  /** Takes the table away; it need not be there. */
  async unload(): Promise<void> {
    await runNftScript(scriptOf(removeTable()), ['-j'])
    await this.#forget()
  }
}
