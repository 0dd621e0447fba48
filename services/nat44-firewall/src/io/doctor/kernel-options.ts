import { NftError, runTool } from '../run-tool.ts'

/** Statements that the rules use, each with the kernel option behind it. */
const STATEMENTS: readonly (readonly [option: string, type: string, statement: string])[] = [
  ['CONFIG_NF_TABLES_INET', 'filter hook forward priority 0', 'accept'],
  ['CONFIG_NFT_CT', 'filter hook forward priority 0', 'ct state established accept'],
  ['CONFIG_NFT_LIMIT', 'filter hook forward priority 0', 'limit rate over 5/second drop'],
  ['CONFIG_NFT_REJECT_INET', 'filter hook forward priority 0', 'reject with icmpx type admin-prohibited'],
  ['CONFIG_NFT_NAT', 'nat hook prerouting priority -100', 'dnat ip to 192.0.2.1'],
  ['CONFIG_NFT_MASQ', 'nat hook postrouting priority 100', 'masquerade'],
  ['CONFIG_NFT_FIB_INET', 'filter hook prerouting priority -300', 'fib saddr . iif oif missing drop'],
]

/** Options that this kernel lacks, found by letting nft check a rule for each; nothing is loaded. Throws NftError. */
export const missingOptions = async (): Promise<readonly string[]> => {
  const missing: string[] = []
  for (const [option, type, statement] of STATEMENTS)
    try {
      await runTool('nft', ['-c', `table inet sixgate_check {\n chain c {\n  type ${type};\n  ${statement}\n }\n}`])
    } catch (error) {
      if (!(error instanceof NftError) || error.code !== 'unsupported') throw error
      missing.push(option)
    }
  return missing
}
