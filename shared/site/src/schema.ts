import { z } from 'zod'
import { console } from './console-section.ts'
import { dns64 } from './dns64-section.ts'
import {
  AUTO,
  autoOr,
  integer,
  interfaceField,
  ip4Field,
  ip6Field,
  listOf,
  oneOf,
  pref64Field,
  prefix4Field,
  prefix6Field,
  section,
} from './fields.ts'
import { firewall } from './firewall-section.ts'
import { gateways } from './gateways-section.ts'
import { furtherLan, lan } from './lan-section.ts'
import { alg } from './alg-section.ts'
import { ra } from './ra-section.ts'

const wan = section({ interface: autoOr(interfaceField).default(AUTO) })

const COPY = 'copy'

/** `copy`, or the field. */
const copyOr = <T extends z.ZodType>(field: T) =>
  z.union([z.literal(COPY), field], { error: 'must be copy, or a whole number from 0 to 255' })

const TWO_WEEKS_S = 1_209_600

const nat64 = section({
  pool4: listOf(prefix4Field, 'IPv4 prefixes').min(1, { error: 'must hold at least one IPv4 prefix' }),
  hosts: listOf(section({ ip6: ip6Field, ip4: ip4Field }), 'pairs of ip6 and ip4').default([]),
  /** Explicit address mappings of whole prefixes (RFC 7757). */
  maps: listOf(section({ prefix6: prefix6Field, prefix4: prefix4Field }), 'pairs of prefix6 and prefix4').default([]),
  /** Who may use the pool; `auto` = the LAN prefix. */
  sources: autoOr(listOf(prefix6Field, 'IPv6 prefixes')).default(AUTO),
  /** Non-global IPv4 addresses through 64:ff9b::/96 (RFC 6052 §3.1). */
  wellKnownPrefix: oneOf('strict', 'allow-private', 'off').default('allow-private'),
  /** RFC 7857 §2: an established TCP session may be silent for 2 h 4 min. */
  idleLifetimeS: integer(60, TWO_WEEKS_S, 'seconds').default(7440),
  /** A mapping that nobody else needs is kept this long. */
  keptLifetimeS: integer(60, TWO_WEEKS_S, 'seconds').default(TWO_WEEKS_S),
  mtu: integer(1280, 65535, 'bytes').default(1500),
  /** RFC 7915 §4: IPv4 packets that may be fragmented are, to fit this. */
  lowestIpv6Mtu: integer(1280, 65535, 'bytes').default(1280),
  /** IPv4 UDP without checksum (RFC 7915 §4.5). */
  udpChecksumZero: oneOf('compute', 'drop', 'forward').default('compute'),
  /** Traffic class and type of service: copied, or this value for all packets (RFC 7915 §4.1, §5.1). */
  trafficClass: copyOr(integer(0, 255)).default(COPY),
  /** Who an ICMPv6 error of a router without IPv4 address comes from (RFC 6791). */
  untranslatableSource: oneOf('own', 'pool', '192.0.0.8').default('own'),
  /** Translation in the kernel (eBPF) where it is possible: at the TUN; `lan`: at the LANs, too. */
  fastPath: oneOf('auto', 'lan', 'off').default('auto'),
  alg: alg.prefault({}),
})

/** The site document. The only source of its types; cross-field rules are in rules.ts. */
export const siteSchema = section({
  lan,
  /** Further LANs: other interfaces, other VLANs. */
  lans: listOf(furtherLan, 'LANs').default([]),
  wan: wan.prefault({}),
  pref64: listOf(pref64Field, 'NAT64 prefixes')
    .min(1, { error: 'must hold at least one NAT64 prefix like 64:ff9b::/96' })
    .max(15, { error: 'must hold at most 15 NAT64 prefixes' }),
  nat64,
  dns64: dns64.prefault({}),
  ra: ra.prefault({}),
  firewall: firewall.prefault({}),
  console: console.prefault({}),
  /** Several machines on the same LANs. */
  gateways,
})

type DeepReadonly<T> = T extends Uint8Array | string | number | boolean | undefined
  ? T
  : { readonly [Key in keyof T]: DeepReadonly<T[Key]> }

/** A parsed site document: branded values, defaults filled in, frozen. */
export type Site = DeepReadonly<z.output<typeof siteSchema>>
