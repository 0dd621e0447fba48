/**
 * libnftables JSON (libnftables-json(5)) as values: the few statements that the ruleset needs.
 * Everything here is data; nothing runs.
 */
import type { Json } from './table.ts'
import type { UserRules } from './user-rules.ts'

/** One statement or expression: an object with a single key that names its kind. */
export type Statement = { readonly [key: string]: Json }

/** One rule. Its nft comment is `id: text`; the counter stands between the matches and the verdict. */
export interface Rule {
  /** Unique in the table; `a-z 0-9 -`. Metrics and kept counters go by it. */
  readonly id: string
  /** What an operator should know who sees the rule count. */
  readonly text: string
  readonly matches: readonly Statement[]
  readonly verdict: Statement
}

/** Where a base chain hooks in. Lower priority runs first. */
export interface Hook {
  readonly type: 'filter' | 'nat'
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'
  readonly prio: number
  readonly policy: 'accept' | 'drop'
}

/** A helper of conntrack that reads a control channel and expects the flows it announces. */
export interface Helper {
  /** The kernel's name, and the object's in our table. */
  readonly type: 'ftp' | 'sip'
  readonly protocol: 'tcp' | 'udp'
  readonly name: string
}

export interface Chain {
  readonly name: string
  /** undefined: a chain that is only jumped to. */
  readonly base: Hook | undefined
  readonly rules: readonly Rule[]
}

/** Flows in it are forwarded as soon as their packets arrive on one of the links, past all chains. */
export interface Flowtable {
  readonly name: string
  /** Links that exist and that the kernel takes; at least two. */
  readonly devices: readonly string[]
}

/** A set of flows that rules fill, each forgotten `timeoutS` after it came or was `renew`ed; full, it takes no more. */
export interface FlowSet {
  readonly name: string
  readonly timeoutS: number
  readonly sizeMax: number
}

/** The content of a table: every chain stands before the chains that jump to it. */
export interface Ruleset {
  readonly chains: readonly Chain[]
  /** undefined: every packet passes the chains. */
  readonly flowtable: Flowtable | undefined
  readonly helpers: readonly Helper[]
  readonly sets: readonly FlowSet[]
  /** The owner's, see user-rules.ts. */
  readonly user: UserRules
}

/** Priorities of netfilter's own hooks, include/uapi/linux/netfilter_ipv4.h (IPv6 has the same). */
export const PRIORITY = { RAW: -300, MANGLE: -150, DSTNAT: -100, FILTER: 0, SRCNAT: 100, LAST: 300 } as const

/** nft refuses a longer comment (NFTNL_UDATA_COMMENT_MAXLEN, with the closing NUL). */
export const COMMENT_MAX_BYTES = 127

const payload = (protocol: string, field: string): Statement => ({ payload: { protocol, field } })
const meta = (key: string): Statement => ({ meta: { key } })

const match = (left: Json, op: '==' | '!=' | 'in', right: Json): Statement => ({ match: { op, left, right } })

/** One value as it is, several as an anonymous set. An empty list is the caller's mistake. */
const anyOf = (values: readonly Json[]): Json => {
  const [first, ...more] = values
  if (first === undefined) throw new RangeError('an nft set must hold at least one value')
  return more.length === 0 ? first : { set: values }
}

/** True for one of / none of the values. */
export const is = (left: Statement, values: readonly Json[]): Statement => match(left, '==', anyOf(values))
export const isNot = (left: Statement, values: readonly Json[]): Statement => match(left, '!=', anyOf(values))

/** Links by name, so that the rules outlive a link that is deleted and created again. */
export const iif = meta('iifname')
export const oif = meta('oifname')
export const l4proto = meta('l4proto')
/** `ipv4` or `ipv6`. */
export const nfproto = meta('nfproto')

export const ip4 = { saddr: payload('ip', 'saddr'), daddr: payload('ip', 'daddr') } as const
export const ip6 = {
  saddr: payload('ip6', 'saddr'),
  daddr: payload('ip6', 'daddr'),
  hopLimit: payload('ip6', 'hoplimit'),
} as const
export const icmp4Type = payload('icmp', 'type')
export const icmp6Type = payload('icmpv6', 'type')
export const port = (protocol: 'tcp' | 'udp', side: 'sport' | 'dport'): Statement => payload(protocol, side)
/** Both ends included; a range of one is a plain value. */
export const range = (first: number | string, last: number | string): Json =>
  first === last ? first : { range: [first, last] }
/** The header that follows the fixed one, as it stands there: `l4proto` steps over extension headers and AH. */
export const ip6NextHeader = payload('ip6', 'nexthdr')
/** The header that follows an extension header; true for no value when there is none. */
export const nextHeaderOf = (header: 'hbh' | 'dst' | 'rt'): Statement => ({
  exthdr: { name: header, field: 'nexthdr' },
})
/** MAC address of the sender; true for no value on links without Ethernet header. */
export const macSource = payload('ether', 'saddr')

/** UTC: `runTool` sets the zone in which nft reads times. `fromS` and `lastS` are seconds from midnight, both included. */
export const hours = (fromS: number, lastS: number): Statement =>
  match(meta('hour'), '==', { range: [clockTime(fromS), clockTime(lastS)] })
const clockTime = (seconds: number): string =>
  [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((part) => String(Math.trunc(part)).padStart(2, '0')).join(':')
export const days = (names: readonly string[]): Statement => is(meta('day'), names)

/** The packet's source would not be reached by the link it came from (RFC 3704 §2.2, strict reverse path). */
export const noWayBack: Statement = match({ fib: { result: 'oif', flags: ['saddr', 'iif'] } }, '==', false)
/** The destination is an address of this host. */
export const toThisHost: Statement = match({ fib: { result: 'type', flags: ['daddr'] } }, '==', 'local')

/** `in` tests bits, so it is the way to ask for one state or several. */
export const ctState = (...states: ('established' | 'related' | 'invalid')[]): Statement =>
  match({ ct: { key: 'state' } }, 'in', states.length === 1 ? (states[0] ?? null) : states)

/** The packet belongs to a flow whose destination was rewritten: a published container port, a port forward. */
export const ctDnat: Statement = match({ ct: { key: 'status' } }, 'in', 'dnat')
/** The flow goes both ways and is no passing one: TCP with its handshake done, UDP that lasted for 2 s. */
export const ctAssured: Statement = match({ ct: { key: 'status' } }, 'in', 'assured')
/** Not the first packet of its flow: conntrack knows a flow for good when its first packet is through. */
export const ctConfirmed: Statement = match({ ct: { key: 'status' } }, 'in', 'confirmed')
/** Destination port before that rewriting. Needs `l4proto` matched before it. */
export const ctOriginalPort = (value: Json): Statement =>
  match({ ct: { key: 'proto-dst', dir: 'original' } }, '==', value)

/** Type of the IPv6 routing header (RFC 8200 §4.4); true for no value when there is none. */
export const routingType: Statement = { exthdr: { name: 'rt', field: 'type' } }

/** SYN set, RST not: the only segments that carry an MSS option (RFC 9293 §3.7.1). */
export const tcpSyn: Statement = match({ '&': [payload('tcp', 'flags'), { '|': ['syn', 'rst'] }] }, '==', 'syn')

/** A segment in the middle of a flow: neither its beginning nor its end. */
export const tcpMiddle: Statement = match(
  { '&': [payload('tcp', 'flags'), { '|': [{ '|': ['fin', 'syn'] }, 'rst'] }] },
  '==',
  0,
)

/** True for what goes beyond the rate. `burst`: so many at once before it counts. */
export const moreThan = (perSecond: number, burst: number): Statement => ({
  limit: { rate: perSecond, per: 'second', burst, inv: true },
})

/**
 * True for what goes beyond the rate of one value of `key`, each counted on its own. `name` becomes a set of the table that
 * forgets after a minute; once it is full, further values are not limited. The statement `meter`, because nft 1.0.6 reads no
 * `dynamic` set in JSON; newer versions make the same of it.
 */
export const eachMoreThan = (name: string, key: Statement, perSecond: number, burst: number): Statement => ({
  meter: {
    name,
    key: { elem: { val: key, timeout: METER_MEMORY_S } },
    stmt: { limit: { rate: perSecond, per: 'second', burst, inv: true } },
    size: METER_SIZE,
  },
})
/** Names of all sets that rules make so. */
export const METERS: readonly string[] = ['lan_new']
const METER_MEMORY_S = 60
const METER_SIZE = 8192

/** What tells flows apart in a `FlowSet`: addresses and ports of both ends, of IPv6. Needs a protocol with ports matched before it. */
export const FLOW_KEY: readonly string[] = ['ipv6_addr', 'ipv6_addr', 'inet_service', 'inet_service']
const flowKey: Statement = { concat: [ip6.saddr, ip6.daddr, payload('th', 'sport'), payload('th', 'dport')] }
export const flowIn = ({ name }: FlowSet): Statement => match(flowKey, '==', `@${name}`)
export const flowNotIn = ({ name }: FlowSet): Statement => match(flowKey, '!=', `@${name}`)
const put = (op: 'add' | 'update', { name }: FlowSet): Statement => ({ set: { op, elem: flowKey, set: `@${name}` } })
/** Puts the flow into a set; a flow that is in it keeps its time. True for none that finds the set full. */
export const remember = (set: FlowSet): Statement => put('add', set)
/** As `remember`, but the time begins anew. */
export const renew = (set: FlowSet): Statement => put('update', set)

export const accept: Statement = { accept: null }
export const drop: Statement = { drop: null }
/** Back to the rule behind the jump. */
export const leave: Statement = { return: null }
export const masquerade: Statement = { masquerade: null }
export const jump = (target: string): Statement => ({ jump: { target } })
/** Rewrites the destination of a flow; without `port` it stays. For IPv4 only. */
export const dnat4 = (addr: string, port: number | undefined): Statement => ({
  dnat: { family: 'ip', addr, ...(port === undefined ? {} : { port }) },
})
/** The source becomes the address that the flow's first packet named, before its destination was rewritten. IPv4 only. */
export const snat4ToOriginalDestination: Statement = {
  snat: { family: 'ip', addr: { ct: { key: 'ip daddr', dir: 'original' } } },
}
export const useHelper = ({ name }: Helper): Statement => ({ 'ct helper': name })
/** Puts the flow into a flowtable; the packet goes on to the next rule. */
export const flowAdd = ({ name }: Flowtable): Statement => ({ flow: { op: 'add', flowtable: `@${name}` } })
export const goto = (target: string): Statement => ({ goto: { target } })
export const rejectTcp: Statement = { reject: { type: 'tcp reset' } }
/** ICMP or ICMPv6 "administratively prohibited", after the packet's family. */
export const rejectProhibited: Statement = { reject: { type: 'icmpx', expr: 'admin-prohibited' } }
/** ICMPv6 destination unreachable, RFC 4443 §3.1: `no-route` = code 0, `admin-prohibited` = code 1, `policy-fail` = code 5. */
export const reject6 = (code: 'no-route' | 'admin-prohibited' | 'policy-fail'): Statement => ({
  reject: { type: 'icmpv6', expr: code },
})
/** Lowers the MSS option, never raises it (the kernel compares). `undefined`: to what the route's MTU allows. */
export const clampMss = (bytes: number | undefined): Statement => ({
  mangle: {
    key: { 'tcp option': { name: 'maxseg', field: 'size' } },
    value: bytes ?? { rt: { key: 'mtu' } },
  },
})
