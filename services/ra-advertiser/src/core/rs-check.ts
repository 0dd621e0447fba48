import { type Ip6, IP6_LEN } from '@sixgate/addr'
import { NdpError } from './ndp-error.ts'
import { type OptionSlice, sliceOptions } from './ndp-options.ts'
import { SLLA } from './options/link-layer-address.ts'
import { ICMP6_TYPE } from './ra-wire.ts'

/** What becomes of a received message: `ok`, or the first reason to refuse it, in the order of RFC 4861 §6.1.1. */
export const RsVerdict = {
  OK: 0,
  NOT_A_SOLICITATION: 1,
  HOP_LIMIT: 2,
  BAD_CODE: 3,
  TOO_SHORT: 4,
  OPTION_LENGTH_ZERO: 5,
  OPTION_OVERRUN: 6,
  SLLA_FROM_UNSPECIFIED: 7,
  SOURCE_NOT_ON_LINK: 8,
  FRAGMENTED: 9,
} as const
export type RsVerdict = (typeof RsVerdict)[keyof typeof RsVerdict]

/** Operator's text per verdict. */
export const EXPLAIN_RS: Readonly<Record<keyof typeof RsVerdict, string>> = {
  OK: 'valid Router Solicitation',
  NOT_A_SOLICITATION: 'not a Router Solicitation (ICMPv6 type 133)',
  HOP_LIMIT: 'hop limit is not 255: it came through a router, so not from this link (RFC 4861 §6.1.1)',
  BAD_CODE: 'ICMPv6 code is not 0 (RFC 4861 §6.1.1)',
  TOO_SHORT: 'shorter than 8 octets (RFC 4861 §6.1.1)',
  OPTION_LENGTH_ZERO: 'an option of length zero (RFC 4861 §6.1.1)',
  OPTION_OVERRUN: 'an option that runs past the end of the message (RFC 4861 §4.6)',
  SLLA_FROM_UNSPECIFIED: 'a source link-layer address though the source is :: (RFC 4861 §6.1.1)',
  SOURCE_NOT_ON_LINK: 'the source is neither :: nor a unicast address (RFC 4291 §2.7)',
  FRAGMENTED: 'it came in fragments, which Neighbor Discovery never does (RFC 6980 §5)',
}

/** A received ICMPv6 message and what the IPv6 header said of it. */
export interface ReceivedMessage {
  /** From the ICMPv6 type on; the kernel has checked the checksum (RFC 3542 §3.1). */
  readonly message: Uint8Array
  readonly source: Ip6
  readonly hopLimit: number
  /** The kernel put it together from fragments. */
  readonly fragmented: boolean
}

/** RFC 4861 §4.1: type, code, checksum, reserved. */
const RS_HEADER_LEN = 8
const MULTICAST_FIRST_OCTET = 0xff

const isUnspecified = (ip: Ip6): boolean => ip.every((octet) => octet === 0)

/** The options, or the verdict on why there are none to be had. */
const optionsOf = (message: Uint8Array): readonly OptionSlice[] | RsVerdict => {
  try {
    return sliceOptions(message.subarray(RS_HEADER_LEN))
  } catch (error) {
    if (!(error instanceof NdpError)) throw error
    return error.code === 'bad-length' ? RsVerdict.OPTION_LENGTH_ZERO : RsVerdict.OPTION_OVERRUN
  }
}

/**
 * Validates a received Router Solicitation:
 * ```
 * rs = type(133):u8 code(0):u8 checksum:u16 reserved:u32 *option   (RFC 4861 §4.1)
 * ```
 * RFC 4861 §6.1.1: "A router MUST silently discard any received Router Solicitation messages that do not satisfy all of the
 * following validity checks". Silent on the link; the verdict is counted. The contents of options are ignored: nothing
 * here uses them (the kernel learns the neighbour from the SLLA by itself).
 */
export const checkSolicitation = ({ message, source, hopLimit, fragmented }: ReceivedMessage): RsVerdict => {
  if (message[0] !== ICMP6_TYPE.ROUTER_SOLICITATION) return RsVerdict.NOT_A_SOLICITATION
  // RFC 6980 §5: nodes MUST silently ignore them.
  if (fragmented) return RsVerdict.FRAGMENTED
  if (hopLimit !== 255) return RsVerdict.HOP_LIMIT
  if (message.length < RS_HEADER_LEN) return RsVerdict.TOO_SHORT
  if (message[1] !== 0) return RsVerdict.BAD_CODE
  const options = optionsOf(message)
  if (typeof options === 'number') return options
  if (source[0] === MULTICAST_FIRST_OCTET) return RsVerdict.SOURCE_NOT_ON_LINK
  if (isUnspecified(source) && options.some(({ type }) => type === SLLA.type)) return RsVerdict.SLLA_FROM_UNSPECIFIED
  return RsVerdict.OK
}

/** The host that a unicast answer can go to; undefined when the solicitation came from `::`. */
export const answerTo = (source: Ip6): Ip6 | undefined =>
  source.length === IP6_LEN && isUnspecified(source) ? undefined : source
