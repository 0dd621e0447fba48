import type { Socket } from 'node:net'
import type { ExchangeResult } from '../core/forwarder.ts'
import { InFlight } from '../core/in-flight.ts'
import { isResponseTo } from '../core/upstream-query.ts'
import { copyOf, HEADER, putU16, u16 } from '../core/wire.ts'
import { randomId16 } from './random-id.ts'
import { Silence } from './silence.ts'
import { FrameReader, framed } from './tcp-frames.ts'

/** A query that waits for its answer, on whichever connection. */
export interface Waiting {
  /** Its id is changed to one that is free on the connection. */
  readonly query: Uint8Array
  readonly settle: (result: ExchangeResult) => void
  /** Puts it on another connection. */
  again(): void
}

/** Opens a stream to an upstream. `onReady` runs once, before anything may be sent; errors come as its `error` event. */
export type OpenStream = (onReady: () => void) => Socket

/** RFC 7766 §6.2.3, RFC 7858 §3.4: kept for the next query; servers close idle ones themselves, mostly after 10–30 s. */
const IDLE_MS = 20_000
/** Queries under way on one connection. */
const MAX_PENDING = 1000

/** One stream to an upstream, over TCP or TLS: queries in any number, answers in any order (RFC 7766 §6.2.1.1, §7). */
export class StreamConnection {
  readonly #socket: Socket
  readonly #idle: NodeJS.Timeout
  readonly #pending = new InFlight<number, Waiting>((id) => id)
  readonly #silence = new Silence()
  readonly #onMismatch: () => void
  #isReady = false
  #isOver = false
  #isRetired = false
  #answered = 0

  /** `onLost`: it is over; why, and what was under way. */
  constructor(open: OpenStream, onMismatch: () => void, onLost: (fault: unknown, unanswered: Waiting[]) => void) {
    this.#onMismatch = onMismatch
    const frames = new FrameReader()
    let fault: unknown = new Error('it closed the connection')
    this.#socket = open(() => this.#ready())
    this.#socket.on('data', (chunk: Uint8Array) => frames.push(chunk, (message) => this.#take(message)))
    this.#socket.on('error', (error) => {
      fault = error
    })
    this.#socket.on('close', () => {
      this.#isOver = true
      clearTimeout(this.#idle)
      const unanswered = this.#pending.values()
      this.#pending.clear()
      onLost(fault, unanswered)
    })
    this.#idle = setTimeout(() => this.#endIfIdle(), IDLE_MS)
    this.#idle.unref()
  }

  /** False when it is over, full, or may be dead: then another one is to be opened. */
  get takesMore(): boolean {
    return !this.#isOver && !this.#isRetired && !this.#silence.isTooLong && this.#pending.size < MAX_PENDING
  }

  /** True once a query was answered here: the other end is a name server, and what it leaves open may be asked again. */
  get hasAnswered(): boolean {
    return this.#answered > 0
  }

  /** Sends a query, as soon as that may be. Returns the function that forgets it. */
  add(waiting: Waiting): () => void {
    let id = u16(waiting.query, HEADER.ID)
    while (this.#pending.get(id) !== undefined) id = randomId16()
    putU16(waiting.query, HEADER.ID, id)
    this.#pending.add(id, waiting)
    if (this.#isReady) this.#send(waiting)
    this.#idle.refresh()
    return () => {
      this.#pending.remove(id, waiting)
      this.#endIfRetired()
    }
  }

  /** No new queries: ended as soon as nothing is under way. */
  retire(): void {
    this.#isRetired = true
    this.#endIfRetired()
  }

  /** Ends it now; `onLost` hears of what was under way. */
  close(): void {
    this.#socket.destroy()
  }

  #ready(): void {
    this.#isReady = true
    for (const waiting of this.#pending.values()) this.#send(waiting)
  }

  #send({ query }: Waiting): void {
    this.#silence.sent()
    this.#socket.write(framed(query))
  }

  #take(message: Uint8Array): void {
    this.#silence.heard()
    const id = message.length < HEADER.LEN ? -1 : u16(message, HEADER.ID)
    const waiting = this.#pending.get(id)
    const isAnswer = waiting !== undefined && isResponseTo(waiting.query, message)
    // An answer to a query that was given up, or garbage.
    if (!isAnswer) this.#onMismatch()
    if (waiting === undefined) return
    this.#pending.remove(id, waiting)
    if (isAnswer) {
      this.#answered++
      waiting.settle({ kind: 'response', bytes: copyOf(message) })
    }
    // A stream has no strangers in it: nothing else will come for this id.
    else waiting.settle({ kind: 'unreachable', error: 'it answered another question', certain: false })
    this.#endIfRetired()
  }

  #endIfRetired(): void {
    if (this.#isRetired && this.#pending.size === 0) this.#end()
  }

  #endIfIdle(): void {
    if (this.#pending.size === 0) this.#end()
    else this.#idle.refresh()
  }

  #end(): void {
    this.#isOver = true
    // A dead one would wait for the other end's FIN for many minutes.
    this.#socket.destroy()
  }
}
