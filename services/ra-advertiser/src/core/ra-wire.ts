import { NdpError } from './ndp-error.ts'
import { decodeOption, encodeOption, type NdpOption, sliceOptions } from './ndp-options.ts'
import { type Preference, preferenceFromFlags, preferenceToFlags } from './preference.ts'
import { Reader, Writer } from './wire-cursor.ts'

/** RFC 4861 §4.1 to §4.4: ICMPv6 types. */
export const ICMP6_TYPE = {
  ROUTER_SOLICITATION: 133,
  ROUTER_ADVERTISEMENT: 134,
  NEIGHBOUR_SOLICITATION: 135,
  NEIGHBOUR_ADVERTISEMENT: 136,
} as const

/** RFC 4861 §4.2 (M, O), RFC 6275 §7.1 (H), RFC 4191 §2.2 (Prf), RFC 4389 §4.1.3.3 (P): flags, octet 5 of the message. */
export const RA_FLAGS = { M_U8: 0x80, O_U8: 0x40, H_U8: 0x20, PRF_U8: 0x18, P_U8: 0x04 } as const

/** Octets before the options (RFC 4861 §4.2). */
export const RA_HEADER_LEN = 16

/** The fixed part of a Router Advertisement (RFC 4861 §4.2). */
export interface RaHeader {
  /** Hop limit that hosts should use; 0 = unspecified. */
  readonly curHopLimit: number
  /** M: addresses by DHCPv6. */
  readonly managed: boolean
  /** O: other configuration by DHCPv6. */
  readonly otherConfig: boolean
  /** H: Mobile IPv6 home agent. */
  readonly homeAgent: boolean
  /** P: the RA came through an ND proxy (RFC 4389). */
  readonly proxy: boolean
  readonly preference: Preference
  /** Seconds as a default router, 0 = not one; at most 9000 (RFC 4861 §6.2.1) though the field has 16 bits. */
  readonly routerLifetimeS: number
  /** Milliseconds; 0 = unspecified. */
  readonly reachableTimeMs: number
  /** Milliseconds; 0 = unspecified. */
  readonly retransTimerMs: number
}

/** One Router Advertisement message. */
export interface RouterAdvertisement extends RaHeader {
  readonly options: readonly NdpOption[]
}

/** What came in a Router Advertisement: the options that can be read, and why the others cannot. */
export interface ReceivedAdvertisement extends RouterAdvertisement {
  /** Options that break their own format; hosts ignore each alone (RFC 4861 §9, RFC 8106 §5.3.1, RFC 8781 §4). */
  readonly ignored: readonly NdpError[]
}

/** RFC 4861 §4.2: octet 1 of the message. */
const CODE = 0

/**
 * Writes a Router Advertisement with the checksum zero: the kernel fills it in (RFC 3542 §3.1).
 * ```
 * ra = type(134):u8 code(0):u8 checksum:u16 curHopLimit:u8 flags:u8 routerLifetimeS:u16 reachableTimeMs:u32 retransTimerMs:u32 *option
 * ```
 * RFC 4861 §4.2. Throws NdpError `bad-value` when a field does not fit.
 */
export const encodeRouterAdvertisement = (ra: RouterAdvertisement): Uint8Array => {
  // RFC 4191 §2.2: "If the Router Lifetime is zero, the preference value MUST be set to (00) by the sender".
  const preference = ra.routerLifetimeS === 0 ? 'medium' : ra.preference
  const out = new Writer('RA')
    .u8(ICMP6_TYPE.ROUTER_ADVERTISEMENT)
    .u8(CODE)
    .u16(0)
    .u8(ra.curHopLimit)
    .u8(
      (ra.managed ? RA_FLAGS.M_U8 : 0) |
        (ra.otherConfig ? RA_FLAGS.O_U8 : 0) |
        (ra.homeAgent ? RA_FLAGS.H_U8 : 0) |
        preferenceToFlags(preference) |
        (ra.proxy ? RA_FLAGS.P_U8 : 0),
    )
    .u16(ra.routerLifetimeS)
    .u32(ra.reachableTimeMs)
    .u32(ra.retransTimerMs)
  for (const option of ra.options) out.bytes(encodeOption(option))
  return out.done()
}

/**
 * Reads a Router Advertisement (the ICMPv6 message, from its type on; the kernel checked the checksum).
 * Throws NdpError for what RFC 4861 §6.1.2 discards: another type or code, fewer than 16 octets, an option of length
 * zero or one that runs past the end. Hop limit and source address are the caller's to check.
 */
export const decodeRouterAdvertisement = (message: Uint8Array): ReceivedAdvertisement => {
  const reader = new Reader(message, 'RA')
  const type = reader.u8()
  if (type !== ICMP6_TYPE.ROUTER_ADVERTISEMENT)
    throw new NdpError('bad-type', `RA: ICMPv6 type ${type}, must be ${ICMP6_TYPE.ROUTER_ADVERTISEMENT}`)
  const code = reader.u8()
  if (code !== CODE) throw new NdpError('bad-value', `RA: code ${code}, must be ${CODE}`)
  reader.skip(2)
  const curHopLimit = reader.u8()
  const flags = reader.u8()
  const header: RaHeader = {
    curHopLimit,
    managed: (flags & RA_FLAGS.M_U8) !== 0,
    otherConfig: (flags & RA_FLAGS.O_U8) !== 0,
    homeAgent: (flags & RA_FLAGS.H_U8) !== 0,
    proxy: (flags & RA_FLAGS.P_U8) !== 0,
    // RFC 4191 §2.2: the reserved value is to be treated "as if it were the value (00)".
    preference: preferenceFromFlags(flags) ?? 'medium',
    routerLifetimeS: reader.u16(),
    reachableTimeMs: reader.u32(),
    retransTimerMs: reader.u32(),
  }
  const options: NdpOption[] = []
  const ignored: NdpError[] = []
  for (const slice of sliceOptions(message.subarray(RA_HEADER_LEN))) {
    try {
      options.push(decodeOption(slice))
    } catch (error) {
      if (!(error instanceof NdpError)) throw error
      ignored.push(error)
    }
  }
  return { ...header, options, ignored }
}
