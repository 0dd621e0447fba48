import { NftError, runTool } from './run-tool.ts'

/**
 * Whether this kernel takes a flowtable on these links with a rule that fills it (CONFIG_NF_FLOW_TABLE, CONFIG_NFT_FLOW_OFFLOAD,
 * and links that can have one): one transaction makes a table with both and takes it away again. Its chain has no hook, so that
 * no packet meets it. Throws NftError when nft cannot be asked.
 */
export const takesFlowtable = async (links: readonly string[]): Promise<boolean> => {
  const devices = links.map((link) => `"${link}"`).join(', ')
  const script = `table inet sixgate_check {
 flowtable f {
  hook ingress priority 0
  devices = { ${devices} }
 }
 chain c {
  ct state established flow add @f
 }
}
delete table inet sixgate_check`
  try {
    await runTool('nft', [script])
    return true
  } catch (error) {
    if (error instanceof NftError && (error.code === 'unsupported' || error.code === 'refused')) return false
    throw error
  }
}

/** After so long a kernel that took none is asked again: its module may have been loaded. */
const ASK_AGAIN_MS = 60_000

/** On which links the kernel takes a flowtable, asked once for each set of links. */
export class FlowtableProbe {
  #asked = ''
  #takes = false
  #againMs = 0

  /** All of `links`, or none of them. Not asked, by whatever it is that is reported with the table: none. */
  async links(links: readonly string[]): Promise<readonly string[]> {
    if (links.length < 2) return []
    const key = links.join('\n')
    if (key !== this.#asked || (!this.#takes && performance.now() >= this.#againMs)) await this.#ask(key, links)
    return this.#takes ? links : []
  }

  async #ask(key: string, links: readonly string[]): Promise<void> {
    this.#againMs = performance.now() + ASK_AGAIN_MS
    try {
      this.#takes = await takesFlowtable(links)
      this.#asked = key
    } catch (error) {
      if (!(error instanceof NftError)) throw error
      this.#takes = false
    }
  }

  /** The kernel refused the real one in spite of the test: none on these links, until others come or go. */
  withdraw(): void {
    this.#takes = false
    this.#againMs = Number.POSITIVE_INFINITY
  }
}
