import { contains4, type Ip4, parsePrefix4, parsePrefix6, type Prefix4, type Prefix6 } from '@sixgate/addr'

const prefixes = (...texts: readonly string[]): readonly Prefix4[] => texts.flatMap((text) => parsePrefix4(text) ?? [])

/** RFC 6890 §2.2.2: what never is the source or the destination of a packet that a router forwards. */
export const NEVER4: readonly Prefix4[] = prefixes(
  '0.0.0.0/8', // "this network"
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local
  '224.0.0.0/3', // multicast (5771) and what is reserved above it, broadcast included
)

/** RFC 6890 §2.2.2: forwarded, but not in the internet: whose uplink has a public address meets none of them there. */
export const NOT_GLOBAL4: readonly Prefix4[] = prefixes(
  '10.0.0.0/8', // private (RFC 1918)
  '100.64.0.0/10', // shared, between a provider and its customers (RFC 6598)
  '172.16.0.0/12',
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation (RFC 5737)
  '192.168.0.0/16',
  '198.18.0.0/15', // benchmarks (RFC 2544)
  '198.51.100.0/24',
  '203.0.113.0/24',
)

/** Whether an address can be the uplink's own towards the whole internet. If not, another NAT follows ours. */
export const isPublic4 = (ip: Ip4): boolean => ![...NEVER4, ...NOT_GLOBAL4].some((special) => contains4(special, ip))

/** RFC 6890 §2.2.3, RFC 5156, RFC 6092 REC-3: no source of a packet from another link, and no destination out there. Multicast sources the kernel drops itself. */
export const NEVER6: readonly Prefix6[] = [
  '::/96', // unspecified, loopback, IPv4-compatible (deprecated, RFC 4291 §2.5.5.1)
  '::ffff:0:0/96', // IPv4-mapped
  '100::/64', // discard-only (RFC 6666)
  '2001:10::/28', // ORCHID (RFC 4843)
  '2001:20::/28', // ORCHIDv2 (RFC 7343)
  'fec0::/10', // site-local, deprecated (RFC 3879)
].flatMap((text) => parsePrefix6(text) ?? [])

/** RFC 3849, RFC 9637: in texts only, and in networks that play at being the internet. */
export const DOCUMENTATION6: readonly Prefix6[] = ['2001:db8::/32', '3fff::/20'].flatMap(
  (text) => parsePrefix6(text) ?? [],
)

/** RFC 4193: known in a site only. */
export const UNIQUE_LOCAL: readonly Prefix6[] = ['fc00::/7'].flatMap((text) => parsePrefix6(text) ?? [])
