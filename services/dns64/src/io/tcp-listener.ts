import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { OnQuery, OpenListener } from './listener.ts'
import { FrameReader, framed } from './tcp-frames.ts'

/** What one client, and all of them, may take up. */
export interface TcpLimits {
  /** RFC 7766 §6.2.3 recommends seconds; it also ends clients that send a message octet by octet. */
  readonly idleMs: number
  /** Connections of all clients, and of one (RFC 7766 §6.2.2 asks clients for one). */
  readonly connections: number
  readonly perClient: number
  /** Queries of one connection under way; more are read when these are answered. */
  readonly pipelined: number
  /** Octets of replies that a client does not fetch; then it is disconnected. */
  readonly unsentOctets: number
}

const LIMITS: TcpLimits = { idleMs: 10_000, connections: 256, perClient: 16, pipelined: 64, unsentOctets: 1 << 20 }

/** A connection that is served. */
interface Connection {
  /**
   * Ends it after the replies under way; one that has just come is given time to ask (RFC 7766 §6.2.3 lets a server end what is
   * idle). Resolves when nothing more is owed to it.
   */
  drain(): Promise<void>
}

/** Serves one connection: queries in any number, answered as they get ready (RFC 7766 §6.2.1.1, §7). */
const serve = (socket: Socket, source: string, limits: TcpLimits, onQuery: OnQuery): Connection => {
  const frames = new FrameReader()
  let underWay = 0
  let corked = 0
  let ended = false
  let isDraining = false
  let hasAnswered = false
  const { promise: done, resolve: isDone } = Promise.withResolvers<void>()
  const endWhenDone = (): void => {
    if (underWay > 0 || !(ended || (isDraining && hasAnswered))) return
    socket.end()
    isDone()
  }
  const idle = setTimeout(() => socket.destroy(), limits.idleMs)
  const reply = (bytes: Uint8Array): void => {
    underWay--
    hasAnswered = true
    if (socket.destroyed) return
    if (socket.writableLength > limits.unsentOctets) {
      socket.destroy()
      return
    }
    // Replies that are ready at the same time leave in one segment.
    if (corked === 0) {
      socket.cork()
      setImmediate(() => {
        corked = 0
        socket.uncork()
      })
    }
    corked++
    socket.write(framed(bytes))
    idle.refresh()
    if (underWay < limits.pipelined && !ended) socket.resume()
    endWhenDone()
  }
  socket.on('data', (chunk: Uint8Array) => {
    frames.push(chunk, (message) => {
      // Only a whole message counts as a sign of life.
      idle.refresh()
      underWay++
      let answered = false
      onQuery(message, source, 'tcp', (bytes) => {
        answered = true
        reply(bytes)
      })
      // A packet that is no query never gets a reply; nothing legitimate follows it on this connection.
      if (!answered && isNoQuery(message)) socket.destroy()
    })
    if (underWay >= limits.pipelined) socket.pause()
  })
  socket.on('end', () => {
    ended = true
    endWhenDone()
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    clearTimeout(idle)
    isDone()
  })
  return {
    drain: () => {
      isDraining = true
      endWhenDone()
      return done
    },
  }
}

/** True for what the name server drops: shorter than a header, or a response. */
const isNoQuery = (message: Uint8Array): boolean => message.length < 12 || ((message[2] ?? 0) & 0x80) !== 0

/** Makes an opener of listeners for DNS over TCP (RFC 7766) with limits. */
export const tcpOpener =
  (limits: TcpLimits = LIMITS): OpenListener =>
  async (endpoint, onQuery, onLost) => {
    const sockets = new Map<Socket, Connection>()
    const perClient = new Map<string, number>()
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      const source = socket.remoteAddress
      const open = perClient.get(source ?? '') ?? 0
      if (source === undefined || sockets.size >= limits.connections || open >= limits.perClient) {
        socket.destroy()
        return
      }
      perClient.set(source, open + 1)
      socket.on('close', () => {
        sockets.delete(socket)
        const left = (perClient.get(source) ?? 1) - 1
        if (left > 0) perClient.set(source, left)
        else perClient.delete(source)
      })
      sockets.set(socket, serve(socket, source, limits, onQuery))
    })
    const ready = once(server, 'listening')
    server.listen({ host: endpoint.address, port: endpoint.port, ipv6Only: true, reusePort: true, exclusive: true })
    await ready
    server.on('error', onLost)
    const done = once(server, 'close')
    return {
      drain: async () => {
        server.close()
        await Promise.all([...sockets.values()].map((connection) => connection.drain()))
      },
      close: async () => {
        server.close()
        for (const socket of sockets.keys()) socket.destroy()
        await done
      },
    }
  }
