import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Exchange, ExchangeResult } from '../core/forwarder.ts'
import { isResponseTo } from '../core/upstream-query.ts'
import type { Upstream } from '../core/upstreams.ts'
import { copyOf } from '../core/wire.ts'
import { errorCode, literalLookup } from './listener.ts'
import { FrameReader, framed } from './tcp-frames.ts'

const WHAT_THE_NETWORK_SAYS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (connection refused)',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to its network',
  EADDRNOTAVAIL: 'no local address to ask from',
  EPERM: 'a local firewall forbids it',
  EACCES: 'a local firewall forbids it',
}

const unreachable = (error: unknown): ExchangeResult => {
  const said = WHAT_THE_NETWORK_SAYS[errorCode(error)]
  if (said !== undefined) return { kind: 'unreachable', error: said, certain: true }
  // EMFILE, ENOBUFS …: our own trouble says nothing about the upstream.
  return { kind: 'unreachable', error: error instanceof Error ? error.message : String(error), certain: false }
}

/** A result that is settled once, with what has to be cleared away then. */
const settleOnce = (clear: () => void): Exchange & { settle(result: ExchangeResult): void } => {
  const { promise, resolve } = Promise.withResolvers<ExchangeResult>()
  let settled = false
  const settle = (result: ExchangeResult): void => {
    if (settled) return
    settled = true
    clear()
    resolve(result)
  }
  return { result: promise, settle, cancel: () => settle({ kind: 'cancelled' }) }
}

/**
 * Asks over UDP from a socket of its own: the kernel picks a random source port, and a connected socket takes packets of
 * the upstream's address and port only (RFC 5452 §9). What does not fit the query is counted and waited past.
 */
export const askUdp = (upstream: Upstream, query: Uint8Array, onMismatch: () => void): Exchange => {
  const type = isIPv6(upstream.address) ? 'udp6' : 'udp4'
  const socket = createSocket({ type, lookup: literalLookup })
  const exchange = settleOnce(() => socket.close())
  socket.on('error', (error) => exchange.settle(unreachable(error)))
  socket.on('message', (bytes) => {
    if (isResponseTo(query, bytes)) exchange.settle({ kind: 'response', bytes })
    else onMismatch()
  })
  // An error of connect() comes as an 'error' event; the callback then runs with it, and must not send.
  socket.connect(upstream.port, upstream.address, (error?: Error) => {
    if (error !== undefined && error !== null) exchange.settle(unreachable(error))
    else if (!isClosed()) socket.send(query)
  })
  let closed = false
  socket.on('close', () => {
    closed = true
  })
  const isClosed = (): boolean => closed
  return exchange
}

/** Asks over TCP, one connection per query. A response that does not fit ends it: a stream has no strangers in it. */
export const askTcp = (upstream: Upstream, query: Uint8Array, onMismatch: () => void): Exchange => {
  const socket = connect({ host: upstream.address, port: upstream.port, noDelay: true, lookup: literalLookup })
  const exchange = settleOnce(() => socket.destroy())
  const frames = new FrameReader()
  socket.on('error', (error) => exchange.settle(unreachable(error)))
  socket.on('close', () => exchange.settle({ kind: 'unreachable', error: 'it closed the connection', certain: false }))
  socket.on('data', (chunk: Uint8Array) => {
    frames.push(chunk, (message) => {
      if (isResponseTo(query, message)) exchange.settle({ kind: 'response', bytes: copyOf(message) })
      else {
        onMismatch()
        exchange.settle({ kind: 'unreachable', error: 'it answered another question', certain: false })
      }
    })
  })
  socket.write(framed(query))
  return exchange
}
