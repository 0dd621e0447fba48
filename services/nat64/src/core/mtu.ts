import { IPV4 } from './wire/ipv4.ts'
import { FRAGMENT6, IPV6, IPV6_MIN_MTU } from './wire/ipv6.ts'
import type { XlateSettings } from './xlate.ts'

/** RFC 7915 §4.2, §5.2 and §7: Packet Too Big ↔ Fragmentation Needed. MTUs in bytes. */

/** What a packet grows by on its way from IPv4 to IPv6. */
const GROWTH_BYTES = IPV6.LEN - IPV4.LEN

/** RFC 1191 §7.1: plateaus, for routers that do not say their MTU. */
const PLATEAUS = [65_535, 32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68] as const

/** "Use the greatest plateau value that is less than the returned Total Length field." */
const plateauBelow = (totalLenBytes: number): number => {
  for (const plateau of PLATEAUS) if (plateau < totalLenBytes) return plateau
  return 68
}

/**
 * RFC 7915 §4.2, code 4: "maximum(1280, minimum((MTU value in the Packet Too Big Message) + 20, MTU_of_IPv6_nexthop,
 * (MTU_of_IPv4_nexthop) + 20))"; MTU 0 comes from routers older than RFC 1191. `totalLenBytes` is the Total Length of
 * the packet that was too big.
 */
export const fragmentationNeededToPacketTooBig = (
  mtu4: number,
  totalLenBytes: number,
  settings: XlateSettings,
): number => {
  const known = mtu4 === 0 ? plateauBelow(totalLenBytes) : mtu4
  const mtu6 = Math.min(known + GROWTH_BYTES, settings.ipv6NexthopMtuBytes, settings.ipv4NexthopMtuBytes + GROWTH_BYTES)
  return Math.max(IPV6_MIN_MTU, mtu6)
}

/**
 * RFC 7915 §5.2, type 2: "minimum((MTU value in the Packet Too Big Message) - 20, MTU_of_IPv4_nexthop,
 * (MTU_of_IPv6_nexthop) - 20)", "taking into account whether or not the packet in error includes a Fragment Header"
 * (28 then). RFC 8200 §5 knows no MTU below 1280: less is taken as 1280.
 */
export const packetTooBigToFragmentationNeeded = (
  mtu6: number,
  innerHasFragmentHeader: boolean,
  settings: XlateSettings,
): number => {
  const growth = innerHasFragmentHeader ? GROWTH_BYTES + FRAGMENT6.LEN : GROWTH_BYTES
  return Math.min(
    Math.max(mtu6, IPV6_MIN_MTU) - growth,
    settings.ipv4NexthopMtuBytes,
    settings.ipv6NexthopMtuBytes - growth,
  )
}
