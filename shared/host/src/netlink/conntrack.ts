/*
 * body  = family:u8 version:u8 res_id:u16 attributes              struct nfgenmsg (linux/netfilter/nfnetlink.h)
 * tuple = CTA_TUPLE_IP { src:4 dst:4 } CTA_TUPLE_PROTO { number:u8 src-port:u16 dst-port:u16 }
 * Addresses and ports are in network order (linux/netfilter/nfnetlink_conntrack.h).
 */
import { AF } from '../libc.ts'
import { type Attributes, attribute, attributeU8, concat, decodeAttributes, nested } from './attributes.ts'
import { malformed, NetlinkError } from './error.ts'
import { NETLINK, NetlinkSocket } from './socket.ts'

/** Subsystem 1, message 1. */
const CT_GET = (1 << 8) | 1
const NFGENMSG_LEN_BYTES = 4
const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2 } as const
const CTA_TUPLE = { IP: 1, PROTO: 2 } as const
const CTA_IP = { V4_SRC: 1, V4_DST: 2 } as const
const CTA_PROTO = { NUM: 1, SRC_PORT: 2, DST_PORT: 3 } as const
const IPPROTO_TCP = 6

/** An end of a TCP connection over IPv4. */
export interface TcpEnd4 {
  /** Unsigned 32-bit. */
  readonly ip4: number
  readonly port: number
}

/** One direction of a connection. */
interface Tuple {
  readonly from: TcpEnd4
  readonly to: TcpEnd4
}

let socket: NetlinkSocket | undefined

/**
 * What the other end `to` sees of `from`: its address and port after NAT, as this namespace's conntrack has them, whoever opened the
 * connection. `undefined`: conntrack does not know the connection. Throws `NetlinkError` (EINVAL or EOPNOTSUPP: the kernel has no
 * nf_conntrack_netlink).
 */
export const outsideOf = (from: TcpEnd4, to: TcpEnd4): TcpEnd4 | undefined => {
  socket ??= new NetlinkSocket([], NETLINK.NETFILTER)
  const body = concat([
    Uint8Array.of(AF.INET, 0, 0, 0),
    nested(
      CTA.TUPLE_ORIG,
      [
        nested(
          CTA_TUPLE.IP,
          [attribute(CTA_IP.V4_SRC, octetsOf(from.ip4, 4)), attribute(CTA_IP.V4_DST, octetsOf(to.ip4, 4))],
          true,
        ),
        nested(
          CTA_TUPLE.PROTO,
          [
            attributeU8(CTA_PROTO.NUM, IPPROTO_TCP),
            attribute(CTA_PROTO.SRC_PORT, octetsOf(from.port, 2)),
            attribute(CTA_PROTO.DST_PORT, octetsOf(to.port, 2)),
          ],
          true,
        ),
      ],
      true,
    ),
  ])
  try {
    const [answer] = socket.request({ type: CT_GET, flags: 0, body }, 'ask conntrack for a TCP connection')
    return answer === undefined ? undefined : otherEndIn(answer.body, from)
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return undefined
    closeConntrack()
    throw error
  }
}

/** Closes this thread's socket; the next call opens a new one. */
export const closeConntrack = (): void => {
  socket?.close()
  socket = undefined
}

const octetsOf = (value: number, lenBytes: 2 | 4): Uint8Array => {
  const bytes = new Uint8Array(lenBytes)
  const view = new DataView(bytes.buffer)
  if (lenBytes === 2) view.setUint16(0, value)
  else view.setUint32(0, value >>> 0)
  return bytes
}

/** Exported for the test. The direction that does not begin at `from` is addressed to what NAT made of it. */
export const otherEndIn = (body: DataView, from: TcpEnd4): TcpEnd4 => {
  const attributes = decodeAttributes(body, NFGENMSG_LEN_BYTES)
  const original = tupleIn(attributes, CTA.TUPLE_ORIG)
  const isFrom = original.from.ip4 === from.ip4 >>> 0 && original.from.port === from.port
  return isFrom ? tupleIn(attributes, CTA.TUPLE_REPLY).to : original.to
}

const tupleIn = (attributes: Attributes, type: number): Tuple => {
  const parts = decodeAttributes(need(attributes, type, 0))
  const ip = decodeAttributes(need(parts, CTA_TUPLE.IP, 0))
  const proto = decodeAttributes(need(parts, CTA_TUPLE.PROTO, 0))
  const end = (address: number, port: number): TcpEnd4 => ({
    ip4: need(ip, address, 4).getUint32(0),
    port: need(proto, port, 2).getUint16(0),
  })
  return { from: end(CTA_IP.V4_SRC, CTA_PROTO.SRC_PORT), to: end(CTA_IP.V4_DST, CTA_PROTO.DST_PORT) }
}

const need = (attributes: Attributes, type: number, lenBytes: number): DataView => {
  const payload = attributes.get(type)
  if (payload === undefined || payload.byteLength < lenBytes) throw malformed(`conntrack attribute ${type} is missing`)
  return payload
}
