/** IPv4 and IPv6 addresses, prefixes and the RFC 6052 address format, as values. */
export { asIp4, formatIp4, type Ip4, ip4FromBytes, ip4ToBytes, parseIp4 } from './ip4.ts'
export { asIp6, equalIp6, formatIp6, IP6_LEN, type Ip6, ip6FromHex, ip6ToHex, parseIp6 } from './ip6.ts'
export { embedIp4, extractIp4, PREF64_LENGTHS, type Pref64, type Pref64Result, parsePref64 } from './pref64.ts'
export {
  contains4,
  contains6,
  formatPrefix,
  mask4,
  overlaps,
  type Prefix4,
  type Prefix6,
  parsePrefix4,
  parsePrefix6,
  prefix4Of,
  prefix6Of,
  size4,
  withInterfaceId,
} from './prefix.ts'
