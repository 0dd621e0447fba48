import { contains6, formatIp6, formatPrefix, type Ip6, type Prefix6, prefix6Of } from '@sixgate/addr'
import { NdpError } from '../ndp-error.ts'
import type { OptionCodec } from './option-codec.ts'

/** Prefix Information: a prefix that is on the link and/or that hosts make addresses from (RFC 4861 §4.6.2). */
export interface PrefixInformation {
  readonly kind: 'pio'
  readonly prefix: Prefix6
  /** L: the prefix is on-link. */
  readonly onLink: boolean
  /** A: hosts form addresses from it (RFC 4862 §5.5.3). */
  readonly autonomous: boolean
  /** R: the field holds this whole address of the router instead of the bare prefix (RFC 6275 §7.2). */
  readonly routerAddress: Ip6 | undefined
  /** P: hosts should ask for a prefix of their own by DHCPv6-PD instead (RFC 9762). */
  readonly preferDelegation: boolean
  /** Seconds; 0xffffffff is for ever. */
  readonly validLifetimeS: number
  /** Seconds, at most the valid lifetime; 0xffffffff is for ever. */
  readonly preferredLifetimeS: number
}

/** RFC 4861 §4.6.2, RFC 6275 §7.2, RFC 9762: flags in octet 3 of the option. */
export const PIO_FLAGS = { L_U8: 0x80, A_U8: 0x40, R_U8: 0x20, P_U8: 0x10 } as const

const RESERVED2_LEN = 4

/**
 * RFC 4861 §4.6.2
 * ```
 * pio = type(3):u8 units(4):u8 prefixLenBits:u8 flags:u8 validLifetimeS:u32 preferredLifetimeS:u32 reserved:u32 prefix:octets[16]
 * ```
 */
export const PIO: OptionCodec<PrefixInformation> = {
  name: 'PIO',
  type: 3,
  allowsUnits: (units) => units === 4,
  encode: (option, out) => {
    const { prefix, routerAddress } = option
    if (routerAddress !== undefined && !contains6(prefix, routerAddress))
      throw new NdpError(
        'bad-value',
        `PIO: router address ${formatIp6(routerAddress)} is not in ${formatPrefix(prefix)}`,
      )
    // RFC 4861 §6.2.1: AdvPreferredLifetime "MUST NOT be larger than AdvValidLifetime".
    if (option.preferredLifetimeS > option.validLifetimeS)
      throw new NdpError(
        'bad-value',
        `PIO ${formatPrefix(prefix)}: preferred lifetime ${option.preferredLifetimeS} s is longer than the valid one, ${option.validLifetimeS} s`,
      )
    out
      .u8(prefix.lenBits)
      .u8(
        (option.onLink ? PIO_FLAGS.L_U8 : 0) |
          (option.autonomous ? PIO_FLAGS.A_U8 : 0) |
          (routerAddress === undefined ? 0 : PIO_FLAGS.R_U8) |
          (option.preferDelegation ? PIO_FLAGS.P_U8 : 0),
      )
      .u32(option.validLifetimeS)
      .u32(option.preferredLifetimeS)
      .zeros(RESERVED2_LEN)
      .bytes(routerAddress ?? prefix.addr)
  },
  decode: (body) => {
    const lenBits = body.u8()
    if (lenBits > 128) throw new NdpError('bad-value', `PIO: prefix length ${lenBits}: allowed are 0 to 128`)
    const flags = body.u8()
    const validLifetimeS = body.u32()
    const preferredLifetimeS = body.u32()
    if (preferredLifetimeS > validLifetimeS)
      // RFC 4862 §5.5.3 c): such an option is ignored.
      throw new NdpError(
        'bad-value',
        `PIO: preferred lifetime ${preferredLifetimeS} s is longer than the valid one, ${validLifetimeS} s`,
      )
    body.skip(RESERVED2_LEN)
    const address = body.ip6()
    return {
      kind: 'pio',
      prefix: prefix6Of(address, lenBits),
      onLink: (flags & PIO_FLAGS.L_U8) !== 0,
      autonomous: (flags & PIO_FLAGS.A_U8) !== 0,
      routerAddress: (flags & PIO_FLAGS.R_U8) === 0 ? undefined : address,
      preferDelegation: (flags & PIO_FLAGS.P_U8) !== 0,
      validLifetimeS,
      preferredLifetimeS,
    }
  },
}
