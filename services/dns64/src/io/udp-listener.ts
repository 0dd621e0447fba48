import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { literalLookup, type OpenListener } from './listener.ts'

/** Room for bursts while the event loop is busy; the kernel caps it at net.core.rmem_max. */
const RECEIVE_BUFFER = 1 << 20

/** Listens for DNS over UDP. SO_REUSEPORT: several instances share the port, and the kernel spreads clients over them. */
export const openUdpListener: OpenListener = async (endpoint, onQuery, onLost) => {
  const socket = createSocket({
    // IPV6_V6ONLY does not exist on an IPv4 socket (EINVAL).
    ...(isIPv6(endpoint.address) ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' }),
    reusePort: true,
    lookup: literalLookup,
  })
  const ready = once(socket, 'listening')
  socket.bind({ address: endpoint.address, port: endpoint.port, exclusive: true })
  try {
    await ready
  } catch (error) {
    socket.close()
    throw error
  }
  socket.setRecvBufferSize(RECEIVE_BUFFER)
  // A client that has gone is no error of ours.
  const ignore = (): void => {}
  socket.on('message', (packet, { address, port }) => {
    // RFC 768: a source port of zero means that no reply is wanted; it cannot be sent to, and trying would throw.
    if (port === 0) return
    // The copy: the socket may send later than the name server keeps the bytes.
    onQuery(packet, address, 'udp', (bytes) => socket.send(Buffer.from(bytes), port, address, ignore))
  })
  let closed = false
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    const done = once(socket, 'close')
    socket.close()
    await done
  }
  socket.on('error', (error) => {
    void close()
    onLost(error)
  })
  return { close }
}
