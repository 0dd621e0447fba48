import { connect, type Socket } from 'node:net'
import type { Upstream } from '../core/upstreams.ts'
import { literalLookup } from './listener.ts'

/** How long a connection may take to be there; the forwarder has asked another upstream by then. */
const CONNECT_MS = 4000

/** Opens a TCP connection to an upstream (RFC 7766). `onReady` runs once; errors come as the socket's `error` event. */
export const connectTcp = (upstream: Upstream, onReady: () => void): Socket => {
  const socket = connect({ host: upstream.address, port: upstream.port, noDelay: true, lookup: literalLookup })
  const timer = setTimeout(() => socket.destroy(new Error('no TCP connection in time')), CONNECT_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.once('connect', () => {
    clearTimeout(timer)
    onReady()
  })
  return socket
}
