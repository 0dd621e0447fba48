import { HostError } from '../host-error.ts'
import { AF, ERRNO, libc, MSG, type NativeSpan, SOCK } from '../libc.ts'
import { nativeBuffer } from '../native-buffer.ts'
import { NLM_F } from './constants.ts'
import { malformed, NetlinkError, refusalError } from './error.ts'
import { dumpIntact, Exchange } from './exchange.ts'
import { acknowledged, encodeMessage, type Message, type Request } from './message.ts'

/** Protocols of netlink: linux/netlink.h */
export const NETLINK = { ROUTE: 0, NETFILTER: 12 } as const
const SOL_NETLINK = 270
const option = (name: number, label: string) => ({ level: SOL_NETLINK, name, label })
const ADD_MEMBERSHIP = option(1, 'NETLINK_ADD_MEMBERSHIP')
const CAP_ACK = option(10, 'NETLINK_CAP_ACK')
const EXT_ACK = option(11, 'NETLINK_EXT_ACK')
const STRICT_CHECK = option(12, 'NETLINK_GET_STRICT_CHK')
const RCVTIMEO = { level: 1, name: 20, label: 'SO_RCVTIMEO' }

/** The kernel answers within the call; this only bounds the wait should it ever not. */
const ANSWER_TIMEOUT_S = 5
/** The kernel fills at most 32 KiB per read of a dump; single answers are far smaller. */
const RECEIVE_LEN_BYTES = 64 * 1024
/** Requests here have some 100 octets. */
const SEND_LEN_BYTES = 4096
/** struct sockaddr_nl: family u16, pad u16, pid u32, groups u32. */
const SOCKADDR_NL = { FAMILY_U16: 0, PID_U32: 4, SIZE: 12 } as const

/**
 * One AF_NETLINK socket, of the routing family unless told otherwise. Requests are synchronous: the kernel does its work inside sendto(2), so
 * an answer is there when it returns. Bodies of messages handed out are copies that stay valid.
 */
export class NetlinkSocket {
  readonly fd: number
  // Fields, not locals: native memory is freed when nothing refers to its buffer any more, even while C uses it.
  readonly #buffer = nativeBuffer(RECEIVE_LEN_BYTES)
  readonly #request = nativeBuffer(SEND_LEN_BYTES)
  readonly #sender = nativeBuffer(16)
  #seq = 0
  #closed = false

  /** Opens the socket; `groups` are the multicast groups to join. Throws `NetlinkError`. */
  constructor(groups: readonly number[] = [], protocol: number = NETLINK.ROUTE) {
    this.fd = asNetlink(() => libc.socket(AF.NETLINK, SOCK.RAW, protocol, 'open a netlink socket'))
    try {
      asNetlink(() => this.#setUp(groups))
    } catch (error) {
      libc.closeFd(this.fd)
      throw error
    }
  }

  #setUp(groups: readonly number[]): void {
    libc.setsockoptInt(this.fd, CAP_ACK, 1)
    libc.setsockoptInt(this.fd, EXT_ACK, 1)
    // Strict checking makes the kernel refuse what it does not understand in a dump request, instead of ignoring it.
    libc.setsockoptInt(this.fd, STRICT_CHECK, 1)
    const timeval = this.#request
    timeval.view.setBigInt64(0, BigInt(ANSWER_TIMEOUT_S), true)
    libc.setsockopt(this.fd, RCVTIMEO, timeval.address, 16)
    this.#sender.view.setUint16(SOCKADDR_NL.FAMILY_U16, AF.NETLINK, true)
    libc.bind(this.fd, this.#sender.address, SOCKADDR_NL.SIZE, 'bind a netlink socket')
    for (const group of groups) libc.setsockoptInt(this.fd, ADD_MEMBERSHIP, group)
  }

  /** Closes the socket; may be called again. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    libc.closeFd(this.fd)
  }

  /**
   * Sends one request and waits for its acknowledgement; returns the messages that came before it (a GET's answer).
   * `attempt` says what is tried, for the error. Throws `NetlinkError`.
   */
  request(request: Request, attempt: string): readonly Message[] {
    return this.#exchange(acknowledged(request), attempt).messages
  }

  /**
   * Dumps a table. When the table changed meanwhile it starts again, at most 10 times. Throws `NetlinkError`.
   */
  dump(type: number, body: Uint8Array, attempt: string): readonly Message[] {
    const request = { type, flags: NLM_F.REQUEST | NLM_F.DUMP, body }
    return dumpIntact(() => this.#exchange(request, attempt), attempt)
  }

  #exchange(request: Request, attempt: string): Exchange {
    this.#seq = (this.#seq + 1) >>> 0
    const exchange = new Exchange(this.#seq, attempt)
    this.#send(encodeMessage(request, this.#seq), attempt)
    while (!exchange.feed(this.#receive(attempt)));
    return exchange
  }

  #send(bytes: Uint8Array, attempt: string): void {
    if (bytes.length > SEND_LEN_BYTES) throw malformed(`request of ${bytes.length} octets, at most ${SEND_LEN_BYTES}`)
    this.#request.bytes.set(bytes)
    const span: NativeSpan = { address: this.#request.address, lenBytes: bytes.length }
    let sent = libc.sendto(this.fd, span, 0)
    while (sent === -ERRNO.EINTR) sent = libc.sendto(this.fd, span, 0)
    if (sent < 0) throw refusalError(attempt, { errno: -sent, text: undefined })
  }

  /** One datagram from the kernel, as a view into the receive buffer. */
  #receive(attempt: string): DataView {
    for (;;) {
      const length = this.receiveInto(0)
      if (length === -ERRNO.EINTR) continue
      if (length === -ERRNO.EAGAIN)
        throw new NetlinkError('timeout', `${attempt}: no answer from the kernel in ${ANSWER_TIMEOUT_S} s`)
      if (length < 0) throw refusalError(attempt, { errno: -length, text: undefined })
      if (this.senderIsKernel) return this.datagram(length)
    }
  }

  /** recvfrom(2) into the socket's buffer with these flags; the length of the datagram or −errno. For watchers. */
  receiveInto(flags: number): number {
    this.#sender.view.setUint32(SOCKADDR_NL.SIZE, SOCKADDR_NL.SIZE, true)
    const span: NativeSpan = { address: this.#buffer.address, lenBytes: RECEIVE_LEN_BYTES }
    const lenAddress = this.#sender.address + SOCKADDR_NL.SIZE
    return libc.recvfrom(this.fd, span, flags | MSG.TRUNC, this.#sender.address, lenAddress)
  }

  /** Whether the datagram received last came from the kernel: port 0. Other processes may send to this socket too. */
  get senderIsKernel(): boolean {
    return this.#sender.view.getUint32(SOCKADDR_NL.PID_U32, true) === 0
  }

  /** A view of the datagram received last; throws `NetlinkError` when it did not fit. */
  datagram(lenBytes: number): DataView {
    if (lenBytes > RECEIVE_LEN_BYTES) throw malformed(`datagram of ${lenBytes} octets, buffer of ${RECEIVE_LEN_BYTES}`)
    return new DataView(this.#buffer.bytes.buffer, 0, lenBytes)
  }
}

const asNetlink = <T>(run: () => T): T => {
  try {
    return run()
  } catch (error) {
    if (error instanceof HostError) throw new NetlinkError(error.code, error.message, error)
    throw error
  }
}

let shared: NetlinkSocket | undefined

/**
 * Runs `use` with this thread's own socket, opened at the first call and kept. After an error that leaves the dialogue
 * in doubt (anything but a refusal) the socket is closed and the next call opens a new one.
 */
export const withNetlink = <T>(use: (socket: NetlinkSocket) => T): T => {
  shared ??= new NetlinkSocket()
  try {
    return use(shared)
  } catch (error) {
    if (!(error instanceof NetlinkError) || !error.code.startsWith('E')) {
      shared.close()
      shared = undefined
    }
    throw error
  }
}

/** Closes this thread's socket, for a clean end of a test or worker; the next call opens a new one. */
export const closeNetlink = (): void => {
  shared?.close()
  shared = undefined
}
