import { asIp6, extractIp4, type Ip4, type Ip6, type Pref64 } from '@sixgate/addr'
import { isWithin, keyOfText, labelsOf, type NameKey } from './name.ts'

const IP6_ARPA = keyOfText('ip6.arpa')
const NIBBLES = 32

/** The address that a full name below ip6.arpa stands for (RFC 3596 §2.5); undefined for every other name. */
export const ip6OfReverse = (key: NameKey): Ip6 | undefined => {
  // 32 labels of one nibble, each with its length octet, before the suffix.
  if (key.length !== NIBBLES * 2 + IP6_ARPA.length || !isWithin(key, IP6_ARPA)) return undefined
  const nibbles = labelsOf(key).slice(0, NIBBLES)
  if (nibbles.length < NIBBLES || nibbles.some((label) => !/^[0-9a-f]$/.test(label))) return undefined
  const hex = nibbles.toReversed().join('')
  return asIp6(Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16)))
}

/** The name of an IPv4 address below in-addr.arpa (RFC 1035 §3.5). */
export const reverseOfIp4 = (ip: Ip4): NameKey =>
  keyOfText(`${ip & 255}.${(ip >>> 8) & 255}.${(ip >>> 16) & 255}.${ip >>> 24}.in-addr.arpa`)

/** The name of the zone that a prefix has below ip6.arpa; its length is a multiple of four bits. */
export const reverseZoneOf = (prefix: Pref64): NameKey => {
  const nibbles = Array.from(prefix.addr.subarray(0, prefix.lenBits / 8), (octet) =>
    octet.toString(16).padStart(2, '0'),
  ).join('')
  return keyOfText(`${Array.from(nibbles).toReversed().join('.')}.ip6.arpa`)
}

/** What a reverse name inside one of the prefixes stands for. */
export interface Embedded {
  readonly pref64: Pref64
  readonly ip4: Ip4
}

/** The prefix and the IPv4 address of a reverse name inside pref64 (RFC 6147 §5.3.1); undefined outside. */
export const embeddedOfReverse = (pref64: readonly Pref64[], key: NameKey): Embedded | undefined => {
  const ip6 = ip6OfReverse(key)
  if (ip6 === undefined) return undefined
  for (const prefix of pref64) {
    const ip4 = extractIp4(prefix, ip6)
    if (ip4 !== undefined) return { pref64: prefix, ip4 }
  }
  return undefined
}
