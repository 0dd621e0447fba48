import { isIPv6 } from 'node:net'
import { AF, HostError, libc, SOCK, type SocketOption, watchReadable } from '@sixgate/host'
import { isWildcard } from '../core/addressing.ts'
import { EDNS_UDP_SIZE } from '../core/wire.ts'
import { ReceiveBatch, SendBatch, SOCKADDR_WORDS } from './datagram-batch.ts'
import type { Endpoint, OnQuery, OpenListener, Hits, Source } from './listener.ts'
import { Moderation } from './moderation.ts'
import { portOfSockaddr, socketAddress, textOfSockaddr } from './socket-address.ts'

/** socket(7), ipv6(7); the numbers of the generic Linux headers. */
const OPTION = {
  REUSEPORT: { level: 1, name: 15, label: 'SO_REUSEPORT' },
  RCVBUF: { level: 1, name: 8, label: 'SO_RCVBUF' },
  V6ONLY: { level: 41, name: 26, label: 'IPV6_V6ONLY' },
} as const satisfies Record<string, SocketOption>

/** Room for bursts while the event loop is busy; the kernel caps it at net.core.rmem_max. */
const RECEIVE_BUFFER = 1 << 20
/** Datagrams of one system call, and calls in a row before others get their turn. */
const BATCH = 64
const MAX_CALLS = 8
/** So many hits at one time, and more will have come while they were answered. */
const BURST = 4
/** The shortest pause that there is: with the timer slack, 50 to 60 µs. */
const PAUSE_US = 1
/** A query has no use for more; what is longer is cut and then malformed. */
const QUERY_BYTES = 2048
/** Replies over UDP never exceed EDNS_UDP_SIZE. */
const REPLY_BYTES = EDNS_UDP_SIZE + 48
/** RFC 863: a peer that says nothing, on the address itself, so that there is a way to it. */
const DISCARD_PORT = 9
/** Addresses whose client record is found without making text of them. */
const KNOWN_SOURCES = 1024

/** Finds the record of a sender by the words of its address; a direct-mapped table, so strangers can only displace. */
class SourceTable {
  readonly #words = new Uint32Array(KNOWN_SOURCES * SOCKADDR_WORDS)
  readonly #sources: (Source | undefined)[] = Array.from({ length: KNOWN_SOURCES })
  readonly #sourceOf: (address: string) => Source

  constructor(sourceOf: (address: string) => Source) {
    this.#sourceOf = sourceOf
  }

  /** The words of struct sockaddr_in6: family and port, flow label, address in four, scope; sockaddr_in: address in the second. */
  find(words: Uint32Array, at: number): Source {
    const [w1, w2, w3, w4, w5] = [words[at + 1], words[at + 2], words[at + 3], words[at + 4], words[at + 5]]
    const isIp6 = ((words[at] ?? 0) & 0xffff) === AF.INET6
    // An IPv4 address has nothing behind it but padding.
    const hash = isIp6
      ? Math.imul((w4 ?? 0) ^ Math.imul(w5 ?? 0, 0x9e3779b1), 0x85ebca6b)
      : Math.imul(w1 ?? 0, 0x9e3779b1)
    const slot = hash >>> 22
    const base = slot * SOCKADDR_WORDS
    const known = this.#words
    const isSame = isIp6
      ? known[base] === AF.INET6 &&
        known[base + 2] === w2 &&
        known[base + 3] === w3 &&
        known[base + 4] === w4 &&
        known[base + 5] === w5
      : known[base] === AF.INET && known[base + 1] === w1
    const found = this.#sources[slot]
    if (isSame && found !== undefined) return found
    const source = this.#sourceOf(textOfSockaddr(words, at))
    known.set(words.subarray(at, at + SOCKADDR_WORDS), base)
    known[base] = isIp6 ? AF.INET6 : AF.INET
    this.#sources[slot] = source
    return source
  }
}

/** One open socket. */
class UdpSocket {
  readonly #fd: number
  readonly #onQuery: OnQuery
  readonly #hits: Hits
  readonly #sources: SourceTable
  readonly #received = new ReceiveBatch(BATCH, QUERY_BYTES)
  readonly #replies = new SendBatch(BATCH, REPLY_BYTES, false)
  readonly #unwatch: () => void
  readonly #moderation = new Moderation()
  readonly #onLost: (error: Error) => void
  /** Of the last batch: how many came, or −errno, and the slots of those that were no hits. */
  #count = 0
  readonly #left = new Uint8Array(BATCH)
  #leftCount = 0
  #flushDue = false
  #closed = false

  constructor(fd: number, handlers: { onQuery: OnQuery; hits: Hits; onLost: (error: Error) => void }) {
    this.#fd = fd
    this.#onQuery = handlers.onQuery
    this.#hits = handlers.hits
    this.#onLost = handlers.onLost
    this.#sources = new SourceTable((address) => handlers.hits.sourceOf(address))
    this.#unwatch = watchReadable(
      fd,
      () => this.#receiveRest(),
      () => this.#answerHits(),
    )
  }

  /**
   * A socket with a peer gets datagrams of that peer alone, and the kernel passes it over among those that share a port: other
   * instances get what comes from now on. What waits in it already is read, and replies leave it as before. Not where it is
   * bound to all addresses: there the peer would give all replies its own source address.
   */
  drain({ address }: Endpoint): void {
    if (this.#closed) return
    if (!isWildcard(address)) {
      const { memory, lenBytes } = socketAddress(address, DISCARD_PORT)
      try {
        libc.connect(this.#fd, memory.address, lenBytes, 'hand over to other instances')
      } catch (error) {
        // The address is gone from this machine, and with it everybody who could ask there.
        if (!(error instanceof HostError)) throw error
      }
    }
    this.#receive()
  }

  close(): void {
    if (this.#closed) return
    this.#receive()
    this.#flush()
    this.#end()
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unwatch()
    libc.closeFd(this.#fd)
  }

  /**
   * Straight from the poll, which spares a hit the rest of the event loop: true when nothing is left to do. What is not a
   * hit stays in its slot for `#receiveRest`, because promises settle only there.
   */
  #answerHits(): boolean {
    if (this.#moderation.isDue(performance.now())) libc.usleep(PAUSE_US)
    this.#hits.beginBatch()
    let answered = 0
    let isDone = true
    for (let call = 0; call < MAX_CALLS; call++) {
      this.#read()
      isDone = this.#leftCount === 0 && this.#count >= 0
      if (!isDone) break
      answered += this.#count
      if (!this.#isMoreLikely) break
    }
    this.#moderation.endTurn(performance.now(), answered)
    return isDone
  }

  #receiveRest(): void {
    this.#handleLeft()
    if (this.#count === BATCH) this.#receive()
  }

  #receive(): void {
    this.#handleLeft()
    this.#hits.beginBatch()
    for (let call = 0; call < MAX_CALLS && !this.#closed; call++) {
      this.#read()
      const isMoreLikely = this.#isMoreLikely
      this.#handleLeft()
      if (!isMoreLikely) return
    }
  }

  /** Receives a batch and answers what is a hit. */
  #read(): void {
    const count = this.#received.receive(this.#fd)
    this.#count = count
    for (let slot = 0; slot < count; slot++) if (!this.#answer(slot)) this.#left[this.#leftCount++] = slot
    this.#flush()
  }

  /** Looking again costs a tenth of a turn of the event loop. What is not a hit goes upstream when this turn is over. */
  get #isMoreLikely(): boolean {
    return this.#count === BATCH || (this.#leftCount === 0 && this.#count >= BURST)
  }

  /** Hands on what was no hit, or the error that came instead. */
  #handleLeft(): void {
    if (this.#count < 0) {
      this.#end()
      this.#onLost(new HostError('receive queries', -this.#count))
      this.#count = 0
      return
    }
    if (this.#leftCount === 0) return
    for (let i = 0; i < this.#leftCount; i++) this.#handle(this.#left[i] ?? 0)
    this.#leftCount = 0
    this.#flush()
  }

  /** Replies to the datagram in a slot when its answer is at hand. */
  #answer(slot: number): boolean {
    const { addressWords, slots } = this.#received
    const at = slot * SOCKADDR_WORDS
    if (this.#replies.isFull) this.#flush()
    const len = this.#hits.hit(
      slots[slot] as Buffer,
      this.#received.lengthOf(slot),
      this.#sources.find(addressWords, at),
      this.#replies.next,
    )
    if (len > 0) this.#replies.push(len, addressWords, at)
    return len > 0
  }

  #handle(slot: number): void {
    const { addressWords, slots } = this.#received
    const at = slot * SOCKADDR_WORDS
    // RFC 768: a source port of zero means that no reply is wanted, and none can be sent.
    if (portOfSockaddr(addressWords, at) === 0) return
    const packet = (slots[slot] as Buffer).subarray(0, this.#received.lengthOf(slot))
    let to: Uint32Array | undefined
    let isNow = true
    this.#onQuery(packet, this.#sources.find(addressWords, at), 'udp', (bytes) => {
      if (isNow) this.#reply(bytes, addressWords, at)
      else if (to !== undefined) this.#replyLater(bytes, to)
    })
    isNow = false
    to = addressWords.slice(at, at + SOCKADDR_WORDS)
  }

  #reply(bytes: Uint8Array, words: Uint32Array, at: number): void {
    if (this.#replies.isFull) this.#flush()
    this.#replies.next.set(bytes)
    this.#replies.push(bytes.length, words, at)
  }

  /** Answers that become ready in one turn of the event loop leave together. */
  #replyLater(bytes: Uint8Array, to: Uint32Array): void {
    if (this.#closed) return
    this.#reply(bytes, to, 0)
    if (this.#flushDue) return
    this.#flushDue = true
    setImmediate(() => {
      this.#flushDue = false
      if (!this.#closed) this.#flush()
    })
  }

  #flush(): void {
    // A client that has gone is no error of ours.
    if (this.#replies.count > 0) this.#replies.flush(this.#fd, () => {})
  }
}

/** Opens a UDP socket bound to an endpoint. SO_REUSEPORT: several instances share the port, the kernel spreads clients over them. */
const openSocket = (address: string, port: number): number => {
  const isIp6 = isIPv6(address)
  const where = socketAddress(address, port)
  const fd = libc.socket(isIp6 ? AF.INET6 : AF.INET, SOCK.DGRAM | SOCK.NONBLOCK, 0)
  try {
    libc.setsockoptInt(fd, OPTION.REUSEPORT, 1)
    if (isIp6) libc.setsockoptInt(fd, OPTION.V6ONLY, 1)
    libc.setsockoptInt(fd, OPTION.RCVBUF, RECEIVE_BUFFER)
    libc.bind(fd, where.memory.address, where.lenBytes, `bind udp ${address}#${port}`)
    return fd
  } catch (error) {
    libc.closeFd(fd)
    throw error
  }
}

/** Makes an opener of listeners for DNS over UDP: many datagrams with each system call, what was asked before without parsing. */
export const udpOpener =
  (hits: Hits): OpenListener =>
  (endpoint, onQuery, onLost) => {
    try {
      const socket = new UdpSocket(openSocket(endpoint.address, endpoint.port), { onQuery, hits, onLost })
      return Promise.resolve({
        drain: () => {
          socket.drain(endpoint)
          return Promise.resolve()
        },
        close: () => {
          socket.close()
          return Promise.resolve()
        },
      })
    } catch (error) {
      return Promise.reject(error)
    }
  }
