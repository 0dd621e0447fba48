import { contains4, type Ip4, ip4ToBytes, parseIp4, parseIp6, parsePrefix4, type Prefix4 } from '@sixgate/addr'
import { type LocalRecords, type LocalZone, type LocalZones, localZonesOf } from './local-zones.ts'
import { keyOfText, type NameKey, nameOfKey } from './name.ts'
import { type Policy, rulesOf, type View } from './policy.ts'
import { mappedAddress } from './synthesis.ts'
import { reverseOfIp4 } from './reverse.ts'
import { TYPE } from './wire.ts'

const literal4 = (text: string): Ip4 => {
  const ip = parseIp4(text)
  if (ip === undefined) throw new RangeError(text)
  return ip
}

const IPV4ONLY = keyOfText('ipv4only.arpa')
/** RFC 7050 §8.2: the well-known IPv4 addresses. */
const WELL_KNOWN_IP4 = [literal4('192.0.0.170'), literal4('192.0.0.171')] as const
const LOOPBACK4 = ip4ToBytes(literal4('127.0.0.1'))
const LOOPBACK6 = Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0))

const zone = (apex: NameKey, records: LocalRecords, below: LocalZone['below']): LocalZone => ({ apex, records, below })
const empty = (text: string): LocalZone => zone(keyOfText(text), new Map(), 'missing')

/**
 * `ipv4only.arpa` and the reverse zones of its addresses: a DNS64 server answers them itself (RFC 8880 §7.1, §7.2), so
 * clients learn pref64 even with the uplink down. One AAAA record per prefix and address.
 */
const ipv4onlyZones = (policy: Policy, view: View): LocalZone[] => [
  zone(
    IPV4ONLY,
    new Map([
      [TYPE.A, WELL_KNOWN_IP4.map(ip4ToBytes)],
      [TYPE.AAAA, WELL_KNOWN_IP4.flatMap((ip) => rulesOf(policy, view).map((rule) => mappedAddress(rule, ip)))],
    ]),
    'missing',
  ),
  ...WELL_KNOWN_IP4.map((ip) => zone(reverseOfIp4(ip), new Map([[TYPE.PTR, [nameOfKey(IPV4ONLY)]]]), 'missing')),
]

/** Names with a meaning of their own, the same everywhere. */
const SPECIAL_ZONES: readonly LocalZone[] = [
  // RFC 6761 §6.3: loopback for the name and all below; an upstream's 127.0.0.1 would be mapped into pref64.
  zone(
    keyOfText('localhost'),
    new Map([
      [TYPE.A, [LOOPBACK4]],
      [TYPE.AAAA, [LOOPBACK6]],
    ]),
    'same',
  ),
  // RFC 6761 §6.4, RFC 7686 §2: never in the DNS.
  empty('invalid'),
  empty('onion'),
  // RFC 9462 §4: a resolver without designated resolvers says NODATA to everything here.
  zone(keyOfText('resolver.arpa'), new Map(), 'empty'),
]

const NIBBLE_ZEROS = Array.from({ length: 31 }, () => '0').join('.')

/** RFC 6303 §4.2, §4.3, §4.5: reverse zones of addresses that mean something else on every link or host. */
const ALWAYS_LOCAL = [
  '0.in-addr.arpa',
  '127.in-addr.arpa',
  '254.169.in-addr.arpa',
  '255.255.255.255.in-addr.arpa',
  `0.${NIBBLE_ZEROS}.ip6.arpa`,
  `1.${NIBBLE_ZEROS}.ip6.arpa`,
  '8.e.f.ip6.arpa',
  '9.e.f.ip6.arpa',
  'a.e.f.ip6.arpa',
  'b.e.f.ip6.arpa',
] as const

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)

/** RFC 6303 §4.1 and §4.4, RFC 7793: reverse zones of private networks. */
const PRIVATE = [
  '10.in-addr.arpa',
  ...range(16, 31).map((octet) => `${octet}.172.in-addr.arpa`),
  '168.192.in-addr.arpa',
  ...range(64, 127).map((octet) => `${octet}.100.in-addr.arpa`),
  'd.f.ip6.arpa',
] as const

/** RFC 6303 §4.2 and §4.6: reverse zones of the documentation prefixes (RFC 5737, RFC 3849). */
const DOCUMENTATION = [
  '2.0.192.in-addr.arpa',
  '100.51.198.in-addr.arpa',
  '113.0.203.in-addr.arpa',
  '8.b.d.0.1.0.0.2.ip6.arpa',
] as const

const FIXED_ZONES: readonly LocalZone[] = [...SPECIAL_ZONES, ...ALWAYS_LOCAL.map(empty)]
const PRIVATE_ZONES: readonly LocalZone[] = PRIVATE.map(empty)
const DOCUMENTATION_ZONES: readonly LocalZone[] = DOCUMENTATION.map(empty)

/** All zones that are answered here under a policy, for clients with a view. */
export const makeLocalZones = (policy: Policy, view: View): LocalZones =>
  localZonesOf([
    ...FIXED_ZONES,
    ...(policy.privateReverse === 'local' ? PRIVATE_ZONES : []),
    ...(policy.documentationReverse === 'local' ? DOCUMENTATION_ZONES : []),
    // Last, because they are what a longer apex in one of the above must give way to.
    ...ipv4onlyZones(policy, view),
  ])

const prefix4 = (text: string): Prefix4 => {
  const prefix = parsePrefix4(text)
  if (prefix === undefined) throw new RangeError(text)
  return prefix
}

const PRIVATE_IP4 = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
].map(prefix4)

/**
 * True when a server with this address belongs to a private network and so may know its reverse names: the uplink's
 * router, a resolver on this machine. What it does not know it answers itself (RFC 6303).
 */
export const isPrivateServer = (address: string): boolean => {
  const ip4 = parseIp4(address)
  if (ip4 !== undefined) return PRIVATE_IP4.some((prefix) => contains4(prefix, ip4))
  const ip6 = parseIp6(address.split('%')[0] ?? '')
  if (ip6 === undefined) return false
  const first = ip6[0] ?? 0
  const isUniqueLocal = (first & 0xfe) === 0xfc
  const isLinkLocal = first === 0xfe && ((ip6[1] ?? 0) & 0xc0) === 0x80
  return isUniqueLocal || isLinkLocal || ip6.every((octet, i) => octet === LOOPBACK6[i])
}

const DOCUMENTATION_IP4 = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'].map(prefix4)

/** True for a server with an address of the documentation prefixes: there are some in simulated sites only. */
export const isDocumentationServer = (address: string): boolean => {
  const ip4 = parseIp4(address)
  if (ip4 !== undefined) return DOCUMENTATION_IP4.some((prefix) => contains4(prefix, ip4))
  const ip6 = parseIp6(address)
  return ip6 !== undefined && [0x20, 0x01, 0x0d, 0xb8].every((octet, i) => ip6[i] === octet)
}
