import { abstractAddress, AF, HostError, libc, MSG, type NativeBuffer, SOCK } from '@sixgate/host'

const ECONNREFUSED = 111

/**
 * Several instances, one gateway: what a queue brings of a connection that needs state goes to the instance that holds an
 * abstract socket name, as a datagram with the offload header and the packet. The kernel spreads a connection over queues
 * as it likes (both directions, and after a pause the same direction again, can take another one), so no instance could
 * know all of it alone. When that instance ends, whoever notices first takes the name.
 */
export class AlgPeer {
  #fd: number
  readonly #name: NativeBuffer
  #isOwner: boolean

  constructor(tunName: string) {
    this.#name = abstractAddress(`sixgate/nat64/alg/${tunName}`)
    this.#fd = libc.socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK, 0)
    this.#isOwner = this.#claim()
  }

  #claim(): boolean {
    try {
      libc.bind(this.#fd, this.#name.address, this.#name.bytes.length, 'be the gateway of all instances')
      return true
    } catch (error) {
      if (error instanceof HostError && error.code === 'EADDRINUSE') return false
      throw error
    }
  }

  /** To be polled: readable when another instance hands something over. */
  get fd(): number {
    return this.#fd
  }

  /** Goes on with the socket of an instance that was the gateway and ends: what waits in it, and who comes next, is for this one. */
  adopt(fd: number): void {
    libc.closeFd(this.#fd)
    this.#fd = fd
    this.#isOwner = true
  }

  /** True for the instance that is the gateway. */
  get isOwner(): boolean {
    return this.#isOwner
  }

  /**
   * Hands `lenBytes` octets at `address` to the instance that is the gateway. False: that is this one. A packet that the
   * other one has no room for is lost, as in any full queue.
   */
  handOver(address: number, lenBytes: number): boolean {
    if (this.#isOwner) return false
    const to = { address: this.#name.address, lenBytes: this.#name.bytes.length }
    const sent = libc.sendto(this.#fd, { address, lenBytes }, MSG.DONTWAIT, to)
    if (sent !== -ECONNREFUSED) return true
    this.#isOwner = this.#claim()
    return !this.#isOwner
  }

  /** Reads one packet that was handed over to `address`. Octets, or `undefined` when none is there. */
  receive(address: number, lenBytes: number): number | undefined {
    const got = libc.read(this.#fd, address, lenBytes)
    return got < 0 ? undefined : got
  }

  close(): void {
    libc.closeFd(this.#fd)
  }
}
