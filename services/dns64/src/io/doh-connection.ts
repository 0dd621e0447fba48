import { type ClientHttp2Session, connect, constants } from 'node:http2'
import type { Exchange, ExchangeResult } from '../core/forwarder.ts'
import { isResponseTo } from '../core/upstream-query.ts'
import type { Upstream } from '../core/upstreams.ts'
import { HEADER, MAX_MESSAGE, putU16 } from '../core/wire.ts'
import { Silence } from './silence.ts'
import { connectTls, tlsFault } from './tls-upstream.ts'
import { unreachable } from './unreachable.ts'

const IDLE_MS = 60_000
const MEDIA_TYPE = 'application/dns-message'

/** Why nothing came, in an operator's words. */
const failed = (fault: unknown): ExchangeResult => {
  const result = unreachable(fault)
  return result.kind === 'unreachable' && !result.certain ? { ...result, error: tlsFault(fault) } : result
}

const useless = (error: string): ExchangeResult => ({ kind: 'unreachable', error, certain: false })

/** One HTTP/2 connection to an upstream for DNS over HTTPS (RFC 8484): a stream for each query. */
export class DohConnection {
  readonly #upstream: Upstream
  readonly #authorities: string | undefined
  #session: Promise<ClientHttp2Session> | undefined
  #end: () => void = () => {}
  readonly #silence = new Silence()

  constructor(upstream: Upstream, authorities: string | undefined) {
    this.#upstream = upstream
    this.#authorities = authorities
  }

  /** Sends a query. */
  ask(query: Uint8Array): Exchange {
    // RFC 8484 §4.1: "DoH clients ... SHOULD use a DNS ID of 0 in every DNS request". The stream tells answers apart.
    putU16(query, HEADER.ID, 0)
    const { promise, resolve } = Promise.withResolvers<ExchangeResult>()
    let settled = false
    let end = (): void => {}
    const settle = (result: ExchangeResult): void => {
      if (settled) return
      settled = true
      resolve(result)
      end()
    }
    const send = async (): Promise<void> => {
      try {
        const session = await this.#live()
        if (!settled) end = this.#request(session, query, settle)
      } catch (fault) {
        settle(failed(fault))
      }
    }
    void send()
    return { result: promise, cancel: () => settle({ kind: 'cancelled' }) }
  }

  close(): void {
    this.#session = undefined
    this.#end()
  }

  /** Sends a query on a stream of its own; returns what ends the stream. */
  #request(session: ClientHttp2Session, query: Uint8Array, settle: (result: ExchangeResult) => void): () => void {
    const stream = session.request({
      ':method': 'POST',
      ':path': this.#upstream.path ?? '/dns-query',
      'content-type': MEDIA_TYPE,
      accept: MEDIA_TYPE,
      'content-length': query.length,
    })
    const chunks: Buffer[] = []
    let size = 0
    let [status, type]: unknown[] = []
    this.#silence.sent()
    stream.on('response', (headers) => {
      this.#silence.heard()
      status = headers[':status']
      type = headers['content-type']
    })
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MAX_MESSAGE) settle(useless('it sent more than a DNS message'))
      else chunks.push(chunk)
    })
    stream.on('end', () => {
      const bytes = new Uint8Array(Buffer.concat(chunks))
      if (status !== 200) settle(useless(`it answered with HTTP status ${String(status)}`))
      else if (type !== MEDIA_TYPE) settle(useless(`it answered with ${String(type)} instead of ${MEDIA_TYPE}`))
      else if (isResponseTo(query, bytes)) settle({ kind: 'response', bytes })
      else settle(useless('it answered another question'))
    })
    stream.on('error', (error) => settle(failed(error)))
    stream.on('close', () => settle(useless('it closed the connection')))
    stream.end(query)
    return () => stream.close(constants.NGHTTP2_CANCEL)
  }

  #live(): Promise<ClientHttp2Session> {
    if (this.#silence.isTooLong) {
      // What is under way there may still be answered; it ends when that is over.
      void this.#session?.then((session) => session.close())
      this.#session = undefined
      this.#silence.heard()
    }
    this.#session ??= this.#connect()
    return this.#session
  }

  /** HTTP/2 begins only when the other end has shown who it is: nothing leaves before. */
  #connect(): Promise<ClientHttp2Session> {
    const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>()
    const { address, port, name } = this.#upstream
    const host = name ?? (address.includes(':') ? `[${address}]` : address)
    const forget = (): void => {
      if (this.#session === promise) this.#session = undefined
    }
    const socket = connectTls(this.#upstream, ['h2'], this.#authorities, (ready) => {
      const session = connect(`https://${host}:${port}`, { createConnection: () => ready })
      session.on('error', forget)
      session.on('goaway', forget)
      session.on('close', forget)
      session.setTimeout(IDLE_MS, () => session.close())
      // Nothing waits for it but queries, and those have timers of their own.
      session.unref()
      resolve(session)
    })
    this.#end = () => socket.destroy()
    socket.on('error', (error) => {
      forget()
      reject(error)
    })
    socket.on('close', () => {
      forget()
      reject(new Error('it closed the connection'))
    })
    return promise
  }
}
