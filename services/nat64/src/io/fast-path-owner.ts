import { abstractAddress, AF, HostError, libc, type NativeBuffer, SOCK } from '@sixgate/host'

/**
 * Says which of several instances has the fast path: the one that holds an abstract socket name. Such names belong to
 * the network namespace, as the TUN does, and are free again when their process ends, however it ends.
 */
export class FastPathOwner {
  readonly #name: NativeBuffer
  #fd = -1

  constructor(tunName: string) {
    this.#name = abstractAddress(`sixgate/nat64/fast-path/${tunName}`)
  }

  /** True when this instance has it, now or already. */
  claim(): boolean {
    if (this.#fd >= 0) return true
    const fd = libc.socket(AF.UNIX, SOCK.DGRAM, 0)
    try {
      libc.bind(fd, this.#name.address, this.#name.bytes.length, 'claim the fast path')
    } catch (error) {
      libc.closeFd(fd)
      if (error instanceof HostError && error.code === 'EADDRINUSE') return false
      throw error
    }
    this.#fd = fd
    return true
  }

  release(): void {
    if (this.#fd >= 0) libc.closeFd(this.#fd)
    this.#fd = -1
  }
}
