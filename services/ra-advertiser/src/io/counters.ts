import { RsVerdict } from '../core/rs-check.ts'

type Refusal = Exclude<keyof typeof RsVerdict, 'OK'>

/** Metric per reason to refuse a Router Solicitation. */
const REFUSED = {
  NOT_A_SOLICITATION: 'rs_refused_not_a_solicitation_total',
  HOP_LIMIT: 'rs_refused_hop_limit_total',
  BAD_CODE: 'rs_refused_bad_code_total',
  TOO_SHORT: 'rs_refused_too_short_total',
  OPTION_LENGTH_ZERO: 'rs_refused_option_length_zero_total',
  OPTION_OVERRUN: 'rs_refused_option_overrun_total',
  SLLA_FROM_UNSPECIFIED: 'rs_refused_slla_from_unspecified_total',
  FRAGMENTED: 'rs_refused_fragmented_total',
  SOURCE_NOT_ON_LINK: 'rs_refused_source_not_on_link_total',
} as const satisfies Record<Refusal, string>

/** Every metric of this service. */
export const COUNTER_NAMES = [
  'ra_sent_unsolicited_total',
  'ra_sent_solicited_multicast_total',
  'ra_sent_solicited_unicast_total',
  'ra_sent_final_total',
  /** Messages in the name of other gateways that are silent. */
  'ra_sent_for_others_total',
  'ra_send_errors_total',
  'rs_received_total',
  ...Object.values(REFUSED),
  /** Router Advertisements of other routers. */
  'ra_received_total',
  'ra_refused_fragmented_total',
  'ra_refused_source_not_link_local_total',
  'ra_refused_hop_limit_total',
  'ra_refused_malformed_total',
  /** Options in them that break their own format. */
  'ra_options_ignored_total',
  /** Findings that were new. */
  'ra_findings_total',
  /** Other routers heard of, those of them that ra.knownRouters does not name, and what they say otherwise than ours. */
  'ra_neighbours',
  'ra_neighbours_unknown',
  'ra_conflicts',
  /** Other gateways of the site that do not answer, on each LAN. */
  'gateways_silent',
  /** DHCPv4 messages, answers with option 108, and why there was none. */
  'dhcp4_received_total',
  'dhcp4_offers_total',
  'dhcp4_refused_malformed_total',
  'dhcp4_refused_relayed_total',
  'dhcp4_refused_not_discover_total',
  'dhcp4_refused_not_asked_for_total',
  'dhcp4_refused_too_many_total',
  /** 1 while this instance is the active one of several. */
  'active',
  /** 1 while it is well as far as `ra.health` follows it, on every LAN. */
  'health_nat64',
  'health_dns64',
  'health_uplink',
  /** On how many LAN links Router Advertisements are sent. */
  'advertising',
  /** 1 while the kernel forwards IPv6 from every LAN. */
  'forwarding',
  /** Router Lifetime of the messages now. */
  'router_lifetime_seconds',
] as const
export type CounterName = (typeof COUNTER_NAMES)[number]

const REFUSALS = Object.keys(REFUSED) as Refusal[]

/** The metric and the name of a verdict other than OK. */
export const refusedCounter = (verdict: RsVerdict): { readonly counter: CounterName; readonly verdict: Refusal } => {
  const name = REFUSALS.find((key) => RsVerdict[key] === verdict)
  if (name === undefined) throw new RangeError(`verdict ${verdict} refuses nothing`)
  return { counter: REFUSED[name], verdict: name }
}
