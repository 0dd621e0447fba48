import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { objectsOf } from '../core/listing.ts'
import { OWN_CHAINS, OWN_SETS } from '../core/ruleset.ts'
import { posixZone } from '../core/schedule.ts'
import { FAMILY } from '../core/table.ts'
import {
  adoptDraft,
  DRAFT,
  draftScript,
  dropDraftScript,
  NO_USER_RULES,
  precheck,
  type UserRules,
} from '../core/user-rules.ts'
import { NftError, runNftScript, runTool } from './run-tool.ts'

/** Messages of nft, one per mistake with file and line, are kept this long. */
const COMPLAINT_MAX = 600

/** The owner's rules in a directory, followed as it changes. What is wrong changes nothing: the rules before it stay. */
export class UserRulesSource {
  readonly #directory: string | undefined
  #seen = ''
  #rules = NO_USER_RULES
  #complaint: string | undefined

  /** `directory`: where `*.nft` files are; it need not be there. */
  constructor(directory: string | undefined) {
    this.#directory = directory
  }

  get rules(): UserRules {
    return this.#rules
  }

  /** What is wrong with the files as they are now; undefined when nothing is. */
  get complaint(): string | undefined {
    return this.#complaint
  }

  /**
   * Reads the directory if something in it changed. `offsetS`: how far the clock that their hours are meant by is ahead of
   * UTC; when it changes (summer time), the files mean something else. Throws NftError when nft cannot be run at all.
   */
  async read(offsetS: number): Promise<void> {
    const files = this.#files()
    const seen = [offsetS, ...files.map((file) => `${file} ${stamp(file)}`)].join('\n')
    if (seen === this.#seen) return
    const outcome = files.length === 0 ? NO_USER_RULES : await this.#load(files, posixZone(offsetS))
    this.#seen = seen
    this.#complaint = typeof outcome === 'string' ? outcome : undefined
    if (typeof outcome !== 'string') this.#rules = outcome
  }

  #files(): readonly string[] {
    const directory = this.#directory
    if (directory === undefined) return []
    try {
      return readdirSync(directory)
        .filter((name) => name.endsWith('.nft'))
        .toSorted()
        .map((name) => join(directory, name))
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return []
      throw error
    }
  }

  /** The rules, or the complaint about them. */
  async #load(files: readonly string[], timeZone: string): Promise<UserRules | string> {
    for (const file of files) {
      if (file.includes('"')) return `${file}: a file name must hold no quotation mark`
      const complaint = precheck(file, readFileSync(file, 'utf8'))
      if (complaint !== undefined) return complaint
    }
    try {
      await runNftScript(draftScript(files), ['-c'], { timeZone })
      await runNftScript(draftScript(files), [], { timeZone })
      const text = await runTool('nft', ['-j', 'list', 'table', FAMILY, DRAFT])
      const adopted = adoptDraft(objectsOf(text), { chains: OWN_CHAINS, sets: OWN_SETS })
      if (!adopted.ok) return adopted.complaint
      await this.#checkAdopted(adopted.rules)
      return adopted.rules
    } catch (error) {
      if (!(error instanceof NftError) || (error.code !== 'refused' && error.code !== 'unsupported')) throw error
      return error.detail.trim().slice(0, COMPLAINT_MAX)
    } finally {
      await runNftScript(dropDraftScript()).catch(() => {})
    }
  }

  /** nft prints some expressions in a way that it does not read (ct original proto-dst with a set): found here. */
  async #checkAdopted({ objects }: UserRules): Promise<void> {
    const table = { table: { family: FAMILY, name: DRAFT } }
    const inDraft = objects.map((object) =>
      Object.fromEntries(
        Object.entries(object).map(([kind, content]) => [kind, { ...(content as object), table: DRAFT }]),
      ),
    )
    const script = { nftables: [{ delete: table }, { add: table }, ...inDraft.map((object) => ({ add: object }))] }
    await runNftScript(JSON.stringify(script), ['-c', '-j'])
  }
}

/** Changes when the file does. A file that vanished meanwhile is seen in the next turn. */
const stamp = (file: string): string => {
  const { mtimeMs, size, ino } = statSync(file)
  return `${mtimeMs} ${size} ${ino}`
}
