import { AF, ERRNO, HostError, libc, link, MSG, must, nativeBuffer, SOCK, watchReadable } from '@sixgate/host'

const ETH_P_IPV6 = 0x86dd
const SOL_PACKET = 263
const PACKET_IGNORE_OUTGOING = { level: SOL_PACKET, name: 23, label: 'PACKET_IGNORE_OUTGOING' }
/** struct sockaddr_ll: family u16, protocol u16 (network order), ifindex i32, … */
const SOCKADDR_LL = { FAMILY_U16: 0, PROTOCOL_U16: 2, IFINDEX_I32: 4, SIZE: 20 } as const
const FRAME_MAX_LEN = 65_536

/** For tests: sends and receives whole Ethernet frames with IPv6 on one interface, so that nothing is made or dropped by a kernel. */
export class EthernetPort {
  readonly #fd: number
  readonly #out = nativeBuffer(FRAME_MAX_LEN)
  readonly #in = nativeBuffer(FRAME_MAX_LEN)
  readonly #unwatch: () => void
  /** Frames that came in, oldest first. */
  readonly frames: Uint8Array[] = []

  constructor(name: string) {
    const ifindex = link(name)?.index
    if (ifindex === undefined) throw new Error(`no interface ${name}`)
    this.#fd = libc.socket(AF.PACKET, SOCK.RAW | SOCK.NONBLOCK, 0)
    libc.setsockoptInt(this.#fd, PACKET_IGNORE_OUTGOING, 1)
    const place = nativeBuffer(SOCKADDR_LL.SIZE)
    place.view.setUint16(SOCKADDR_LL.FAMILY_U16, AF.PACKET, true)
    place.view.setUint16(SOCKADDR_LL.PROTOCOL_U16, ETH_P_IPV6)
    place.view.setInt32(SOCKADDR_LL.IFINDEX_I32, ifindex, true)
    libc.bind(this.#fd, place.address, SOCKADDR_LL.SIZE, `bind to ${name}`)
    this.#unwatch = watchReadable(this.#fd, () => this.#receive())
  }

  send(frame: Uint8Array): void {
    this.#out.bytes.set(frame)
    must(libc.sendto(this.#fd, { address: this.#out.address, lenBytes: frame.length }, MSG.DONTWAIT), 'send a frame')
  }

  close(): void {
    this.#unwatch()
    libc.closeFd(this.#fd)
  }

  #receive(): void {
    for (;;) {
      const length = libc.recvfrom(this.#fd, { address: this.#in.address, lenBytes: FRAME_MAX_LEN }, MSG.DONTWAIT)
      if (length === -ERRNO.EAGAIN) return
      if (length < 0) throw new HostError('receive a frame', -length)
      this.frames.push(this.#in.bytes.slice(0, length))
    }
  }
}
