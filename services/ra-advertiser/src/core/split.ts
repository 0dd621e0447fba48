import { NdpError } from './ndp-error.ts'
import { encodeOption, type NdpOption } from './ndp-options.ts'
import { encodeRouterAdvertisement, RA_HEADER_LEN, type RouterAdvertisement } from './ra-wire.ts'

/** RFC 8200 §5: every link carries packets of this size; §3: the IPv6 header in front of the message. */
const MIN_MTU = 1280
const IPV6_HEADER_LEN = 40

/** The longest message that every link carries in one piece; RFC 6980 §5 forbids fragments. */
export const MESSAGE_MAX_LEN = MIN_MTU - IPV6_HEADER_LEN

const lengthOf = (options: readonly NdpOption[]): number =>
  options.reduce((sum, option) => sum + encodeOption(option).length, 0)

/**
 * Writes `ra` as one message, or as several of at most `maxLen` octets that go out together. RFC 4861 §6.2.3: "If including
 * all options causes the size of an advertisement to exceed the link MTU, multiple advertisements can be sent, each
 * containing a subset of the options." Each has the whole header and the SLLA, so each is complete for a host that misses
 * the others. Throws NdpError `bad-value` for an option that fits in none.
 */
export const encodeWithin = (ra: RouterAdvertisement, maxLen = MESSAGE_MAX_LEN): readonly Uint8Array[] => {
  const common = ra.options.filter(({ kind }) => kind === 'slla')
  const room = maxLen - RA_HEADER_LEN - lengthOf(common)
  const messages: NdpOption[][] = [[]]
  let left = room
  for (const option of ra.options.filter(({ kind }) => kind !== 'slla')) {
    const length = lengthOf([option])
    if (length > room)
      throw new NdpError(
        'bad-value',
        `Router Advertisement: its ${option.kind} option has ${length} octets, at most ${room} fit in a message: shorten that list`,
      )
    if (length > left) {
      messages.push([])
      left = room
    }
    messages.at(-1)?.push(option)
    left -= length
  }
  return messages.map((options) => encodeRouterAdvertisement({ ...ra, options: [...common, ...options] }))
}
