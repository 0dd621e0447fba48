import { readlinkSync } from 'node:fs'
import { HostError } from './host-error.ts'
import { AF, libc, SOCK } from './libc.ts'
import { nativeBuffer } from './native-buffer.ts'

/** socket(7), Linux 5.14. */
const SO_NETNS_COOKIE = { level: 1, name: 71, label: 'SO_NETNS_COOKIE' }

const cookie = nativeBuffer(8)
const cookieLen = nativeBuffer(4)

/**
 * A name of this thread's network namespace that no other one gets while the kernel runs. The inode in
 * /proc/self/ns/net is not such a name: the next namespace takes it as soon as it is free; it is the fallback before
 * Linux 5.14. Throws `HostError`.
 */
export const networkNamespaceId = (): string => {
  const fd = libc.socket(AF.UNIX, SOCK.DGRAM, 0)
  try {
    cookieLen.view.setUint32(0, 8, true)
    libc.getsockopt(fd, SO_NETNS_COOKIE, cookie.address, cookieLen.address)
    return `cookie:${cookie.view.getBigUint64(0, true)}`
  } catch (error) {
    if (error instanceof HostError && error.code === 'ENOPROTOOPT') return readlinkSync('/proc/self/ns/net')
    throw error
  } finally {
    libc.closeFd(fd)
  }
}
