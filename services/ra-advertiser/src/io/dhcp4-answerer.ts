import { AF, ERRNO, HostError, libc, MSG, nativeBuffer, SOCK, watchReadable } from '@sixgate/host'
import type { Counters, Logger } from '@sixgate/obs'
import { encodeOffer, nextOffer, type OfferRate, readDiscover } from '../core/dhcp4.ts'
import { formatMac } from '../core/mac.ts'
import type { CounterName } from './counters.ts'

const ETH_P_IP = 0x0800
const SOL_PACKET = 263
const PACKET_IGNORE_OUTGOING = { level: SOL_PACKET, name: 23, label: 'PACKET_IGNORE_OUTGOING' }
/** struct sockaddr_ll: family u16, protocol u16 in network order, ifindex i32, … */
const SOCKADDR_LL = { FAMILY_U16: 0, PROTOCOL_U16: 2, IFINDEX_I32: 4, SIZE: 20 } as const
/** A DHCP message is at most this long here; longer frames are cut, and then malformed. */
const FRAME_MAX_LEN = 2048
/** One turn of the event loop reads at most so many frames. */
const FRAMES_PER_TURN = 64

export interface Dhcp4Ports {
  readonly log: Logger
  readonly counters: Counters<CounterName>
  readonly nowMs: () => number
}

export interface Dhcp4Place {
  readonly ifindex: number
  readonly name: string
  readonly mac: Uint8Array
}

/**
 * Answers DHCPv4 hosts of one LAN that they need no IPv4 here (RFC 8925), on a packet socket: the LAN has no IPv4 address,
 * and the firewall lets none in.
 */
export class Dhcp4Answerer {
  readonly #ports: Dhcp4Ports
  readonly #place: Dhcp4Place
  readonly #waitS: number
  readonly #fd: number
  readonly #in = nativeBuffer(FRAME_MAX_LEN)
  readonly #out = nativeBuffer(FRAME_MAX_LEN)
  readonly #unwatch: () => void
  #rate: OfferRate = { sinceMs: Number.NEGATIVE_INFINITY, sent: 0 }

  /** Opens the socket. Throws HostError: EPERM without CAP_NET_RAW, ENODEV when the link has gone. */
  constructor(place: Dhcp4Place, waitS: number, ports: Dhcp4Ports) {
    this.#ports = ports
    this.#place = place
    this.#waitS = waitS
    // Protocol 0: nothing comes in before it is bound to the link.
    this.#fd = libc.socket(AF.PACKET, SOCK.RAW | SOCK.NONBLOCK, 0, 'open a packet socket for DHCPv4')
    try {
      libc.setsockoptInt(this.#fd, PACKET_IGNORE_OUTGOING, 1)
      const address = nativeBuffer(SOCKADDR_LL.SIZE)
      address.view.setUint16(SOCKADDR_LL.FAMILY_U16, AF.PACKET, true)
      address.view.setUint16(SOCKADDR_LL.PROTOCOL_U16, ETH_P_IP)
      address.view.setInt32(SOCKADDR_LL.IFINDEX_I32, place.ifindex, true)
      libc.bind(this.#fd, address.address, SOCKADDR_LL.SIZE, `bind to ${place.name}`)
      this.#unwatch = watchReadable(this.#fd, () => this.#receive())
    } catch (error) {
      libc.closeFd(this.#fd)
      throw error
    }
  }

  /** Whether it answers there, and so. */
  serves(place: Dhcp4Place, waitS: number): boolean {
    return this.#place.ifindex === place.ifindex && this.#waitS === waitS
  }

  close(): void {
    this.#unwatch()
    libc.closeFd(this.#fd)
  }

  #receive(): void {
    for (let turn = 0; turn < FRAMES_PER_TURN; turn++) {
      const length = libc.recvfrom(this.#fd, { address: this.#in.address, lenBytes: FRAME_MAX_LEN }, MSG.DONTWAIT)
      if (length === -ERRNO.EINTR) continue
      // ENETDOWN and the like: rtnetlink tells what became of the link.
      if (length < 0) return
      this.#answer(this.#in.bytes.subarray(0, length))
    }
  }

  #answer(frame: Uint8Array): void {
    const { counters, log, nowMs } = this.#ports
    const discover = readDiscover(frame)
    if (discover === 'not_dhcp') return
    counters.add('dhcp4_received_total')
    if (typeof discover === 'string') return counters.add(`dhcp4_refused_${discover}_total`)
    const rate = nextOffer(this.#rate, nowMs())
    if (rate === undefined) return counters.add('dhcp4_refused_too_many_total')
    this.#rate = rate
    const offer = encodeOffer(discover, this.#place.mac, this.#waitS)
    this.#out.bytes.set(offer)
    const sent = libc.sendto(this.#fd, { address: this.#out.address, lenBytes: offer.length }, MSG.DONTWAIT)
    if (sent < 0) log.debug({ err: new HostError(`send a DHCPOFFER on ${this.#place.name}`, -sent) }, 'DHCPv4')
    else counters.add('dhcp4_offers_total')
    log.debug({ link: this.#place.name, mac: formatMac(discover.mac) }, 'told a host to leave IPv4 alone')
  }
}
