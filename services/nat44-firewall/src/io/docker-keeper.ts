import { type DockerLinks, planDocker, planDockerRemoval, wantedRules } from '../core/docker.ts'
import { type Flavour, FLAVOURS, nftFilterFamilies, readFilterTable, runDockerAction } from './iptables-tool.ts'

export interface DockerChange {
  readonly tool: string
  readonly operation: 'insert' | 'delete'
  readonly chain: string
  readonly rule: string
}

/** Puts our accepts into every FORWARD chain that would drop our packets. Returns what was changed. Throws NftError. */
export const keepDockerAccepts = (links: DockerLinks): Promise<readonly DockerChange[]> =>
  changeAll((flavour, table) => planDocker(table, wantedRules(flavour.family, links)))

/** Takes them away, exactly ours. Returns what was changed. Throws NftError. */
export const removeDockerAccepts = (): Promise<readonly DockerChange[]> =>
  changeAll((_flavour, table) => planDockerRemoval(table))

type Plan = (flavour: Flavour, table: Awaited<ReturnType<typeof readFilterTable>>) => ReturnType<typeof planDocker>

const changeAll = async (plan: Plan): Promise<readonly DockerChange[]> => {
  const changes: DockerChange[] = []
  const nftFamilies = await nftFilterFamilies()
  for (const flavour of FLAVOURS)
    for (const action of plan(flavour, await readFilterTable(flavour, nftFamilies)))
      if (await runDockerAction(flavour, action))
        changes.push({
          tool: flavour.tool,
          operation: action.operation,
          chain: action.chain,
          rule: action.rule.join(' '),
        })
  return changes
}
