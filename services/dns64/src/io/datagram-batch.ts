import { AF, ERRNO, IOVEC, libc, MSG, MSGHDR, type NativeBuffer, nativeBuffer } from '@sixgate/host'

/** recvmmsg(2), 64-bit Linux: struct mmsghdr = struct msghdr, then msg_len, padded to 8 octets. */
const MMSGHDR = { LEN_U32: MSGHDR.SIZE, SIZE: MSGHDR.SIZE + 8 } as const

/** Octets of a socket address here: struct sockaddr_in6 (28) in 32-bit words; struct sockaddr_in has 16. */
export const SOCKADDR_WORDS = 7
const SOCKADDR_BYTES = SOCKADDR_WORDS * 4
const SOCKADDR_IN_BYTES = 16

/** Arrays of message headers, addresses and payload slots that recvmmsg and sendmmsg work on. Kept as long as used. */
const makeArrays = (slots: number, slotBytes: number) => {
  const headers = nativeBuffer(slots * MMSGHDR.SIZE)
  const vectors = nativeBuffer(slots * IOVEC.SIZE)
  const addresses = nativeBuffer(slots * SOCKADDR_BYTES)
  const payload = nativeBuffer(slots * slotBytes)
  const put64 = (buffer: NativeBuffer, at: number, value: number): void =>
    buffer.view.setBigUint64(at, BigInt(value), true)
  for (let i = 0; i < slots; i++) {
    put64(vectors, i * IOVEC.SIZE + IOVEC.BASE_U64, payload.address + i * slotBytes)
    put64(vectors, i * IOVEC.SIZE + IOVEC.LEN_U64, slotBytes)
    put64(headers, i * MMSGHDR.SIZE + MSGHDR.NAME_U64, addresses.address + i * SOCKADDR_BYTES)
    put64(headers, i * MMSGHDR.SIZE + MSGHDR.IOV_U64, vectors.address + i * IOVEC.SIZE)
    put64(headers, i * MMSGHDR.SIZE + MSGHDR.IOVLEN_U64, 1)
  }
  return {
    headers,
    vectors,
    addresses,
    payload,
    /** The same memory as words: a Uint32Array store is several times cheaper than a DataView's. */
    headerWords: new Uint32Array(headers.bytes.buffer),
    vectorWords: new Uint32Array(vectors.bytes.buffer),
    addressWords: new Uint32Array(addresses.bytes.buffer),
    /** One view per slot, made once: a view per packet costs more than the packet. */
    slots: Array.from({ length: slots }, (_, i) => Buffer.from(payload.bytes.buffer, i * slotBytes, slotBytes)),
  }
}

/** Datagrams of one recvmmsg(2) call. Slots and addresses are valid until the next `receive`. */
export class ReceiveBatch {
  readonly #arrays: ReturnType<typeof makeArrays>
  readonly slots: readonly Buffer[]
  /** The senders' addresses, SOCKADDR_WORDS words for each slot. */
  readonly addressWords: Uint32Array

  constructor(slots: number, slotBytes: number) {
    this.#arrays = makeArrays(slots, slotBytes)
    this.slots = this.#arrays.slots
    this.addressWords = this.#arrays.addressWords
    this.#resetNames(slots)
  }

  /** Receives what is there, without waiting. Returns the number of datagrams, 0 for none, or −errno. */
  receive(fd: number): number {
    const count = libc.recvmmsg(fd, this.#arrays.headers.address, this.slots.length, MSG.DONTWAIT)
    if (count === -ERRNO.EAGAIN || count === -ERRNO.EINTR) return 0
    // The kernel wrote the length of each sender's address where it takes the room for the next one.
    if (count > 0) this.#resetNames(count)
    return count
  }

  /** Octets of the datagram in a slot; what did not fit is cut off. */
  lengthOf(slot: number): number {
    return this.#arrays.headerWords[(slot * MMSGHDR.SIZE + MMSGHDR.LEN_U32) >> 2] ?? 0
  }

  #resetNames(count: number): void {
    for (let i = 0; i < count; i++)
      this.#arrays.headerWords[(i * MMSGHDR.SIZE + MSGHDR.NAMELEN_U32) >> 2] = SOCKADDR_BYTES
  }
}

/** Datagrams collected for one sendmmsg(2) call. */
export class SendBatch {
  readonly #arrays: ReturnType<typeof makeArrays>
  readonly #connected: boolean
  readonly slots: readonly Buffer[]
  #count = 0

  /** `connected`: for sockets with a peer; addresses are not used then. */
  constructor(slots: number, slotBytes: number, connected: boolean) {
    this.#arrays = makeArrays(slots, slotBytes)
    this.#connected = connected
    this.slots = this.#arrays.slots
    if (connected)
      for (let i = 0; i < slots; i++)
        this.#arrays.headers.view.setBigUint64(i * MMSGHDR.SIZE + MSGHDR.NAME_U64, 0n, true)
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === this.slots.length
  }

  /** The slot that the next `push` sends. The batch must not be full. */
  get next(): Buffer {
    return this.slots[this.#count] as Buffer
  }

  /** Adds the first `lenBytes` octets of `next`, for the address at `words[at…]` (not looked at when connected). */
  push(lenBytes: number, words?: Uint32Array, at = 0): void {
    const slot = this.#count++
    const { vectorWords, headerWords, addressWords } = this.#arrays
    vectorWords[(slot * IOVEC.SIZE + IOVEC.LEN_U64) >> 2] = lenBytes
    if (this.#connected || words === undefined) return
    const to = slot * SOCKADDR_WORDS
    for (let i = 0; i < SOCKADDR_WORDS; i++) addressWords[to + i] = words[at + i] ?? 0
    // The family is the lower half of the first word on little-endian machines.
    const isIp6 = ((words[at] ?? 0) & 0xffff) === AF.INET6
    headerWords[(slot * MMSGHDR.SIZE + MSGHDR.NAMELEN_U32) >> 2] = isIp6 ? SOCKADDR_BYTES : SOCKADDR_IN_BYTES
  }

  /**
   * Sends what was pushed, and is empty afterwards. A datagram that the system refuses is lost like any other; `onError`
   * hears its −errno.
   */
  flush(fd: number, onError: (errno: number) => void): void {
    let sent = 0
    while (sent < this.#count) {
      const result = libc.sendmmsg(
        fd,
        this.#arrays.headers.address + sent * MMSGHDR.SIZE,
        this.#count - sent,
        MSG.DONTWAIT,
      )
      if (result > 0) sent += result
      else if (result !== -ERRNO.EINTR) {
        onError(result)
        sent++
      }
    }
    this.#count = 0
  }
}
