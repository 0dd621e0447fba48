import type { Helper } from '../core/nft.ts'
import { NftError, runTool } from './run-tool.ts'

/** After so long a helper that was missing is looked for again: its module may have been loaded. */
const LOOK_AGAIN_MS = 60_000

/** Finds out which helpers of conntrack the kernel has, by asking nft to check a table with one. */
export class KernelHelpers {
  readonly #has = new Map<Helper['type'], boolean>()
  #nextLookMs = 0

  /** Those that were found. */
  get known(): readonly Helper['type'][] {
    return [...this.#has].filter(([, has]) => has).map(([type]) => type)
  }

  /** Looks for those that are not known yet, and returns which of them the kernel lacks, each once. */
  async missing(wanted: readonly Helper['type'][]): Promise<readonly Helper['type'][]> {
    const types = [...new Set(wanted)]
    const again = performance.now() >= this.#nextLookMs
    if (again) this.#nextLookMs = performance.now() + LOOK_AGAIN_MS
    for (const type of types)
      if (!this.#has.has(type) || (again && this.#has.get(type) === false)) await this.#look(type)
    return types.filter((type) => this.#has.get(type) === false)
  }

  async #look(type: Helper['type']): Promise<void> {
    const protocol = type === 'ftp' ? 'tcp' : 'udp'
    const script = `table inet sixgate_check {\n ct helper h { type "${type}" protocol ${protocol}; }\n}`
    try {
      await runTool('nft', ['-c', script])
      this.#has.set(type, true)
    } catch (error) {
      if (!(error instanceof NftError)) throw error
      // Without nft, or without the right to ask, nothing is known; that is reported with the table.
      if (error.code === 'unsupported' || error.code === 'refused') this.#has.set(type, false)
    }
  }
}
