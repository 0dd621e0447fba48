import type { Site } from '@sixgate/site'
import { type Chain, type Helper, ip4, ip6, is, PRIORITY, port, type Rule, useHelper } from './nft.ts'
import { type Facts, from, inside4, prefix, TUN_LINK } from './zones.ts'

const FTP: Helper = { type: 'ftp', protocol: 'tcp', name: 'ftp' }
const SIP: readonly Helper[] = [
  { type: 'sip', protocol: 'udp', name: 'sip_udp' },
  { type: 'sip', protocol: 'tcp', name: 'sip_tcp' },
]

/** What the document asks for: as nat64 rewrites these protocols, so the flows that they announce have to be let in. */
export const wantedHelpers = (site: Site): readonly Helper[] => {
  const { ftp, sip } = site.nat64.alg
  return [...(ftp === 'auto' ? [FTP] : []), ...(sip === 'on' ? SIP : [])]
}

/** Kernel option and module of a helper. */
const KERNEL = { ftp: 'NF_CONNTRACK_FTP, NF_NAT_FTP', sip: 'NF_CONNTRACK_SIP, NF_NAT_SIP' } as const

export const missingHelperText = (type: Helper['type']): string =>
  `this kernel has no conntrack helper for ${type} (options ${KERNEL[type]}): flows that the other side opens are refused${type === 'ftp' ? '; passive FTP works' : ''}. Load it: modprobe -a nf_nat_${type}; or set nat64.alg.${type} to off`

/** Of those, what this kernel has. */
export const usedHelpers = (site: Site, facts: Facts): readonly Helper[] =>
  wantedHelpers(site).filter(({ type }) => facts.helpers.includes(type))

/**
 * Over TCP the helper for SIP reads each segment for itself, and conntrack remembers one change of length of a connection only
 * (nf_ct_seqadj): where NAT changes lengths, messages that are under way together stall it. So the translator does there what the
 * helper would do: it writes the uplink's address, and opens the way for media.
 */
const isRead4 = ({ type, protocol }: Helper): boolean => type !== 'sip' || protocol !== 'tcp'

/**
 * Control channels of both legs get their helper, so that the data flow that a server opens is known on each (`related`):
 * on the IPv6 leg by what the host said, on the IPv4 leg by what the translator made of it.
 */
export const helperChains = (site: Site, facts: Facts): readonly Chain[] => {
  const helpers = usedHelpers(site, facts)
  if (helpers.length === 0) return []
  const { ftpPorts, sipPorts } = site.nat64.alg
  const rules = helpers.flatMap((helper): readonly Rule[] => {
    const control = is(port(helper.protocol, 'dport'), helper.type === 'ftp' ? ftpPorts : sipPorts)
    const id = `helper-${helper.type}-${helper.protocol}`
    const text = `control channel of ${helper.type}, read by conntrack`
    const lan: Rule = {
      id: `${id}-lan`,
      text,
      matches: [from(facts.lan), is(ip6.daddr, site.pref64.map(prefix)), control],
      verdict: useHelper(helper),
    }
    if (!isRead4(helper)) return [lan]
    const matches = [from(TUN_LINK), is(ip4.saddr, inside4(site).map(prefix)), control]
    return [lan, { id: `${id}-nat64`, text, matches, verdict: useHelper(helper) }]
  })
  // Behind conntrack itself (priority -200), before the first packet's flow is confirmed.
  const base = { type: 'filter', hook: 'prerouting', prio: PRIORITY.MANGLE, policy: 'accept' } as const
  return [{ name: 'helpers', base, rules }]
}
