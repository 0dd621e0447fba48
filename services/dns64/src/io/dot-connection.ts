import type { TLSSocket } from 'node:tls'
import type { Exchange, ExchangeResult } from '../core/forwarder.ts'
import { InFlight } from '../core/in-flight.ts'
import { isResponseTo } from '../core/upstream-query.ts'
import type { Upstream } from '../core/upstreams.ts'
import { copyOf, HEADER, putU16, u16 } from '../core/wire.ts'
import { randomId16 } from './random-id.ts'
import { FrameReader, framed } from './tcp-frames.ts'
import { connectTls, tlsFault } from './tls-upstream.ts'
import { unreachable } from './unreachable.ts'

/** RFC 7858 §3.4: connections are kept for the next query; servers close idle ones themselves, mostly after 10–30 s. */
const IDLE_MS = 20_000
/** Queries under way on one connection. */
const MAX_PENDING = 1000

interface Pending {
  readonly query: Uint8Array
  readonly settle: (result: ExchangeResult) => void
  /** It was sent on a connection that had been idle: when that turns out to be dead, it is sent again (RFC 7766 §6.2.4). */
  mayRetry: boolean
}

/** One connection to an upstream for DNS over TLS (RFC 7858): queries in any number, answers in any order. */
export class DotConnection {
  readonly #upstream: Upstream
  readonly #authorities: string | undefined
  readonly #onMismatch: () => void
  readonly #pending = new InFlight<number, Pending>((id) => id)
  #socket: TLSSocket | undefined
  #ready = false
  #idle: NodeJS.Timeout | undefined

  constructor(upstream: Upstream, authorities: string | undefined, onMismatch: () => void) {
    this.#upstream = upstream
    this.#authorities = authorities
    this.#onMismatch = onMismatch
  }

  /** Sends a query; its id may be changed to a free one. */
  ask(query: Uint8Array): Exchange {
    const { promise, resolve } = Promise.withResolvers<ExchangeResult>()
    if (this.#pending.size >= MAX_PENDING)
      resolve({ kind: 'unreachable', error: 'too much is under way there', certain: false })
    else {
      let id = u16(query, HEADER.ID)
      while (this.#pending.get(id) !== undefined) id = randomId16()
      putU16(query, HEADER.ID, id)
      const settle = (result: ExchangeResult): void => {
        this.#pending.remove(id, pending)
        resolve(result)
      }
      const pending: Pending = { query, settle, mayRetry: this.#ready }
      this.#pending.add(id, pending)
      this.#send(pending)
      return { result: promise, cancel: () => settle({ kind: 'cancelled' }) }
    }
    return { result: promise, cancel: () => {} }
  }

  close(): void {
    clearTimeout(this.#idle)
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #send({ query }: Pending): void {
    if (this.#socket === undefined) this.#connect()
    else if (this.#ready) this.#socket.write(framed(query))
    // Otherwise #connect sends all that is pending once it is ready.
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.#endIdle(), IDLE_MS)
    this.#idle.unref()
  }

  #endIdle(): void {
    if (this.#pending.size > 0) return
    this.#socket?.end()
  }

  #connect(): void {
    const frames = new FrameReader()
    let fault: unknown = new Error('it closed the connection')
    const socket = connectTls(this.#upstream, ['dot'], this.#authorities, () => {
      this.#ready = true
      for (const { query } of this.#pending.values()) socket.write(framed(query))
    })
    this.#socket = socket
    socket.on('data', (chunk: Uint8Array) => frames.push(chunk, (message) => this.#take(message)))
    socket.on('error', (error) => {
      fault = error
    })
    socket.on('close', () => this.#lost(socket, fault))
  }

  #take(message: Uint8Array): void {
    const pending = message.length < HEADER.LEN ? undefined : this.#pending.get(u16(message, HEADER.ID))
    if (pending !== undefined && isResponseTo(pending.query, message))
      pending.settle({ kind: 'response', bytes: copyOf(message) })
    // An answer to a query that was given up, or garbage: the id is free for others either way.
    else this.#onMismatch()
  }

  #lost(socket: TLSSocket, fault: unknown): void {
    if (this.#socket !== socket) return
    this.#socket = undefined
    this.#ready = false
    const result = unreachable(fault)
    const said = result.kind === 'unreachable' && !result.certain ? { ...result, error: tlsFault(fault) } : result
    for (const pending of this.#pending.values()) {
      if (pending.mayRetry) {
        pending.mayRetry = false
        this.#send(pending)
      } else pending.settle(said)
    }
  }
}
