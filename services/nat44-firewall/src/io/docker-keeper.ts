import {
  type DockerAction,
  type FilterTable,
  foreignDrops,
  planDocker,
  planDockerRemoval,
  wantedRules,
} from '../core/docker.ts'
import type { ForwardChain } from '../core/listing.ts'
import type { SiteLinks } from '../core/zones.ts'
import { type Flavour, FLAVOURS, readFilterTable, readForwardChains, runDockerAction } from './iptables-tool.ts'
import { nftGeneration } from './nft-generation.ts'
import { NftError } from './run-tool.ts'

export interface DockerChange {
  readonly tool: string
  readonly operation: 'insert' | 'delete'
  readonly chain: string
  readonly rule: string
}

export interface DockerReport {
  readonly changes: readonly DockerChange[]
  /** One flavour that fails does not keep the others from being looked after. */
  readonly failures: readonly NftError[]
  /** Chains that drop what they do not know, and that this service leaves alone. */
  readonly foreign: readonly ForwardChain[]
}

type Plan = (flavour: Flavour, table: FilterTable) => readonly DockerAction[]

const changeAll = async (plan: Plan, flavours: readonly Flavour[]): Promise<DockerReport> => {
  const changes: DockerChange[] = []
  const failures: NftError[] = []
  const nftChains = flavours.some(({ backend }) => backend === 'nft') ? await readForwardChains() : []
  for (const flavour of flavours)
    try {
      for (const action of plan(flavour, await readFilterTable(flavour, nftChains)))
        if (await runDockerAction(flavour, action)) changes.push(describe(flavour, action))
    } catch (error) {
      if (!(error instanceof NftError)) throw error
      failures.push(error)
    }
  return { changes, failures, foreign: foreignDrops(nftChains) }
}

const describe = ({ tool }: Flavour, { operation, chain, rule }: DockerAction): DockerChange => ({
  tool,
  operation,
  chain,
  rule: rule.join(' '),
})

/** Keeps our accepts in every iptables chain that would drop our packets. Calls must not overlap. */
export class DockerKeeper {
  /** Of nftables, when the accepts of iptables-nft were last found well, and for which links. */
  #settled: { readonly generation: number | undefined; readonly links: string } | undefined
  #foreign: readonly ForwardChain[] = []

  /** Puts in what is missing and takes out what is stale. Throws NftError when nft cannot be asked. */
  async keep(wanted: SiteLinks): Promise<DockerReport> {
    const generation = nftGeneration()
    const links = JSON.stringify(wanted)
    const isSettled =
      generation !== undefined && this.#settled?.generation === generation && this.#settled.links === links
    // iptables-legacy has no generation: where it has a table, it is asked every time.
    const flavours = FLAVOURS.filter(({ backend }) => backend === 'legacy' || !isSettled)
    const report = await changeAll((flavour, table) => planDocker(table, wantedRules(flavour.family, wanted)), flavours)
    if (isSettled) return { ...report, foreign: this.#foreign }
    this.#foreign = report.foreign
    this.#settled = report.failures.length === 0 ? { generation, links } : undefined
    return report
  }

  /** Takes exactly ours away. Throws NftError when nft cannot be asked. */
  async remove(): Promise<DockerReport> {
    this.#settled = undefined
    return await changeAll((_flavour, table) => planDockerRemoval(table), FLAVOURS)
  }
}
