import { HOST_USAGE } from './address-map/host-usage.ts'
import type { Xlate } from './xlate.ts'

/**
 * The host of `x.outerPair` is in use: when, and what is carried for it. `direction`: where its two numbers begin,
 * `PACKETS_6TO4` or `PACKETS_4TO6`. Nothing for who has no dynamic mapping.
 */
export const noteUse = (x: Xlate, direction: number, packets: number, lenBytes: number): void => {
  const { slot } = x.outerPair
  if (slot < 0) return
  const { hosts } = x.map
  const { usage } = hosts
  const at = slot * HOST_USAGE.LEN + direction
  hosts.lastSeenS[slot] = x.clock.nowS
  usage[at]! += packets
  usage[at + 1]! += lenBytes
}
