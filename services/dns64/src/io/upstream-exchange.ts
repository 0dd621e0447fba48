import { connect } from 'node:net'
import type { Exchange, ExchangeResult } from '../core/forwarder.ts'
import { isResponseTo } from '../core/upstream-query.ts'
import type { Upstream } from '../core/upstreams.ts'
import { copyOf } from '../core/wire.ts'
import { literalLookup } from './listener.ts'
import { FrameReader, framed } from './tcp-frames.ts'
import { unreachable } from './unreachable.ts'

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
