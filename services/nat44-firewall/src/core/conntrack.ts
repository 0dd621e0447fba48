import type { SysctlStep } from './forwarding.ts'

/** Below /proc/sys/net/netfilter. Every one counts for all flows of the host, whoever they belong to. */
const TIMERS_S: readonly (readonly [name: string, seconds: number, because: string])[] = [
  ['nf_conntrack_udp_timeout', 120, 'RFC 4787 REQ-5: not below 2 minutes'],
  ['nf_conntrack_udp_timeout_stream', 300, 'RFC 4787 REQ-5: 5 minutes recommended; RFC 6092 REC-14'],
  ['nf_conntrack_icmp_timeout', 60, 'RFC 5508 REQ-2: not below 60 seconds'],
  ['nf_conntrack_icmpv6_timeout', 60, 'as for ICMP'],
  ['nf_conntrack_tcp_timeout_established', 7440, 'RFC 5382 REQ-5, RFC 6092 REC-35: not below 2 hours 4 minutes'],
  ['nf_conntrack_tcp_timeout_syn_sent', 240, 'RFC 5382 REQ-5: transitory, not below 4 minutes'],
  ['nf_conntrack_tcp_timeout_syn_recv', 240, 'transitory'],
  ['nf_conntrack_tcp_timeout_fin_wait', 240, 'transitory'],
  ['nf_conntrack_tcp_timeout_close_wait', 240, 'transitory'],
  ['nf_conntrack_tcp_timeout_last_ack', 240, 'transitory'],
  ['nf_conntrack_tcp_timeout_time_wait', 240, 'RFC 7857 §2.1: after a FIN from both, 4 minutes'],
]

/** The timers that this kernel has; `names` = what is in /proc/sys/net/netfilter. */
export const planConntrack = (names: readonly string[]): readonly SysctlStep[] =>
  TIMERS_S.filter(([name]) => names.includes(name)).map(([name, seconds]) => ({
    path: `netfilter/${name}`,
    value: String(seconds),
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
