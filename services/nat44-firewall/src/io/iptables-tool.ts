import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  argumentsOf,
  type DockerAction,
  type FilterTable,
  hasIptablesForward,
  type IpFamily,
  NO_FILTER_TABLE,
  parseFilterTable,
} from '../core/docker.ts'
import { type ForwardChain, parseForwardChains } from '../core/listing.ts'
import { isWritable } from './is-writable.ts'
import { askNft, NftError, runTool } from './run-tool.ts'

/** One of the two iptables flavours for one family: they keep separate tables, and a host may have both. */
export interface Flavour {
  readonly family: IpFamily
  readonly backend: 'nft' | 'legacy'
  readonly tool: string
}

export const FLAVOURS: readonly Flavour[] = [
  { family: 4, backend: 'nft', tool: 'iptables-nft' },
  { family: 6, backend: 'nft', tool: 'ip6tables-nft' },
  { family: 4, backend: 'legacy', tool: 'iptables-legacy' },
  { family: 6, backend: 'legacy', tool: 'ip6tables-legacy' },
]

/** Files that list the tables of iptables-legacy. Asking iptables-legacy itself would create the table. */
const LEGACY_TABLES = { 4: '/proc/self/net/ip_tables_names', 6: '/proc/self/net/ip6_tables_names' } as const

const hasLegacyTable = (family: IpFamily): boolean => {
  try {
    return readFileSync(LEGACY_TABLES[family], 'utf8').split('\n').includes('filter')
  } catch {
    // No such file: the kernel has no iptables-legacy, or its module was never loaded.
    return false
  }
}

/** Where iptables-legacy takes its lock. In a container with a read-only root another place must do. */
const LEGACY_LOCK = '/run/xtables.lock'

/** Sets the lock file of iptables-legacy once, for all tools that this process starts. */
export const chooseLegacyLock = (stateDir: string): void => {
  if (process.env['XTABLES_LOCKFILE'] !== undefined) return
  if (isWritable(LEGACY_LOCK) || isWritable(dirname(LEGACY_LOCK))) return
  process.env['XTABLES_LOCKFILE'] = join(stateDir, 'xtables.lock')
}

/** The chains of nftables that every forwarded packet passes. Throws NftError. */
export const readForwardChains = async (): Promise<readonly ForwardChain[]> =>
  await askNft(['-j', 'list', 'chains'], parseForwardChains)

/** The filter table of a flavour; NO_FILTER_TABLE when there is none, then no tool is started. Throws NftError. */
export const readFilterTable = async (
  { family, backend, tool }: Flavour,
  nftChains: readonly ForwardChain[],
): Promise<FilterTable> => {
  const exists = backend === 'nft' ? hasIptablesForward(nftChains, family) : hasLegacyTable(family)
  if (!exists) return NO_FILTER_TABLE
  return parseFilterTable(await runTool(tool, ['-w', '5', '-S']))
}

/** Does one action. Returns false when what was to be deleted is gone already. Throws NftError. */
export const runDockerAction = async (flavour: Flavour, action: DockerAction): Promise<boolean> => {
  try {
    await runTool(flavour.tool, argumentsOf(action))
    return true
  } catch (error) {
    const gone = /does a matching rule exist|No chain\/target\/match by that name|Bad rule/
    if (error instanceof NftError && action.operation === 'delete' && gone.test(error.detail)) return false
    throw error
  }
}
