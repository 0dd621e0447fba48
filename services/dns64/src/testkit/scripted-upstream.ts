import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
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
  close(): Promise<void>
}

/** Starts a scripted name server; with `port` on that one, else on a free one. */
export const startUpstream = async (script: Script, address = '127.0.0.1', port = 0): Promise<ScriptedUpstream> => {
  const server = createServer()
  const connections = new Set<Socket>()
  server.listen(port, address)
  await once(server, 'listening')
  const bound = (server.address() as AddressInfo).port
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.bind(bound, address)
  await once(socket, 'listening')

  let accepted = 0
  const upstream: ScriptedUpstream = {
    connections: () => accepted,
    address,
    port: bound,
    heard: [],
    sourcePorts: [],
    script,
    close: async () => {
      for (const connection of connections) connection.destroy()
      const closed = [once(socket, 'close'), once(server, 'close')]
      socket.close()
      server.close()
      await Promise.all(closed)
    },
  }
  const respond = (query: Uint8Array, transport: 'udp' | 'tcp', send: (bytes: Buffer) => void): void => {
    const asked = readAsked(query, transport)
    upstream.heard.push(`${asked.name} ${asked.type} ${transport}`)
    for (const { afterMs, bytes } of packetsFor(query, transport, upstream.script))
      if (afterMs === 0) send(bytes)
      else setTimeout(send, afterMs, bytes).unref()
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
