import { AF, HostError, libc, SOCK, type SocketOption, watchReadable } from '@sixgate/host'
import type { Exchange, ExchangeResult } from '../core/forwarder.ts'
import { InFlight } from '../core/in-flight.ts'
import { isResponseTo } from '../core/upstream-query.ts'
import { showUpstream, type Upstream } from '../core/upstreams.ts'
import { EDNS_UDP_SIZE, HEADER, MAX_MESSAGE, putU16, u16 } from '../core/wire.ts'
import { ReceiveBatch, SendBatch } from './datagram-batch.ts'
import { randomId16 } from './random-id.ts'
import { type SocketAddress, socketAddress } from './socket-address.ts'
import { unreachable } from './unreachable.ts'

const RCVBUF: SocketOption = { level: 1, name: 8, label: 'SO_RCVBUF' }
const RECEIVE_BUFFER = 1 << 20

/** Sockets of one upstream that are open for new queries at one time: so many source ports are in use under load. */
const MAX_OPEN = 32
/** A socket gives way to one with another port after so many queries, or so long. */
const MAX_QUERIES = 256
const MAX_AGE_MS = 5000
/** Queries under way on one socket: a sixteenth of its ids, so that a free one is found at once. */
const MAX_PENDING = 4096

/** A query is small; the longest name makes 255 + 16 octets, and there is an OPT record with a cookie. */
const QUERY_BYTES = 512
/** We ask for 1232; what a server sends beyond 4096 is cut and then malformed. */
const RESPONSE_BYTES = Math.max(4096, EDNS_UDP_SIZE)
const BATCH = 32
const MAX_CALLS = 8

interface Pending {
  readonly query: Uint8Array
  readonly settle: (result: ExchangeResult) => void
  readonly onMismatch: () => void
}

// One thread, and nothing is kept from call to call: all sockets share these.
const received = new ReceiveBatch(BATCH, RESPONSE_BYTES)
const outgoing = new SendBatch(BATCH, QUERY_BYTES, true)

/** A connected socket: the kernel lets in packets of the upstream's address and port only (RFC 5452 §9). */
class UpstreamSocket {
  readonly openedMs: number
  readonly #fd: number
  readonly #pending = new InFlight<number, Pending>((id) => id)
  readonly #outbox: Pending[] = []
  readonly #unwatch: () => void
  readonly #onEmpty: (socket: UpstreamSocket) => void
  #queries = 0
  #isRetired = false
  #isClosed = false

  constructor(where: SocketAddress, nowMs: number, onEmpty: (socket: UpstreamSocket) => void) {
    this.openedMs = nowMs
    this.#onEmpty = onEmpty
    this.#fd = libc.socket(where.family === 6 ? AF.INET6 : AF.INET, SOCK.DGRAM | SOCK.NONBLOCK, 0)
    try {
      libc.setsockoptInt(this.#fd, RCVBUF, RECEIVE_BUFFER)
      // Connecting gives it a source port that the kernel picks at random (RFC 6056 §3.3.1).
      libc.connect(this.#fd, where.memory.address, where.lenBytes)
      this.#unwatch = watchReadable(this.#fd, () => this.#receive())
    } catch (error) {
      libc.closeFd(this.#fd)
      throw error
    }
  }

  takesMore(nowMs: number): boolean {
    return (
      !this.#isClosed &&
      this.#queries < MAX_QUERIES &&
      nowMs - this.openedMs < MAX_AGE_MS &&
      this.#pending.size < MAX_PENDING
    )
  }

  get isIdle(): boolean {
    return this.#pending.size === 0
  }

  /** No new queries: closed as soon as nothing is under way. */
  retire(): void {
    this.#isRetired = true
    if (this.isIdle) this.close()
  }

  /** Queues a query under an id of its own, written into it; `flush` sends it. Returns the function that forgets it. */
  add(pending: Pending): () => void {
    let id = u16(pending.query, HEADER.ID)
    while (this.#pending.get(id) !== undefined) id = randomId16()
    putU16(pending.query, HEADER.ID, id)
    this.#pending.add(id, pending)
    this.#outbox.push(pending)
    this.#queries++
    return () => {
      if (!this.#pending.remove(id, pending)) return
      if (this.#isRetired && this.isIdle) this.close()
    }
  }

  /** Sends what was queued. */
  flush(): void {
    for (const { query } of this.#outbox.splice(0)) {
      if (outgoing.isFull) this.#send()
      outgoing.next.set(query)
      outgoing.push(query.length)
    }
    this.#send()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#unwatch()
    libc.closeFd(this.#fd)
    this.#onEmpty(this)
  }

  #send(): void {
    if (outgoing.count > 0 && !this.#isClosed) outgoing.flush(this.#fd, (errno) => this.#fail(errno))
  }

  /** The network said that nobody is there: to all that is under way here. */
  #fail(errno: number): void {
    const result = unreachable(new HostError('ask', -errno))
    for (const { settle } of this.#pending.values()) settle(result)
  }

  #receive(): void {
    for (let call = 0; call < MAX_CALLS && !this.#isClosed; call++) {
      const count = received.receive(this.#fd)
      if (count < 0) {
        this.#fail(count)
        return
      }
      for (let slot = 0; slot < count; slot++) this.#take(received.slots[slot] as Buffer, received.lengthOf(slot))
      if (count < BATCH) return
    }
  }

  /** The first `len` octets of `slot`, which is used again. */
  #take(slot: Buffer, len: number): void {
    const pending = len < HEADER.LEN ? undefined : this.#pending.get(u16(slot, HEADER.ID))
    if (pending === undefined) {
      this.#strange?.()
      return
    }
    const bytes = Buffer.allocUnsafe(len)
    slot.copy(bytes, 0, 0, len)
    if (isResponseTo(pending.query, bytes)) pending.settle({ kind: 'response', bytes })
    else pending.onMismatch()
  }

  /** Told of packets whose id fits no query. */
  #strange: (() => void) | undefined
  set onStrange(tell: () => void) {
    this.#strange = tell
  }
}

/** The sockets of one upstream. */
class Port {
  readonly #where: SocketAddress
  readonly #onMismatch: () => void
  readonly #open = new Set<UpstreamSocket>()
  readonly #all = new Set<UpstreamSocket>()
  /** While all ports are in use: the socket of all queries of this turn of the event loop, which leave with one system call. */
  #current: UpstreamSocket | undefined
  /** Sockets with queries that are not sent yet. */
  readonly #unsent = new Set<UpstreamSocket>()

  constructor(upstream: Upstream, onMismatch: () => void) {
    this.#where = socketAddress(upstream.address, upstream.port)
    this.#onMismatch = onMismatch
  }

  ask(query: Uint8Array, nowMs: number): Exchange {
    const { promise, resolve } = Promise.withResolvers<ExchangeResult>()
    let forget = (): void => {}
    const settle = (result: ExchangeResult): void => {
      forget()
      resolve(result)
    }
    try {
      forget = this.#socket(nowMs).add({ query, settle, onMismatch: this.#onMismatch })
    } catch (error) {
      settle(unreachable(error))
    }
    return { result: promise, cancel: () => settle({ kind: 'cancelled' }) }
  }

  /** Ends sockets that were open for long. */
  tick(nowMs: number): void {
    for (const socket of this.#open) if (!socket.takesMore(nowMs)) this.#retire(socket)
  }

  close(): void {
    for (const socket of this.#all) socket.close()
  }

  get isIdle(): boolean {
    return this.#all.size === 0
  }

  #retire(socket: UpstreamSocket): void {
    this.#open.delete(socket)
    socket.retire()
  }

  #socket(nowMs: number): UpstreamSocket {
    if (this.#open.size >= MAX_OPEN && this.#current?.takesMore(nowMs) === true) return this.#current
    this.#current = this.#pick(nowMs)
    // Runs when what is being handled now is done: a batch of queries, or one answer.
    if (this.#unsent.size === 0) queueMicrotask(() => this.#flush())
    this.#unsent.add(this.#current)
    return this.#current
  }

  #flush(): void {
    for (const socket of this.#unsent) socket.flush()
    this.#unsent.clear()
    this.#current = undefined
  }

  /** A new port as long as few are in use, then a random one of those: which one nobody outside can know. */
  #pick(nowMs: number): UpstreamSocket {
    this.tick(nowMs)
    if (this.#open.size < MAX_OPEN) {
      const socket = new UpstreamSocket(this.#where, nowMs, (closed) => {
        this.#open.delete(closed)
        this.#all.delete(closed)
      })
      socket.onStrange = this.#onMismatch
      this.#open.add(socket)
      this.#all.add(socket)
      return socket
    }
    const sockets = [...this.#open]
    return sockets[randomId16() % sockets.length] as UpstreamSocket
  }
}

const CLOSED: ExchangeResult = { kind: 'unreachable', error: 'dns64 is stopping', certain: false }

/**
 * Asks upstreams over UDP from a changing set of source ports (RFC 5452 §9.2): a quiet site takes a new port for every
 * query, a busy one spreads over MAX_OPEN ports that change all the time. What does not fit a query is counted and
 * waited past. Queries of one turn of the event loop to one upstream leave together.
 */
export class UpstreamSockets {
  readonly #ports = new Map<string, Port>()
  readonly #onMismatch: () => void
  #isClosed = false

  constructor(onMismatch: () => void) {
    this.#onMismatch = onMismatch
  }

  /** Sends a query; its id may be changed to a free one. At most MAX_MESSAGE octets, as encodeUpstreamQuery makes them. */
  ask(upstream: Upstream, query: Uint8Array, nowMs: number): Exchange {
    if (query.length > Math.min(QUERY_BYTES, MAX_MESSAGE)) throw new RangeError(`a query of ${query.length} octets`)
    // What was under way goes on for a moment, with its retries; a socket that it opened now would keep the process alive.
    if (this.#isClosed) return { result: Promise.resolve(CLOSED), cancel: () => {} }
    const key = showUpstream(upstream)
    let port = this.#ports.get(key)
    if (port === undefined) this.#ports.set(key, (port = new Port(upstream, this.#onMismatch)))
    return port.ask(query, nowMs)
  }

  /** To be called every second or so: ends what was open for long. */
  tick(nowMs: number): void {
    for (const [key, port] of this.#ports) {
      port.tick(nowMs)
      if (port.isIdle) this.#ports.delete(key)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const port of this.#ports.values()) port.close()
    this.#ports.clear()
  }
}
