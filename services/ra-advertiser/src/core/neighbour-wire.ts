import type { Ip6 } from '@sixgate/addr'
import { NdpError } from './ndp-error.ts'
import { ICMP6_TYPE } from './ra-wire.ts'
import type { ReceivedMessage } from './rs-check.ts'
import { Reader, Writer } from './wire-cursor.ts'

/**
 * Writes a Neighbor Solicitation with the checksum zero: the kernel fills it in (RFC 3542 §3.1). Without SLLA, which "SHOULD be included in
 * unicast solicitations": whoever answers knows this router from its own neighbour discovery.
 * ```
 * ns = type(135):u8 code(0):u8 checksum:u16 reserved:u32 target:octets[16]
 * ```
 * RFC 4861 §4.3.
 */
export const encodeNeighbourSolicitation = (target: Ip6): Uint8Array =>
  new Writer('NS').u8(ICMP6_TYPE.NEIGHBOUR_SOLICITATION).u8(0).u16(0).u32(0).bytes(target).done()

export const isNeighbourAdvertisement = (message: Uint8Array): boolean =>
  message[0] === ICMP6_TYPE.NEIGHBOUR_ADVERTISEMENT

/**
 * Whose address a received Neighbor Advertisement is about, solicited or not; undefined when RFC 4861 §7.1.2 or RFC 6980 §5 discard it.
 * ```
 * na = type(136):u8 code(0):u8 checksum:u16 flags:u32 target:octets[16] *option
 * ```
 * RFC 4861 §4.4. Never throws.
 */
export const neighbourTarget = ({ message, hopLimit, fragmented }: ReceivedMessage): Ip6 | undefined => {
  if (fragmented || hopLimit !== 255) return undefined
  try {
    const reader = new Reader(message, 'NA')
    const isNeighbour = reader.u8() === ICMP6_TYPE.NEIGHBOUR_ADVERTISEMENT
    const code = reader.u8()
    reader.skip(6)
    const target = reader.ip6()
    return isNeighbour && code === 0 && target[0] !== 0xff ? target : undefined
  } catch (error) {
    if (!(error instanceof NdpError)) throw error
    return undefined
  }
}
