import koffi from 'koffi'
import { must } from './host-error.ts'
import { nativeBuffer } from './native-buffer.ts'

// The process's own C library (glibc or musl): Node has it loaded already.
const lib = koffi.load(null)

type Native = (...args: (number | string)[]) => number
const bind = (name: string, result: string, args: string[]): Native => lib.func(name, result, args) as Native

// Variadic in C (open, ioctl, fcntl): on Linux x64 and arm64 integer arguments travel the same way either way.
const native = {
  open: bind('open', 'int', ['str', 'int', 'int']),
  close: bind('close', 'int', ['int']),
  ioctl: bind('ioctl', 'int', ['int', 'uintptr_t', 'uintptr_t']),
  eventfd: bind('eventfd', 'int', ['uint', 'int']),
  memfdCreate: bind('memfd_create', 'int', ['str', 'uint']),
  socket: bind('socket', 'int', ['int', 'int', 'int']),
  socketpair: bind('socketpair', 'int', ['int', 'int', 'int', 'uintptr_t']),
  bind: bind('bind', 'int', ['int', 'uintptr_t', 'uint']),
  connect: bind('connect', 'int', ['int', 'uintptr_t', 'uint']),
  listen: bind('listen', 'int', ['int', 'int']),
  accept: bind('accept4', 'int', ['int', 'uintptr_t', 'uintptr_t', 'int']),
  getsockname: bind('getsockname', 'int', ['int', 'uintptr_t', 'uintptr_t']),
  setsockopt: bind('setsockopt', 'int', ['int', 'int', 'int', 'uintptr_t', 'uint']),
  getsockopt: bind('getsockopt', 'int', ['int', 'int', 'int', 'uintptr_t', 'uintptr_t']),
  read: bind('read', 'int64_t', ['int', 'uintptr_t', 'size_t']),
  write: bind('write', 'int64_t', ['int', 'uintptr_t', 'size_t']),
  flock: bind('flock', 'int', ['int', 'int']),
  usleep: bind('usleep', 'int', ['uint']),
  poll: bind('poll', 'int', ['uintptr_t', 'ulong', 'int']),
  sendto: bind('sendto', 'int64_t', ['int', 'uintptr_t', 'size_t', 'int', 'uintptr_t', 'uint']),
  recvfrom: bind('recvfrom', 'int64_t', ['int', 'uintptr_t', 'size_t', 'int', 'uintptr_t', 'uintptr_t']),
  sendmsg: bind('sendmsg', 'int64_t', ['int', 'uintptr_t', 'int']),
  recvmsg: bind('recvmsg', 'int64_t', ['int', 'uintptr_t', 'int']),
  sendmmsg: bind('sendmmsg', 'int', ['int', 'uintptr_t', 'uint', 'int']),
  recvmmsg: bind('recvmmsg', 'int', ['int', 'uintptr_t', 'uint', 'int', 'uintptr_t']),
} as const

/** The result as the kernel itself gives it: ≥ 0, or −errno. Nothing may come between the call and this. */
const orErrno = (result: number): number => (result < 0 ? -koffi.errno() : result)

/** The address argument of a call. Pointers are numbers everywhere (`uintptr_t`): see `nativeBuffer`. */
export type Address = number

/** No pointer. */
export const NULL: Address = 0

const intCell = nativeBuffer(4)
const pairCell = nativeBuffer(8)

/**
 * System calls, in two kinds:
 * - set-up calls throw `HostError` (their last argument `attempt` becomes the start of its message);
 * - data calls (`read … recvmmsg`) never throw: they return what C returns, or −errno (`-11` = EAGAIN). Hand the
 *   result to `must` where a throw is wanted. They do not retry EINTR.
 * All of them block the calling thread only; descriptors are plain numbers that the caller closes.
 */
export const libc = {
  /** open(2). `flags` from `O`. Throws `HostError`. */
  openFd: (path: string, flags: number, attempt = `open ${path}`): number =>
    must(orErrno(native.open(path, flags | O.CLOEXEC, 0)), attempt),

  /** close(2). An error of close(2) leaves the descriptor closed on Linux, so there is nothing to handle. */
  closeFd: (fd: number): void => {
    native.close(fd)
  },

  /** ioctl(2); `arg` is an address or, where the request says so, an integer. Returns ≥ 0 or throws `HostError`. */
  ioctl: (fd: number, request: number, arg: Address, attempt = `ioctl 0x${request.toString(16)}`): number =>
    must(orErrno(native.ioctl(fd, request, arg)), attempt),

  /** eventfd(2), non-blocking: 8 octets written to it wake a poll set that holds it. Throws `HostError`. */
  eventfd: (initial = 0): number => must(orErrno(native.eventfd(initial, EFD.CLOEXEC | EFD.NONBLOCK)), 'eventfd'),

  /**
   * memfd_create(2), close-on-exec: a file in memory that no directory has. `name` is for people who look into /proc. Throws
   * `HostError`.
   */
  memfd: (name: string): number => must(orErrno(native.memfdCreate(name, MFD_CLOEXEC)), 'memfd_create'),

  /**
   * usleep(3): the calling thread, event loop and all, does nothing for `us` microseconds and the timer slack of Linux, 50 µs unless
   * somebody changed it. A signal ends it early.
   */
  usleep: (us: number): void => {
    native.usleep(us)
  },

  /**
   * flock(2): an exclusive lock of the file, until the descriptor is closed, which the end of the process does too. False: somebody
   * else has it. Throws `HostError`.
   */
  tryLock: (fd: number): boolean => {
    const result = orErrno(native.flock(fd, LOCK_EX | LOCK_NB))
    if (result === -ERRNO.EAGAIN) return false
    must(result, 'lock a file')
    return true
  },

  /** socket(2), close-on-exec. Throws `HostError`. */
  socket: (family: number, type: number, protocol: number, attempt = `socket of family ${family}`): number =>
    must(orErrno(native.socket(family, type | SOCK.CLOEXEC, protocol)), attempt),

  /** socketpair(2): two sockets that are connected with each other, close-on-exec. Throws `HostError`. */
  socketpair: (family: number, type: number): readonly [number, number] => {
    must(orErrno(native.socketpair(family, type | SOCK.CLOEXEC, 0, pairCell.address)), 'socketpair')
    return [pairCell.view.getInt32(0, true), pairCell.view.getInt32(4, true)]
  },

  /** bind(2) to the sockaddr of `lenBytes` at `address`. Throws `HostError`. */
  bind: (fd: number, address: Address, lenBytes: number, attempt = 'bind'): void => {
    must(orErrno(native.bind(fd, address, lenBytes)), attempt)
  },

  /** connect(2) to the sockaddr of `lenBytes` at `address`; of a datagram socket it only sets the peer. Throws `HostError`. */
  connect: (fd: number, address: Address, lenBytes: number, attempt = 'connect'): void => {
    must(orErrno(native.connect(fd, address, lenBytes)), attempt)
  },

  /** listen(2). Throws `HostError`. */
  listen: (fd: number, backlog: number): void => {
    must(orErrno(native.listen(fd, backlog)), 'listen')
  },

  /** accept4(2), close-on-exec; whose address it is is not told. The descriptor or −errno. */
  accept: (fd: number, flags = 0): number => orErrno(native.accept(fd, NULL, NULL, flags | SOCK.CLOEXEC)),

  /** getsockname(2): writes the sockaddr to `address`, its length to the u32 at `lenAddress`. Throws `HostError`. */
  getsockname: (fd: number, address: Address, lenAddress: Address): void => {
    must(orErrno(native.getsockname(fd, address, lenAddress)), 'getsockname')
  },

  /** setsockopt(2) with `lenBytes` octets at `address`. Throws `HostError`. */
  setsockopt: (fd: number, option: SocketOption, address: Address, lenBytes: number): void => {
    must(orErrno(native.setsockopt(fd, option.level, option.name, address, lenBytes)), `set ${option.label}`)
  },

  /** setsockopt(2) with a C `int`, which most options take. Throws `HostError`. */
  setsockoptInt: (fd: number, option: SocketOption, value: number): void => {
    intCell.view.setInt32(0, value, true)
    libc.setsockopt(fd, option, intCell.address, 4)
  },

  /** getsockopt(2): writes the value to `address`; the u32 at `lenAddress` holds its length in and out. Throws `HostError`. */
  getsockopt: (fd: number, option: SocketOption, address: Address, lenAddress: Address): void => {
    must(orErrno(native.getsockopt(fd, option.level, option.name, address, lenAddress)), `get ${option.label}`)
  },

  /** read(2): octets read, 0 at the end, or −errno. */
  read: (fd: number, address: Address, lenBytes: number): number => orErrno(native.read(fd, address, lenBytes)),

  /** write(2): octets written or −errno. */
  write: (fd: number, address: Address, lenBytes: number): number => orErrno(native.write(fd, address, lenBytes)),

  /** poll(2) over `count` struct pollfd (fd i32, events i16, revents i16) at `address`; −1 ms waits for ever. Returns the number ready or −errno. */
  poll: (address: Address, count: number, timeoutMs: number): number => orErrno(native.poll(address, count, timeoutMs)),

  /** sendto(2) to the sockaddr given, or to the connected peer (`NULL`, 0). Octets sent or −errno. */
  sendto: (fd: number, data: NativeSpan, flags: number, to: NativeSpan = NO_SPAN): number =>
    orErrno(native.sendto(fd, data.address, data.lenBytes, flags, to.address, to.lenBytes)),

  /** recvfrom(2); the sender's sockaddr goes to `from`, its length to the u32 at `fromLen` (in and out). Octets or −errno. */
  recvfrom: (fd: number, data: NativeSpan, flags: number, from: Address = NULL, fromLen: Address = NULL): number =>
    orErrno(native.recvfrom(fd, data.address, data.lenBytes, flags, from, fromLen)),

  /** sendmsg(2) with the struct msghdr at `msghdr`. Octets sent or −errno. */
  sendmsg: (fd: number, msghdr: Address, flags: number): number => orErrno(native.sendmsg(fd, msghdr, flags)),

  /** recvmsg(2) with the struct msghdr at `msghdr`. Octets received or −errno. */
  recvmsg: (fd: number, msghdr: Address, flags: number): number => orErrno(native.recvmsg(fd, msghdr, flags)),

  /** sendmmsg(2) with `count` struct mmsghdr (64 octets each). Messages sent or −errno. */
  sendmmsg: (fd: number, mmsghdrs: Address, count: number, flags: number): number =>
    orErrno(native.sendmmsg(fd, mmsghdrs, count, flags)),

  /** recvmmsg(2) with `count` struct mmsghdr (64 octets each), without timeout. Messages received or −errno. */
  recvmmsg: (fd: number, mmsghdrs: Address, count: number, flags: number): number =>
    orErrno(native.recvmmsg(fd, mmsghdrs, count, flags, NULL)),
} as const

/** A stretch of native memory. */
export interface NativeSpan {
  readonly address: Address
  readonly lenBytes: number
}
const NO_SPAN: NativeSpan = { address: NULL, lenBytes: 0 }

/** A socket option with the name that goes into error messages. */
export interface SocketOption {
  readonly level: number
  readonly name: number
  readonly label: string
}

/** open(2) flags, as the generic Linux headers have them (x64 and arm64 agree on these). */
export const O = { RDONLY: 0, WRONLY: 1, RDWR: 2, NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const

/** eventfd(2) flags. */
const EFD = { NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const

/** memfd_create(2) flag. */
const MFD_CLOEXEC = 1

/** flock(2) operations. */
const LOCK_EX = 2
const LOCK_NB = 4

/** Address families. */
export const AF = { UNSPEC: 0, UNIX: 1, INET: 2, INET6: 10, NETLINK: 16, PACKET: 17 } as const

/** socket(2) types, and the flag for a non-blocking one. */
export const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3, SEQPACKET: 5, NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const

/** send(2)/recv(2) flags. */
export const MSG = {
  PEEK: 0x02,
  CTRUNC: 0x08,
  TRUNC: 0x20,
  DONTWAIT: 0x40,
  ERRQUEUE: 0x2000,
  NOSIGNAL: 0x4000,
  WAITFORONE: 0x10000,
  CMSG_CLOEXEC: 0x4000_0000,
} as const

/** poll(2) events. */
export const POLL = { IN: 0x001, OUT: 0x004, ERR: 0x008, HUP: 0x010, NVAL: 0x020 } as const

/** Error numbers that data calls return often (negated); names of all others through `errnoName`. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EAGAIN: 11,
  ENODEV: 19,
  EINVAL: 22,
  EBADFD: 77,
  ENOBUFS: 105,
} as const
