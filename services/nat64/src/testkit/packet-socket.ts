import { AF, ERRNO, HostError, libc, link, nativeBuffer, POLL, SOCK } from '@sixgate/host'
import { VNET } from '../core/wire/virtio-net.ts'

const ETH_P_ALL = 0x0003
const SOL_PACKET = 263
const PACKET_VNET_HDR = { level: SOL_PACKET, name: 15, label: 'PACKET_VNET_HDR' }
/** struct sockaddr_ll: family u16, protocol u16 (network order), ifindex i32, hatype u16, pkttype u8, halen u8, address 8. */
const SOCKADDR_LL = { FAMILY_U16: 0, PROTOCOL_U16: 2, IFINDEX_I32: 4, PKTTYPE_U8: 10, SIZE: 20 } as const
const PACKET_OUTGOING = 4
const BUFFER_BYTES = 70_000

/**
 * The kernel's side of a TUN, past routing: what is sent comes out of the TUN's file as it is, and what is written to the
 * TUN's file is received as it is. With virtio-net headers (10 octets) in front, both ways.
 */
export class PacketSocket {
  /** For poll(2): readable also when only the kernel's own outgoing packet is seen. */
  readonly fd: number
  readonly #data = nativeBuffer(BUFFER_BYTES)
  readonly #name = nativeBuffer(SOCKADDR_LL.SIZE)
  readonly #nameLen = nativeBuffer(4)
  readonly #poll = nativeBuffer(8)

  constructor(linkName: string) {
    const ifindex = link(linkName)?.index
    if (ifindex === undefined) throw new Error(`no link ${linkName}`)
    this.fd = libc.socket(AF.PACKET, SOCK.RAW | SOCK.NONBLOCK, (ETH_P_ALL << 8) & 0xffff)
    libc.setsockoptInt(this.fd, PACKET_VNET_HDR, 1)
    this.#name.view.setUint16(SOCKADDR_LL.FAMILY_U16, AF.PACKET, true)
    this.#name.view.setUint16(SOCKADDR_LL.PROTOCOL_U16, ETH_P_ALL)
    this.#name.view.setInt32(SOCKADDR_LL.IFINDEX_I32, ifindex, true)
    libc.bind(this.fd, this.#name.address, SOCKADDR_LL.SIZE)
    this.#poll.view.setInt32(0, this.fd, true)
    this.#poll.view.setInt16(4, POLL.IN, true)
  }

  /** Puts a packet, offload header first, into the TUN's queue. Throws `HostError` when the kernel refuses it. */
  send(octets: ArrayLike<number>): void {
    this.#data.bytes.set(octets)
    const sent = libc.write(this.fd, this.#data.address, octets.length)
    if (sent < 0) throw new HostError('send a packet', -sent)
  }

  /** The next packet that was written to the TUN's file, offload header first; `undefined` after `timeoutMs`. */
  receive(timeoutMs = 5000): Uint8Array | undefined {
    for (;;) {
      this.#nameLen.view.setUint32(0, SOCKADDR_LL.SIZE, true)
      const data = { address: this.#data.address, lenBytes: BUFFER_BYTES }
      const received = libc.recvfrom(this.fd, data, 0, this.#name.address, this.#nameLen.address)
      if (received >= VNET.LEN) {
        // The kernel's own packets on their way into the TUN are seen here as well.
        if (this.#name.view.getUint8(SOCKADDR_LL.PKTTYPE_U8) === PACKET_OUTGOING) continue
        return this.#data.bytes.slice(0, received)
      }
      if (received !== -ERRNO.EAGAIN) throw new HostError('receive a packet', -received)
      if (libc.poll(this.#poll.address, 1, timeoutMs) === 0) return undefined
    }
  }

  close(): void {
    libc.closeFd(this.fd)
  }
}
