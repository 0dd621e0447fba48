import { asIp6, IP6_LEN, type Ip6 } from '@sixgate/addr'

/** True for fe80::/64, the only link-local prefix in use (RFC 4291 §2.5.6). */
export const isLinkLocal = (ip: Ip6): boolean =>
  ip[0] === 0xfe && ip[1] === 0x80 && ip.subarray(2, 8).every((octet) => octet === 0)

const UNIVERSAL_LOCAL_BIT = 0x02

/** The link-local address of an Ethernet address: fe80:: and its modified EUI-64 (RFC 4291 appendix A); undefined for other lengths. */
export const linkLocalOf = (mac: Uint8Array): Ip6 | undefined => {
  const [a, b, c, d, e, f, ...more] = mac
  if (a === undefined || b === undefined || c === undefined || d === undefined || e === undefined || f === undefined)
    return undefined
  if (more.length > 0) return undefined
  const bytes = new Uint8Array(IP6_LEN)
  bytes.set([0xfe, 0x80])
  bytes.set([a ^ UNIVERSAL_LOCAL_BIT, b, c, 0xff, 0xfe, d, e, f], 8)
  return asIp6(bytes)
}
