import { AF, type ErrnoName, HostError, libc, nativeBuffer, O, SOCK } from '@sixgate/host'
import { VNET } from '../core/wire/virtio-net.ts'

const DEVICE = '/dev/net/tun'

/** linux/if_tun.h; requests are `_IOW('T', n, int)`. */
const TUNSETPERSIST = 0x400454cb
const TUNSETIFF = 0x400454ca
const TUNSETOFFLOAD = 0x400454d0
/** `_IOR('T', 210, unsigned int)`: fills a struct ifreq. */
const TUNGETIFF = 0x800454d2
const TUNSETVNETHDRSZ = 0x400454d8
const TUNSETVNETLE = 0x400454dc

/** linux/sockios.h */
const SIOCSIFTXQLEN = 0x8943
/** Packets that a queue holds, as many as an Ethernet link has; a TUN has 500, which is not enough while the worker waits for a processor. */
const TX_QUEUE_LEN = 1000

const IFF_TUN = 0x0001
const IFF_MULTI_QUEUE = 0x0100
const IFF_NO_PI = 0x1000
const IFF_VNET_HDR = 0x4000

const TUN_F_CSUM = 0x01
const TUN_F_TSO4 = 0x02
const TUN_F_TSO6 = 0x04
const TUN_F_TSO_ECN = 0x08
const TUN_F_USO4 = 0x20
const TUN_F_USO6 = 0x40
const TSO = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN

/** What the kernel may hand over uncut: UDP and TCP segments (kernel ≥ 6.2), TCP segments, nothing. */
export type Offload = 'uso' | 'tso' | 'none'

/** From the best to what every kernel can. */
const OFFLOADS: readonly (readonly [Offload, number])[] = [
  ['uso', TSO | TUN_F_USO4 | TUN_F_USO6],
  ['tso', TSO],
  ['none', 0],
]

/** struct ifreq: name 16 octets, then the flags, or the length of the queue. */
const IFREQ = { NAME_BYTES: 16, FLAGS_U16: 16, QLEN_I32: 16, SIZE: 40 } as const

export type TunErrorCode = 'tun-missing' | 'tun-forbidden' | 'tun-busy' | 'tun-foreign' | 'tun-failed'

/** The TUN cannot be had; the message says which thing, why, and what to do. */
export class TunError extends Error {
  readonly code: TunErrorCode

  constructor(code: TunErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'TunError'
    this.code = code
  }
}

/** An attached queue of a TUN. */
export interface Tun {
  readonly fd: number
  readonly offload: Offload
}

const COMPOSE_DEVICE = 'docker-compose.yml, service nat64: `devices: [/dev/net/tun]`'
const COMPOSE_CAP = 'docker-compose.yml, service nat64: `cap_add: [NET_ADMIN]`'

const openError = (error: unknown): TunError => {
  const code: ErrnoName | undefined = error instanceof HostError ? error.code : undefined
  if (code === 'ENOENT')
    return new TunError(
      'tun-missing',
      `${DEVICE} is not there: give the container the device (${COMPOSE_DEVICE})`,
      error,
    )
  if (code === 'ENODEV' || code === 'ENXIO')
    return new TunError('tun-missing', `${DEVICE}: the kernel has no TUN driver: run "modprobe tun" on the host`, error)
  if (code === 'EACCES' || code === 'EPERM')
    return new TunError('tun-forbidden', `${DEVICE} may not be opened: allow the device (${COMPOSE_DEVICE})`, error)
  return new TunError('tun-failed', String(error instanceof Error ? error.message : error), error)
}

const attachError = (name: string, error: unknown): TunError => {
  const code: ErrnoName | undefined = error instanceof HostError ? error.code : undefined
  if (code === 'EPERM')
    return new TunError('tun-forbidden', `TUN ${name}: needs the capability NET_ADMIN (${COMPOSE_CAP})`, error)
  if (code === 'EBUSY')
    return new TunError(
      'tun-busy',
      `TUN ${name} is held by another program that shares no queues: stop that program, or "ip link delete ${name}"`,
      error,
    )
  if (code === 'EINVAL')
    return new TunError(
      'tun-foreign',
      `link ${name} was made by another program, not as a multi-queue TUN: remove it with "ip link delete ${name}"`,
      error,
    )
  if (code === 'E2BIG')
    return new TunError('tun-busy', `TUN ${name} has no queue left (256): run fewer instances of nat64`, error)
  return new TunError('tun-failed', error instanceof Error ? error.message : String(error), error)
}

const cell = nativeBuffer(IFREQ.SIZE)

const setInt = (fd: number, request: number, value: number): void => {
  cell.view.setInt32(0, value, true)
  libc.ioctl(fd, request, cell.address)
}

/** The name in `cell` is the device's. The length belongs to it, too. */
const setQueueLength = (): void => {
  const socket = libc.socket(AF.INET, SOCK.DGRAM, 0)
  try {
    cell.view.setInt32(IFREQ.QLEN_I32, TX_QUEUE_LEN, true)
    libc.ioctl(socket, SIOCSIFTXQLEN, cell.address, 'set the length of its queues')
  } finally {
    libc.closeFd(socket)
  }
}

/** Offloads belong to the device, so every instance sets the same. Throws `TunError`, `HostError`. */
export const setBestOffload = (fd: number): Offload => {
  for (const [offload, flags] of OFFLOADS) {
    try {
      libc.ioctl(fd, TUNSETOFFLOAD, flags)
      return offload
    } catch (error) {
      if (!(error instanceof HostError) || error.code !== 'EINVAL') throw error
    }
  }
  throw new TunError('tun-failed', 'the kernel refuses every offload of the TUN, even none')
}

/**
 * Attaches one more queue to the persistent multi-queue TUN `name`; the device is made when it is not there. Every
 * packet comes and goes with a virtio-net header. Non-blocking. Throws `TunError`.
 */
export const attachTun = (name: string): Tun => {
  let fd: number
  try {
    fd = libc.openFd(DEVICE, O.RDWR | O.NONBLOCK)
  } catch (error) {
    throw openError(error)
  }
  try {
    cell.bytes.fill(0)
    cell.bytes.set(new TextEncoder().encode(name).subarray(0, IFREQ.NAME_BYTES - 1))
    cell.view.setUint16(IFREQ.FLAGS_U16, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE, true)
    libc.ioctl(fd, TUNSETIFF, cell.address, `attach to ${name}`)
    setQueueLength()
    setInt(fd, TUNSETVNETHDRSZ, VNET.LEN)
    setInt(fd, TUNSETVNETLE, 1)
    const offload = setBestOffload(fd)
    libc.ioctl(fd, TUNSETPERSIST, 1)
    return { fd, offload }
  } catch (error) {
    libc.closeFd(fd)
    throw error instanceof TunError ? error : attachError(name, error)
  }
}

/** True when `fd` is an attached queue of the TUN `name`. */
export const isQueueOf = (name: string, fd: number): boolean => {
  cell.bytes.fill(0)
  try {
    libc.ioctl(fd, TUNGETIFF, cell.address)
  } catch (error) {
    if (error instanceof HostError) return false
    throw error
  }
  const end = cell.bytes.indexOf(0)
  return new TextDecoder().decode(cell.bytes.subarray(0, Math.min(end, IFREQ.NAME_BYTES))) === name
}
