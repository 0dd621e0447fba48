/** Whether an address is that of a CLAT, a host's own translator for programs that speak IPv4 only (464XLAT, RFC 6877). */
import { type Ip6, parseIp6, parsePref64 } from '@sixgate/addr'

const WORD = 0x1_0000
/** Where the IPv4 address stands in an address of a prefix of this length there is nothing but the prefix and that. */
const LEN_BITS = 96

/** RFC 7335: 192.0.0.0/29, for the IPv4 address of a CLAT; the network's own address is none. */
const CLAT_NET = 0xc000_0000
const CLAT_HOSTS = [1, 2, 3, 4, 5, 6, 7] as const

/** One's complement sum of 16-bit words, as checksums have it (RFC 1071); 0 and 0xffff are the same there. */
const fold = (sum: number): number => sum % (WORD - 1)

const sumOf = (ip: Ip6): number => {
  let sum = 0
  for (let at = 0; at < ip.length; at += 2) sum += (ip[at] ?? 0) * 256 + (ip[at + 1] ?? 0)
  return sum
}

const CLAT_SUMS = new Set(CLAT_HOSTS.map((host) => fold(CLAT_NET / WORD + host)))

/**
 * True when packets between this address and the prefix (a /96) have the checksum that they had with an IPv4 source out of
 * 192.0.0.0/29. A CLAT such as Android's makes its address so, because then it has no checksum to mend. One of about
 * 9,000 other addresses is like that by chance, and a CLAT whose address is not made so stays unseen.
 */
export const looksLikeClat = (ip6: string, pref64: string): boolean => {
  const source = parseIp6(ip6)
  const result = parsePref64(pref64)
  if (source === undefined || !result.ok || result.pref64.lenBits !== LEN_BITS) return false
  return CLAT_SUMS.has(fold(sumOf(source) + sumOf(result.pref64.addr)))
}
