import type { Exchange, ExchangeResult } from '../core/forwarder.ts'
import { type OpenStream, StreamConnection, type Waiting } from './stream-connection.ts'

/**
 * An upstream that is asked over TCP or TLS: one connection for all queries, opened with the first one and kept while it
 * is in use; another one when it is full or silent (RFC 7766 §6.2.1, §6.2.2, RFC 7858 §3.3).
 */
export class StreamUpstream {
  readonly #open: OpenStream
  readonly #onMismatch: () => void
  readonly #faultOf: (error: unknown) => ExchangeResult
  readonly #all = new Set<StreamConnection>()
  #current: StreamConnection | undefined
  #isClosed = false

  /** `faultOf`: the result of a query whose connection ended with this error. */
  constructor(open: OpenStream, onMismatch: () => void, faultOf: (error: unknown) => ExchangeResult) {
    this.#open = open
    this.#onMismatch = onMismatch
    this.#faultOf = faultOf
  }

  /** Sends a query; its id may be changed to a free one. */
  ask(query: Uint8Array): Exchange {
    const { promise, resolve } = Promise.withResolvers<ExchangeResult>()
    let isSettled = false
    const settle = (result: ExchangeResult): void => {
      isSettled = true
      resolve(result)
    }
    let forget = (): void => {}
    const again = (): void => {
      forget = this.#connection().add({ query, settle, again })
    }
    again()
    const cancel = (): void => {
      if (isSettled) return
      settle({ kind: 'cancelled' })
      forget()
    }
    return { result: promise, cancel }
  }

  close(): void {
    this.#isClosed = true
    for (const connection of this.#all) connection.close()
  }

  #connection(): StreamConnection {
    if (this.#current?.takesMore === true) return this.#current
    this.#current?.retire()
    const connection = new StreamConnection(this.#open, this.#onMismatch, (fault, unanswered) => {
      this.#all.delete(connection)
      if (this.#current === connection) this.#current = undefined
      this.#goOn(connection.hasAnswered, fault, unanswered)
    })
    this.#all.add(connection)
    this.#current = connection
    return connection
  }

  /**
   * RFC 7766 §6.2.4: what a server left open when it closed is asked again. Not when that connection gave no answer at
   * all: so every round answers one at least, and there is no loop.
   */
  #goOn(hasAnswered: boolean, fault: unknown, unanswered: readonly Waiting[]): void {
    const result = this.#faultOf(fault)
    for (const waiting of unanswered) {
      if (hasAnswered && !this.#isClosed) waiting.again()
      else waiting.settle(result)
    }
  }
}
