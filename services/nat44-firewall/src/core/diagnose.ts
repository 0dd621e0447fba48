/** Why a tool of netfilter failed, and what its owner can do about it. */

export type NftFailure =
  | 'missing'
  | 'unusable'
  | 'denied'
  | 'unsupported'
  | 'incompatible'
  | 'refused'
  | 'timeout'
  | 'unreadable'

/** What nft, iptables and ip6tables print for an error of the kernel, in the C locale. */
const SIGNS: readonly (readonly [sign: RegExp, failure: NftFailure])[] = [
  // iptables-nft met expressions in its table that only nft can write.
  [/is incompatible, use 'nft' tool/, 'incompatible'],
  [/Operation not permitted|Permission denied|you must be root/i, 'denied'],
  // The kernel says ENOENT for a statement whose module is not there (nf_tables_expr_parse, nft_chain_type_get).
  [
    /Could not process rule: (No such file or directory|Operation not supported|Protocol not supported|Invalid argument)|Address family not supported|Protocol family not supported/i,
    'unsupported',
  ],
]

export const classifyFailure = (stderr: string): NftFailure =>
  SIGNS.find(([sign]) => sign.test(stderr))?.[1] ?? 'refused'

const LINE_MAX = 300
const oneLine = (text: string): string => text.trim().replaceAll(/\s+/g, ' ').slice(0, LINE_MAX)

const packageOf = (tool: string): string => (tool.startsWith('nft') ? 'nftables' : 'iptables')

/** What to say, by failure; `tool` is the program's name, `detail` what it printed. */
export const FAILURE_TEXT: Readonly<Record<NftFailure, (tool: string, detail: string) => string>> = {
  missing: (tool) => `${tool} is not installed: apt-get install ${packageOf(tool)} (the image brings it)`,
  unusable: (tool, detail) =>
    `${tool} is there but cannot be run (${oneLine(detail)}): apt-get install --reinstall ${packageOf(tool)}, or start the container from its own image again`,
  denied: (tool) =>
    `${tool} may not change the firewall: the container needs cap_add NET_ADMIN${tool.endsWith('-legacy') ? ' and NET_RAW' : ''}, and network_mode host; outside of a container, run as root`,
  unsupported: (tool, detail) =>
    `this kernel lacks something that ${tool} needs (${oneLine(detail)}): load the modules, or use a kernel that has them (those of Debian and Raspberry Pi OS do)`,
  incompatible: (tool) =>
    `the table "filter" of ${tool} holds rules that only nft can read, so it cannot be seen whether its chain FORWARD lets the site's packets pass: move those rules to a table of another name (nft list table ${tool.startsWith('ip6') ? 'ip6' : 'ip'} filter shows them)`,
  refused: (tool, detail) => `${tool} refused the rules: ${oneLine(detail)}`,
  timeout: (tool) => `${tool} did not end in time: something holds the firewall's lock, or the machine is overloaded`,
  unreadable: (tool, detail) => `${tool} printed what cannot be read: ${oneLine(detail)}`,
}

/** Kernel options behind statements and expressions, by their key in the JSON. */
const KERNEL_OPTIONS: readonly (readonly [key: string, option: string])[] = [
  ['ct', 'CONFIG_NFT_CT'],
  ['dnat', 'CONFIG_NFT_NAT'],
  ['fib', 'CONFIG_NFT_FIB_INET'],
  ['flow', 'CONFIG_NFT_FLOW_OFFLOAD'],
  ['limit', 'CONFIG_NFT_LIMIT'],
  ['masquerade', 'CONFIG_NFT_MASQ'],
  ['reject', 'CONFIG_NFT_REJECT_INET'],
  ['snat', 'CONFIG_NFT_NAT'],
]

/** The kernel options that rules need beyond CONFIG_NF_TABLES_INET itself, which stands for the rest. */
export const kernelOptionsOf = (rules: readonly unknown[]): readonly string[] => {
  const text = JSON.stringify(rules)
  const options = KERNEL_OPTIONS.filter(([key]) => text.includes(`"${key}":`)).map(([, option]) => option)
  return options.length === 0 ? ['CONFIG_NF_TABLES_INET'] : [...new Set(options)]
}
