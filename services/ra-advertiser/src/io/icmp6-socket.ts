import { asIp6, IP6_LEN, type Ip6 } from '@sixgate/addr'
import {
  AF,
  CMSGHDR,
  ERRNO,
  HostError,
  IOVEC,
  libc,
  MSG,
  MSGHDR,
  type NativeBuffer,
  nativeBuffer,
  SOCK,
  watchReadable,
} from '@sixgate/host'
import { ICMP6_TYPE } from '../core/ra-wire.ts'
import type { ReceivedMessage } from '../core/rs-check.ts'
import { CMSG, ICMP6_FILTER_LEN, IN6_PKTINFO, IPPROTO_ICMPV6, IPV6_MREQ, OPTION, SOCKADDR_IN6 } from './icmp6-abi.ts'

/** RFC 4291 §2.7.1. */
const ALL_NODES = asIp6(Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))
const ALL_ROUTERS = asIp6(Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2))

/** RFC 4861 §4.1, §4.2: hop limit of every Neighbor Discovery message. */
const ND_HOP_LIMIT = 255

/** What is read here; the kernel keeps the rest, of which there is much (its own neighbour discovery solicits, too). */
const RECEIVED = [
  ICMP6_TYPE.ROUTER_SOLICITATION,
  ICMP6_TYPE.ROUTER_ADVERTISEMENT,
  ICMP6_TYPE.NEIGHBOUR_ADVERTISEMENT,
] as const

/** Messages are at most one link MTU long; nothing on a LAN is longer than this. */
const MESSAGE_MAX_LEN = 65_536
const CONTROL_LEN = 256
/** One turn of the event loop reads at most so many messages, so that a flood cannot starve the timers. */
const MESSAGES_PER_TURN = 64

const align8 = (length: number): number => (length + 7) & ~7

/** A msghdr with everything it points to, set up once. */
interface Envelope {
  readonly header: NativeBuffer
  readonly name: NativeBuffer
  readonly data: NativeBuffer
  readonly control: NativeBuffer
  readonly iov: NativeBuffer
}

const envelope = (controlLen: number): Envelope => {
  const parts: Envelope = {
    header: nativeBuffer(MSGHDR.SIZE),
    name: nativeBuffer(SOCKADDR_IN6.SIZE),
    data: nativeBuffer(MESSAGE_MAX_LEN),
    control: nativeBuffer(controlLen),
    iov: nativeBuffer(IOVEC.SIZE),
  }
  const { header, iov } = parts
  iov.view.setBigUint64(IOVEC.BASE_U64, BigInt(parts.data.address), true)
  iov.view.setBigUint64(IOVEC.LEN_U64, BigInt(MESSAGE_MAX_LEN), true)
  header.view.setBigUint64(MSGHDR.NAME_U64, BigInt(parts.name.address), true)
  header.view.setUint32(MSGHDR.NAMELEN_U32, SOCKADDR_IN6.SIZE, true)
  header.view.setBigUint64(MSGHDR.IOV_U64, BigInt(iov.address), true)
  header.view.setBigUint64(MSGHDR.IOVLEN_U64, 1n, true)
  header.view.setBigUint64(MSGHDR.CONTROL_U64, BigInt(parts.control.address), true)
  header.view.setBigUint64(MSGHDR.CONTROLLEN_U64, BigInt(controlLen), true)
  return parts
}

/** Which link, and the address that messages come from there. */
export interface SocketPlace {
  readonly ifindex: number
  readonly name: string
  /** Usable: duplicate address detection is over. */
  readonly linkLocal: Ip6
}

/** What a socket tells. */
export interface SocketEvents {
  readonly onMessage: (received: ReceivedMessage) => void
  /** Receiving failed, e.g. because the link has gone. */
  readonly onError: (error: HostError) => void
}

/**
 * A raw ICMPv6 socket on one link: receives Router Solicitations to ff02::2, Router and Neighbor Advertisements of others to ff02::1 (and
 * all to the link-local address), sends Neighbor Discovery messages with hop limit 255 from the link-local address. The kernel makes and checks the
 * checksum (RFC 3542 §3.1).
 * When the link is deleted it becomes useless without any event: the owner watches rtnetlink and opens a new one.
 */
export class Icmp6Socket {
  readonly #fd: number
  readonly #place: SocketPlace
  readonly #events: SocketEvents
  readonly #incoming = envelope(CONTROL_LEN)
  readonly #outgoing = envelope(CMSGHDR.SIZE + align8(IN6_PKTINFO.SIZE))
  readonly #unwatch: () => void

  /** Opens the socket. Throws HostError: EPERM without CAP_NET_RAW, ENODEV when the link has gone. */
  constructor(place: SocketPlace, events: SocketEvents) {
    this.#place = place
    this.#events = events
    this.#fd = libc.socket(AF.INET6, SOCK.RAW | SOCK.NONBLOCK, IPPROTO_ICMPV6, 'open a raw ICMPv6 socket')
    try {
      this.#setUp()
      this.#unwatch = watchReadable(this.#fd, () => this.#receive())
    } catch (error) {
      libc.closeFd(this.#fd)
      throw error
    }
  }

  #setUp(): void {
    const { ifindex } = this.#place
    // The filter first: until the socket is bound it would receive every ICMPv6 message of the host.
    const filter = nativeBuffer(ICMP6_FILTER_LEN)
    filter.bytes.fill(0xff)
    for (const type of RECEIVED) {
      const word = filter.view.getUint32((type >>> 5) * 4, true)
      filter.view.setUint32((type >>> 5) * 4, word & ~(1 << (type & 31)), true)
    }
    libc.setsockopt(this.#fd, OPTION.ICMP6_FILTER, filter.address, ICMP6_FILTER_LEN)
    libc.setsockoptInt(this.#fd, OPTION.BINDTOIFINDEX, ifindex)
    libc.setsockoptInt(this.#fd, OPTION.MULTICAST_ALL, 0)
    libc.setsockoptInt(this.#fd, OPTION.RECVHOPLIMIT, 1)
    libc.setsockoptInt(this.#fd, OPTION.RECVFRAGSIZE, 1)
    libc.setsockoptInt(this.#fd, OPTION.UNICAST_HOPS, ND_HOP_LIMIT)
    libc.setsockoptInt(this.#fd, OPTION.MULTICAST_HOPS, ND_HOP_LIMIT)
    libc.setsockoptInt(this.#fd, OPTION.MULTICAST_IF, ifindex)
    libc.setsockoptInt(this.#fd, OPTION.MULTICAST_LOOP, 0)
    // RFC 6980 §5: nodes do not send fragmented Neighbor Discovery messages.
    libc.setsockoptInt(this.#fd, OPTION.DONTFRAG, 1)
    libc.setsockoptInt(this.#fd, OPTION.FREEBIND, 1)
    for (const address of [ALL_ROUTERS, ALL_NODES]) {
      const group = nativeBuffer(IPV6_MREQ.SIZE)
      group.bytes.set(address, IPV6_MREQ.ADDR)
      group.view.setUint32(IPV6_MREQ.IFINDEX_U32, ifindex, true)
      libc.setsockopt(this.#fd, OPTION.JOIN_GROUP, group.address, IPV6_MREQ.SIZE)
    }
    this.#addressOutgoing()
  }

  /** The parts of outgoing messages that never change: which link they leave by. */
  #addressOutgoing(): void {
    const { name, control } = this.#outgoing
    const { ifindex } = this.#place
    name.view.setUint16(SOCKADDR_IN6.FAMILY_U16, AF.INET6, true)
    name.view.setUint32(SOCKADDR_IN6.SCOPE_U32, ifindex, true)
    control.view.setBigUint64(CMSGHDR.LEN_U64, BigInt(CMSGHDR.SIZE + IN6_PKTINFO.SIZE), true)
    control.view.setInt32(CMSGHDR.LEVEL_I32, CMSG.LEVEL, true)
    control.view.setInt32(CMSGHDR.TYPE_I32, CMSG.PKTINFO, true)
    control.view.setUint32(CMSGHDR.SIZE + IN6_PKTINFO.IFINDEX_U32, ifindex, true)
  }

  /**
   * Sends one ICMPv6 message (checksum zero) to a host, or to all nodes without `to`; `from`: another link-local address than this
   * router's own. Throws HostError.
   */
  send(message: Uint8Array, to: Ip6 = ALL_NODES, from: Ip6 = this.#place.linkLocal): void {
    const { header, name, data, iov, control } = this.#outgoing
    name.bytes.set(to, SOCKADDR_IN6.ADDR)
    control.bytes.set(from, CMSGHDR.SIZE + IN6_PKTINFO.ADDR)
    data.bytes.set(message)
    iov.view.setBigUint64(IOVEC.LEN_U64, BigInt(message.length), true)
    const sent = libc.sendmsg(this.#fd, header.address, MSG.DONTWAIT)
    if (sent < 0) throw new HostError(`send a Neighbor Discovery message on ${this.#place.name}`, -sent)
  }

  /** Closes the socket: nothing is received or sent any more. */
  close(): void {
    this.#unwatch()
    libc.closeFd(this.#fd)
  }

  #receive(): void {
    const { header, data } = this.#incoming
    for (let turn = 0; turn < MESSAGES_PER_TURN; turn++) {
      header.view.setUint32(MSGHDR.NAMELEN_U32, SOCKADDR_IN6.SIZE, true)
      header.view.setBigUint64(MSGHDR.CONTROLLEN_U64, BigInt(CONTROL_LEN), true)
      const length = libc.recvmsg(this.#fd, header.address, MSG.DONTWAIT)
      if (length === -ERRNO.EAGAIN) return
      if (length === -ERRNO.EINTR) continue
      if (length < 0) {
        this.#events.onError(new HostError(`receive on ${this.#place.name}`, -length))
        return
      }
      this.#events.onMessage({
        message: data.bytes.slice(0, length),
        source: this.#sender(),
        hopLimit: this.#ancillary(CMSG.HOPLIMIT) ?? -1,
        fragmented: this.#ancillary(CMSG.FRAGSIZE) !== undefined,
      })
    }
  }

  #sender(): Ip6 {
    const { bytes } = this.#incoming.name
    return asIp6(bytes.slice(SOCKADDR_IN6.ADDR, SOCKADDR_IN6.ADDR + IP6_LEN))
  }

  /** A number from the ancillary data; undefined when the kernel did not say. */
  #ancillary(type: number): number | undefined {
    const { view } = this.#incoming.control
    const end = Number(this.#incoming.header.view.getBigUint64(MSGHDR.CONTROLLEN_U64, true))
    let at = 0
    while (at + CMSGHDR.SIZE <= end) {
      const length = Number(view.getBigUint64(at + CMSGHDR.LEN_U64, true))
      if (length < CMSGHDR.SIZE || at + length > end) return undefined
      const isWanted =
        view.getInt32(at + CMSGHDR.LEVEL_I32, true) === CMSG.LEVEL &&
        view.getInt32(at + CMSGHDR.TYPE_I32, true) === type
      if (isWanted && length >= CMSGHDR.SIZE + 4) return view.getInt32(at + CMSGHDR.SIZE, true)
      at += align8(length)
    }
    return undefined
  }
}
