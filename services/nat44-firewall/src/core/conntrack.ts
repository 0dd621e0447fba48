import type { SysctlStep } from './forwarding.ts'

/** Below /proc/sys/net/netfilter. Every one counts for all flows of the host, whoever they belong to. Timers in seconds. */
const SETTINGS: readonly (readonly [name: string, value: number, because: string])[] = [
  // Of packets with a home address (RFC 6275 §6.1.7, §9.3.1) the sum is not over the addresses that stand in the header, so that
  // conntrack would call each of them invalid. Sums are for the ends to judge: a router changes nothing that a wrong one covers.
  ['nf_conntrack_checksum', 0, 'RFC 6092 REC-27: type 2 routing headers and home addresses pass'],
  ['nf_conntrack_udp_timeout', 120, 'RFC 4787 REQ-5: not below 2 minutes'],
  ['nf_conntrack_udp_timeout_stream', 300, 'RFC 4787 REQ-5: 5 minutes recommended; RFC 6092 REC-14'],
  ['nf_conntrack_icmp_timeout', 60, 'RFC 5508 REQ-2: not below 60 seconds'],
  ['nf_conntrack_icmpv6_timeout', 60, 'as for ICMP'],
  ['nf_conntrack_generic_timeout', 300, 'RFC 6092 REC-12: not below 2 minutes, 5 by default'],
  ['nf_conntrack_tcp_timeout_established', 7440, 'RFC 5382 REQ-5, RFC 6092 REC-35: not below 2 hours 4 minutes'],
  ['nf_conntrack_tcp_timeout_syn_sent', 240, 'RFC 5382 REQ-5: transitory, not below 4 minutes'],
  ['nf_conntrack_tcp_timeout_syn_recv', 240, 'transitory'],
  ['nf_conntrack_tcp_timeout_fin_wait', 240, 'transitory'],
  ['nf_conntrack_tcp_timeout_close_wait', 240, 'transitory'],
  ['nf_conntrack_tcp_timeout_last_ack', 240, 'transitory'],
  ['nf_conntrack_tcp_timeout_time_wait', 240, 'RFC 7857 §2.1: after a FIN from both, 4 minutes'],
  ['nf_conntrack_sctp_timeout_established', 7440, 'RFC 6092 REC-40: not below 2 hours 4 minutes'],
  ...['closed', 'cookie_wait', 'cookie_echoed', 'shutdown_sent', 'shutdown_recd', 'shutdown_ack_sent'].map(
    (state) => [`nf_conntrack_sctp_timeout_${state}`, 240, 'RFC 6092 REC-40: transitory, not below 4 minutes'] as const,
  ),
  ['nf_conntrack_dccp_timeout_open', 7440, 'RFC 6092 REC-44: not below 2 hours 4 minutes'],
  ...['request', 'respond', 'partopen', 'closereq', 'closing', 'timewait'].map(
    (state) => [`nf_conntrack_dccp_timeout_${state}`, 480, 'RFC 6092 REC-44: transitory, not below 8 minutes'] as const,
  ),
]

/** Kernel memory for one flow: struct nf_conn with its extensions, and its share of the hash table. */
const FLOW_BYTES = 400
/** This share of the memory may hold flows when all of them are in use. */
const MEMORY_SHARE = 1 / 32
const FLOWS_MAX = 1_048_576

/**
 * Room for flows by the machine's memory: 512 MB 41,943, 1 GB 83,886, 4 GB 335,544. The kernel's own choice stops at 65,536
 * for machines of 1 to 4 GB, of which a flow through NAT64 takes two. Never lowered: an owner may have chosen more.
 */
export const planConntrackSize = (max: number, memoryBytes: number): readonly SysctlStep[] => {
  const wanted = Math.min(FLOWS_MAX, Math.floor((memoryBytes * MEMORY_SHARE) / FLOW_BYTES))
  return max === 0 || max >= wanted ? [] : [{ path: 'netfilter/nf_conntrack_max', value: String(wanted), affects: [] }]
}

/** The settings that this kernel has; `names` = what is in /proc/sys/net/netfilter. */
export const planConntrack = (names: readonly string[]): readonly SysctlStep[] =>
  SETTINGS.filter(([name]) => names.includes(name)).map(([name, value]) => ({
    path: `netfilter/${name}`,
    value: String(value),
    affects: [],
  }))

/** From this share on new flows may soon be refused. */
const FULL_SHARE = 0.9

/** How full the table of flows is. */
export interface ConntrackUse {
  readonly entries: number
  readonly max: number
}

/** A problem when the table of flows is nearly full; a flow through NAT64 takes two entries. */
export const conntrackProblem = ({ entries, max }: ConntrackUse): { code: string; message: string } | undefined => {
  if (max === 0 || entries < max * FULL_SHARE) return undefined
  const message = `the kernel follows ${entries} flows and can follow ${max} (net.netfilter.nf_conntrack_max): new ones will be dropped. Look for a host that opens very many ("conntrack -L"), or raise it: sysctl -w net.netfilter.nf_conntrack_max=${max * 2}`
  return { code: 'conntrack-full', message }
}
