import { HostError } from './host-error.ts'
import { AF, libc, MSG, POLL, SOCK, type SocketOption } from './libc.ts'
import { CMSGHDR, IOVEC, MSGHDR } from './msghdr.ts'
import { type NativeBuffer, nativeBuffer } from './native-buffer.ts'

const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const PEERCRED: SocketOption = { level: SOL_SOCKET, name: 17, label: 'SO_PEERCRED' }
/** struct ucred: pid i32, uid u32, gid u32. */
const UCRED = { UID_U32: 4, SIZE: 12 } as const

/** struct sockaddr_un: family u16, path. */
const SOCKADDR_UN = { FAMILY_U16: 0, PATH: 2, PATH_MAX: 108 } as const

/** Descriptors in one message at most: SCM_MAX_FD of the kernel. */
const MAX_DESCRIPTORS = 253

/**
 * The sockaddr of a name without a file (unix(7), "abstract"): it belongs to the network namespace, and is free again when its
 * last socket ends, however that ends. Throws RangeError for one that is too long.
 */
export const abstractAddress = (name: string): NativeBuffer => {
  const bytes = new TextEncoder().encode(`\0${name}`)
  if (bytes.length > SOCKADDR_UN.PATH_MAX) throw new RangeError(`socket name "${name}": must be at most 107 octets`)
  const address = nativeBuffer(SOCKADDR_UN.PATH + bytes.length)
  address.view.setUint16(SOCKADDR_UN.FAMILY_U16, AF.UNIX, true)
  address.bytes.set(bytes, SOCKADDR_UN.PATH)
  return address
}

/** User that made the other end of a connected socket of AF_UNIX, as it was then (SO_PEERCRED). Throws HostError. */
export const peerUser = (fd: number): number => {
  const [credentials, length] = [nativeBuffer(UCRED.SIZE), nativeBuffer(4)]
  inUse.buffers = [credentials, length]
  length.view.setUint32(0, UCRED.SIZE, true)
  libc.getsockopt(fd, PEERCRED, credentials.address, length.address)
  return credentials.view.getUint32(UCRED.UID_U32, true)
}

/** Waits until `fd` can be read, or its other end is gone; false after `timeoutMs`. */
export const untilReadable = (fd: number, timeoutMs: number): boolean => {
  const set = nativeBuffer(8)
  inUse.buffers = [set]
  set.view.setInt32(0, fd, true)
  set.view.setInt16(4, POLL.IN, true)
  return libc.poll(set.address, 1, timeoutMs) > 0
}

/** A message with the descriptors that came with it, which are the caller's to close. */
export interface MessageWithDescriptors {
  /** A copy. */
  readonly data: Uint8Array
  readonly descriptors: readonly number[]
}

/** What the kernel reads or writes in the call under way: a local variable would not keep it (`nativeBuffer`). */
const inUse: { buffers: readonly NativeBuffer[] } = { buffers: [] }

const align8 = (length: number): number => (length + 7) & ~7

/** A msghdr of one stretch of data, for the next call. */
const makeHeader = (data: NativeBuffer, control: NativeBuffer | undefined): NativeBuffer => {
  const [header, vector] = [nativeBuffer(MSGHDR.SIZE), nativeBuffer(IOVEC.SIZE)]
  inUse.buffers = control === undefined ? [data, header, vector] : [data, header, vector, control]
  vector.view.setBigUint64(IOVEC.BASE_U64, BigInt(data.address), true)
  vector.view.setBigUint64(IOVEC.LEN_U64, BigInt(data.bytes.length), true)
  header.view.setBigUint64(MSGHDR.IOV_U64, BigInt(vector.address), true)
  header.view.setBigUint64(MSGHDR.IOVLEN_U64, 1n, true)
  if (control !== undefined) {
    header.view.setBigUint64(MSGHDR.CONTROL_U64, BigInt(control.address), true)
    header.view.setBigUint64(MSGHDR.CONTROLLEN_U64, BigInt(control.bytes.length), true)
  }
  return header
}

/**
 * Sends `data` (at least one octet) and copies of `descriptors` (253 at most) over a socket of AF_UNIX as one message (SCM_RIGHTS,
 * unix(7)). Octets sent or −errno; never blocks.
 */
export const sendDescriptors = (fd: number, data: Uint8Array, descriptors: readonly number[]): number => {
  const payload = nativeBuffer(data.length)
  payload.bytes.set(data)
  let control: NativeBuffer | undefined
  if (descriptors.length > 0) {
    control = nativeBuffer(align8(CMSGHDR.SIZE + 4 * descriptors.length))
    control.view.setBigUint64(CMSGHDR.LEN_U64, BigInt(CMSGHDR.SIZE + 4 * descriptors.length), true)
    control.view.setInt32(CMSGHDR.LEVEL_I32, SOL_SOCKET, true)
    control.view.setInt32(CMSGHDR.TYPE_I32, SCM_RIGHTS, true)
    for (const [index, one] of descriptors.entries()) control.view.setInt32(CMSGHDR.SIZE + 4 * index, one, true)
  }
  const header = makeHeader(payload, control)
  return libc.sendmsg(fd, header.address, MSG.DONTWAIT | MSG.NOSIGNAL)
}

/**
 * Receives one message of `lenBytes` octets at most, with its descriptors (close-on-exec). `undefined`: none is there, or the other
 * end is gone. Never blocks.
 */
export const receiveDescriptors = (fd: number, lenBytes: number): MessageWithDescriptors | undefined => {
  const payload = nativeBuffer(lenBytes)
  const control = nativeBuffer(align8(CMSGHDR.SIZE + 4 * MAX_DESCRIPTORS))
  const header = makeHeader(payload, control)
  const got = libc.recvmsg(fd, header.address, MSG.DONTWAIT | MSG.CMSG_CLOEXEC)
  if (got <= 0) return undefined
  const controlBytes = Number(header.view.getBigUint64(MSGHDR.CONTROLLEN_U64, true))
  return { data: payload.bytes.slice(0, got), descriptors: descriptorsIn(control, controlBytes) }
}

const descriptorsIn = (control: NativeBuffer, lenBytes: number): number[] => {
  const found: number[] = []
  for (let at = 0; at + CMSGHDR.SIZE <= lenBytes; ) {
    const entryBytes = Number(control.view.getBigUint64(at + CMSGHDR.LEN_U64, true))
    if (entryBytes < CMSGHDR.SIZE) break
    const isRights =
      control.view.getInt32(at + CMSGHDR.LEVEL_I32, true) === SOL_SOCKET &&
      control.view.getInt32(at + CMSGHDR.TYPE_I32, true) === SCM_RIGHTS
    const end = isRights ? at + entryBytes : at
    for (let index = at + CMSGHDR.SIZE; index + 4 <= end; index += 4) found.push(control.view.getInt32(index, true))
    at += align8(entryBytes)
  }
  return found
}

/** A socket for messages (SOCK_SEQPACKET), non-blocking, made ready by `use`; `undefined`: that failed with one of `codes`. */
const openAbstract = (
  name: string,
  codes: readonly string[],
  use: (fd: number, address: NativeBuffer) => void,
): number | undefined => {
  const address = abstractAddress(name)
  inUse.buffers = [address]
  const fd = libc.socket(AF.UNIX, SOCK.SEQPACKET | SOCK.NONBLOCK, 0)
  try {
    use(fd, address)
    return fd
  } catch (error) {
    libc.closeFd(fd)
    if (error instanceof HostError && codes.includes(error.code)) return undefined
    throw error
  }
}

/** A socket that listens under an abstract name for messages, non-blocking; `undefined`: somebody has the name. */
export const listenAbstract = (name: string): number | undefined =>
  openAbstract(name, ['EADDRINUSE'], (fd, { address, bytes }) => {
    libc.bind(fd, address, bytes.length, `listen as ${name}`)
    libc.listen(fd, 8)
  })

/** Connects to who listens under an abstract name; `undefined`: nobody does, or has no room. */
export const connectAbstract = (name: string): number | undefined =>
  openAbstract(name, ['ECONNREFUSED', 'EAGAIN'], (fd, { address, bytes }) => libc.connect(fd, address, bytes.length))
