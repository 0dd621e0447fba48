import {
  type Chain,
  drop,
  type FlowSet,
  flowIn,
  flowNotIn,
  ip6,
  is,
  jump,
  l4proto,
  reject6,
  remember,
  renew,
  type Rule,
  tcpSyn,
} from './nft.ts'
import type { Json } from './table.ts'
import { type Facts, from, to } from './zones.ts'

/** So many attempts are in mind at once; beyond that they are dropped as anything that nobody asked for. */
const ATTEMPTS_MAX = 8192
/** RFC 6092 REC-34, REC-39: no answer before. Both ends may open a flow at once, and the other SYN may still be on its way. */
const WAIT_S = 6
/** TCP tries again after 1, 3, 7, 15 and 31 s (RFC 6298 §2), SCTP after 3 and 9 s (RFC 9260 §16). */
const MEMORY_S = 40

const WAITING: FlowSet = { name: 'unsolicited_waiting', timeoutS: WAIT_S, sizeMax: ATTEMPTS_MAX }
const SEEN: FlowSet = { name: 'unsolicited_seen', timeoutS: MEMORY_S, sizeMax: ATTEMPTS_MAX }
/** The names are ours alone. */
export const FLOW_SETS: readonly FlowSet[] = [WAITING, SEEN]

/**
 * Jumped to by first packets of TCP and SCTP that nobody asked for. "A gateway MUST respond with an ICMPv6 Destination Unreachable
 * error code 1 […] to any unsolicited inbound SYN packet after waiting at least 6 seconds without first forwarding the associated
 * outbound SYN" (RFC 6092 REC-34): what is sent again 6 s after the first attempt gets the answer; what is sent once never does. A
 * flow that a LAN host opened meanwhile is a known one, and does not come here.
 */
export const unsolicited: Chain = {
  name: 'unsolicited',
  base: undefined,
  rules: [
    {
      id: 'unsolicited-told',
      text: `still not asked for after ${WAIT_S} s: told so (RFC 6092 REC-34, REC-39)`,
      matches: [flowIn(SEEN), flowNotIn(WAITING)],
      verdict: reject6('admin-prohibited'),
    },
    {
      id: 'unsolicited-waits',
      text: `not asked for, and no answer for ${WAIT_S} s`,
      matches: [remember(WAITING), renew(SEEN)],
      verdict: drop,
    },
  ],
}

const SCTP = 132

/** For the chain `forward`, behind all that is let in. `globals`: prefixes of the LAN that can be seen outside. */
export const unsolicitedRules = (facts: Facts, globals: readonly Json[]): readonly Rule[] => {
  const toHosts = [from(...facts.uplinks), to(facts.lan), is(ip6.daddr, globals)]
  return [
    {
      id: 'wan-unsolicited-tcp',
      text: 'TCP to a LAN host, not asked for',
      matches: [...toHosts, tcpSyn],
      verdict: jump(unsolicited.name),
    },
    {
      id: 'wan-unsolicited-sctp',
      text: 'SCTP to a LAN host, not asked for',
      matches: [...toHosts, is(l4proto, [SCTP])],
      verdict: jump(unsolicited.name),
    },
  ]
}
