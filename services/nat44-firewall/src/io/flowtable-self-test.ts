import { rmSync, writeFileSync } from 'node:fs'
import { NftError, runTool } from './run-tool.ts'

/**
 * Whether this kernel takes a flowtable on these links with a rule that fills it (CONFIG_NF_FLOW_TABLE, CONFIG_NFT_FLOW_OFFLOAD,
 * and links that can have one). nft checks it against the kernel; nothing is loaded. `script`: a file for nft. Throws NftError
 * when nft cannot be asked.
 */
export const takesFlowtable = async (script: string, links: readonly string[]): Promise<boolean> => {
  const devices = links.map((link) => `"${link}"`).join(', ')
  writeFileSync(
    script,
    `table inet sixgate_check {
 flowtable f {
  hook ingress priority 0
  devices = { ${devices} }
 }
 chain c {
  type filter hook forward priority 0
  ct state established flow add @f
 }
}
`,
  )
  try {
    await runTool('nft', ['-c', '-f', script])
    return true
  } catch (error) {
    if (error instanceof NftError && (error.code === 'unsupported' || error.code === 'refused')) return false
    throw error
  } finally {
    rmSync(script, { force: true })
  }
}
