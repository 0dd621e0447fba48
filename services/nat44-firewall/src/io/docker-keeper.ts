import {
  type DockerAction,
  type DockerLinks,
  type FilterTable,
  foreignDrops,
  planDocker,
  planDockerRemoval,
  wantedRules,
} from '../core/docker.ts'
import type { ForwardChain } from '../core/listing.ts'
import { type Flavour, FLAVOURS, readFilterTable, readForwardChains, runDockerAction } from './iptables-tool.ts'
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

/** Puts our accepts into every iptables chain that would drop our packets. Throws NftError when nft cannot be asked. */
export const keepDockerAccepts = (links: DockerLinks): Promise<DockerReport> =>
  changeAll((flavour, table) => planDocker(table, wantedRules(flavour.family, links)))

/** Takes them away, exactly ours. Throws NftError when nft cannot be asked. */
export const removeDockerAccepts = (): Promise<DockerReport> => changeAll((_flavour, table) => planDockerRemoval(table))

type Plan = (flavour: Flavour, table: FilterTable) => readonly DockerAction[]

const changeAll = async (plan: Plan): Promise<DockerReport> => {
  const changes: DockerChange[] = []
  const failures: NftError[] = []
  const nftChains = await readForwardChains()
  for (const flavour of FLAVOURS)
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
