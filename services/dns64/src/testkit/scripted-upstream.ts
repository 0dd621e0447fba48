import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { errorCode } from '../io/listener.ts'
import { FrameReader, framed } from '../io/tcp-frames.ts'
import { packetsFor, readAsked, type Script } from './script.ts'

/** A scripted name server on real sockets, UDP and TCP on one port. */
export interface ScriptedUpstream {
  readonly address: string
  readonly port: number
  /** Questions heard, as `name TYPE udp`. */
  readonly heard: string[]
  /** Source ports of the UDP queries. */
  readonly sourcePorts: number[]
  /** TCP connections so far. */
  connections(): number
  /** May be replaced at any time. */
  script: Script
  /** May be called again. */
  close(): Promise<void>
}

/** A TCP server and a UDP socket on one port; of both or of none. */
const listen = async (address: string, port: number): Promise<{ server: Server; socket: UdpSocket }> => {
  const server = createServer().listen(port, address)
  await once(server, 'listening')
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  try {
    socket.bind((server.address() as AddressInfo).port, address)
    await once(socket, 'listening')
    return { server, socket }
  } catch (error) {
    socket.close()
    server.close()
    await once(server, 'close')
    // A port that TCP has free may be another socket's over UDP.
    if (port === 0 && errorCode(error) === 'EADDRINUSE') return await listen(address, 0)
    throw error
  }
}

/** Starts a scripted name server; with `port` on that one, else on a free one. */
export const startUpstream = async (script: Script, address = '127.0.0.1', port = 0): Promise<ScriptedUpstream> => {
  const { server, socket } = await listen(address, port)
  const bound = (server.address() as AddressInfo).port
  const connections = new Set<Socket>()
  /** Answers that are due later; none is sent once it is closed. */
  const due = new Set<NodeJS.Timeout>()

  let accepted = 0
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    for (const timer of due) clearTimeout(timer)
    for (const connection of connections) connection.destroy()
    const closed = [once(socket, 'close'), once(server, 'close')]
    socket.close()
    server.close()
    await Promise.all(closed)
  }
  const upstream: ScriptedUpstream = {
    connections: () => accepted,
    address,
    port: bound,
    heard: [],
    sourcePorts: [],
    script,
    close: () => (closing ??= close()),
  }
  const respond = (query: Uint8Array, transport: 'udp' | 'tcp', send: (bytes: Buffer) => void): void => {
    const asked = readAsked(query, transport)
    upstream.heard.push(`${asked.name} ${asked.type} ${transport}`)
    for (const { afterMs, behind, bytes } of packetsFor(query, transport, upstream.script))
      if (behind !== undefined) void behind.then(() => (closing === undefined ? send(bytes) : undefined))
      else if (afterMs === 0) send(bytes)
      else {
        const timer = setTimeout(() => {
          due.delete(timer)
          send(bytes)
        }, afterMs)
        due.add(timer.unref())
      }
  }
  socket.on('message', (query, from) => {
    upstream.sourcePorts.push(from.port)
    respond(query, 'udp', (bytes) => socket.send(bytes, from.port, from.address, () => {}))
  })
  server.on('connection', (connection) => {
    const frames = new FrameReader()
    connections.add(connection)
    accepted++
    connection.on('close', () => connections.delete(connection))
    connection.on('error', () => {})
    connection.on('data', (chunk: Uint8Array) =>
      frames.push(chunk, (query) => respond(query, 'tcp', (bytes) => connection.write(framed(bytes)))),
    )
  })
  return upstream
}
