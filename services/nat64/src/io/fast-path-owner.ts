import { AF, HostError, libc, nativeBuffer, SOCK } from '@sixgate/host'

/** struct sockaddr_un: family u16, path; a path that starts with NUL is a name without a file (unix(7), "abstract"). */
const PATH = 2

/**
 * Says which of several instances has the fast path: the one that holds an abstract socket name. Such names belong to
 * the network namespace, as the TUN does, and are free again when their process ends, however it ends.
 */
export class FastPathOwner {
  readonly #name: string
  #fd = -1

  constructor(tunName: string) {
    this.#name = `\0sixgate/nat64/fast-path/${tunName}`
  }

  /** True when this instance has it, now or already. */
  claim(): boolean {
    if (this.#fd >= 0) return true
    const name = new TextEncoder().encode(this.#name)
    const address = nativeBuffer(PATH + name.length)
    address.view.setUint16(0, AF.UNIX, true)
    address.bytes.set(name, PATH)
    const fd = libc.socket(AF.UNIX, SOCK.DGRAM, 0)
    try {
      libc.bind(fd, address.address, address.bytes.length, 'claim the fast path')
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
