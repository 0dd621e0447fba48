import { fold, sumBytes, sumPseudoTail } from '../../checksum.ts'
import { HEADROOM } from '../../frame.ts'
import { IPV4, IPV4_DF_U16 } from '../../wire/ipv4.ts'
import { PROTOCOL, UDP } from '../../wire/protocol.ts'
import type { Xlate } from '../../xlate.ts'
import type { MediaPath } from './media-paths.ts'

const HOPS = 64

/** Sends an empty UDP packet in the name of the host with the pool address `local4` (signed): RFC 6263 §4.1, §4.6. */
export const openPath = (x: Xlate, local4: number, { sourcePort, ip4, port }: MediaPath): void => {
  const { reply } = x
  const to = reply.view
  const o = HEADROOM
  to.setUint32(o, (0x45 << 24) | (IPV4.LEN + UDP.LEN))
  to.setUint32(o + IPV4.ID, IPV4_DF_U16)
  to.setUint32(o + IPV4.TTL, (HOPS << 24) | (PROTOCOL.UDP << 16))
  to.setInt32(o + IPV4.SRC, local4)
  to.setInt32(o + IPV4.DST, ip4)
  to.setUint16(o + IPV4.CHECKSUM, ~sumBytes(to, o, IPV4.LEN) & 0xffff)
  const at = o + IPV4.LEN
  to.setUint16(at + UDP.SRC_PORT, sourcePort)
  to.setUint16(at + UDP.DST_PORT, port)
  to.setUint16(at + UDP.LENGTH, UDP.LEN)
  to.setUint16(at + UDP.CHECKSUM, 0)
  const pseudo = fold(sumBytes(to, o + IPV4.SRC, 8) + sumPseudoTail(UDP.LEN, PROTOCOL.UDP))
  // RFC 768: a sum of zero is sent as all ones.
  to.setUint16(at + UDP.CHECKSUM, ~sumBytes(to, at, UDP.LEN, pseudo) & 0xffff || 0xffff)
  reply.reset(o, IPV4.LEN + UDP.LEN)
  x.output.send(reply)
}
