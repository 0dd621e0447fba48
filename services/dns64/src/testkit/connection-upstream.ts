import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import { FrameReader, framed } from '../io/tcp-frames.ts'
import { pinOf } from '../io/tls-upstream.ts'
import { packetsFor, type Script } from './script.ts'

/** A certificate of its own authority, made by openssl for this test run. */
export interface TestCertificate {
  readonly key: string
  readonly cert: string
  readonly pin: string
}

/** Makes a self-signed certificate for a name. */
export const makeCertificate = (name: string): TestCertificate => {
  const folder = mkdtempSync(join(tmpdir(), 'dns64-tls-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const parameters = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
    execFileSync('openssl', ['req', '-x509', ...parameters, ...subject, '-keyout', key, '-out', cert], {
      stdio: 'pipe',
    })
    const pem = readFileSync(cert, 'utf8')
    return { key: readFileSync(key, 'utf8'), cert: pem, pin: pinOf(new X509Certificate(pem)) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A scripted name server over TCP, TLS or HTTPS. */
export interface ConnectionUpstream {
  readonly port: number
  /** Octets of each query heard. */
  readonly lengths: number[]
  readonly heard: string[]
  /** Connections so far. */
  connections: number
  /** Connections of now get no answers any more, and no end: as when the way there has died. */
  muteConnections(): void
  /** Ends all connections, as servers do with idle ones. */
  dropConnections(): void
  close(): Promise<void>
}

const answerTo = (
  upstream: ConnectionUpstream,
  script: Script,
  query: Uint8Array,
  send: (bytes: Buffer) => void,
): void => {
  upstream.lengths.push(query.length)
  for (const { afterMs, behind, bytes } of packetsFor(query, 'tcp', (asked) => {
    upstream.heard.push(`${asked.name} ${asked.type}`)
    return script(asked)
  }))
    void sendLater(() => send(bytes), afterMs, behind)
}

const sendLater = async (send: () => void, afterMs: number, behind: Promise<void> | undefined): Promise<void> => {
  if (behind !== undefined) await behind
  setTimeout(send, afterMs)
}

/** Sockets and HTTP/2 sessions that get no answers. */
const muted = new WeakSet<object>()

const started = async (
  server: TcpServer | Server | Http2SecureServer,
  event: 'connection' | 'secureConnection',
): Promise<ConnectionUpstream> => {
  const sockets = new Set<Socket>()
  server.on(event, (socket: Socket) => {
    upstream.connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  const sessions = new Set<object>()
  server.on('session', (session: object) => sessions.add(session))
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const drop = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const upstream: ConnectionUpstream = {
    port: (server.address() as AddressInfo).port,
    lengths: [],
    heard: [],
    connections: 0,
    muteConnections: () => {
      for (const connection of [...sockets, ...sessions]) muted.add(connection)
    },
    dropConnections: drop,
    close: async () => {
      drop()
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
  return upstream
}

/** Answers the messages of a stream, `answers` of them at most: then it ends it. */
const serve = (upstream: ConnectionUpstream, script: Script, socket: Socket, answers: number): void => {
  const frames = new FrameReader()
  let left = answers
  const answer = (bytes: Buffer): void => {
    if (muted.has(socket) || left === 0) return
    left--
    if (left === 0) socket.end(framed(bytes))
    else socket.write(framed(bytes))
  }
  socket.on('data', (chunk: Uint8Array) =>
    frames.push(chunk, (query) => answerTo(upstream, script, query.slice(), answer)),
  )
}

/** Starts a scripted server for DNS over TCP that gives so many answers on a connection. */
export const startTcp = async (script: Script, answers = Number.POSITIVE_INFINITY): Promise<ConnectionUpstream> => {
  const server = createTcpServer()
  const upstream = await started(server, 'connection')
  server.on('connection', (socket) => serve(upstream, script, socket, answers))
  return upstream
}

/** Starts a scripted server for DNS over TLS. */
export const startDot = async (script: Script, { key, cert }: TestCertificate): Promise<ConnectionUpstream> => {
  const server = createServer({ key, cert, ALPNProtocols: ['dot'] })
  const upstream = await started(server, 'secureConnection')
  server.on('secureConnection', (socket) => serve(upstream, script, socket, Number.POSITIVE_INFINITY))
  return upstream
}

/** Starts a scripted server for DNS over HTTPS at /dns-query; `status` other than 200 for tests of that. */
export const startDoh = async (
  script: Script,
  { key, cert }: TestCertificate,
  status = 200,
): Promise<ConnectionUpstream> => {
  const server = createSecureServer({ key, cert })
  const upstream = await started(server, 'secureConnection')
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const chunks: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const isFine = headers[':method'] === 'POST' && headers[':path'] === '/dns-query' && status === 200
      answerTo(upstream, script, Buffer.concat(chunks), (bytes) => {
        if (stream.closed || muted.has(stream.session ?? stream)) return
        stream.respond({
          ':status': isFine ? 200 : status === 200 ? 404 : status,
          'content-type': 'application/dns-message',
        })
        stream.end(bytes)
      })
    })
  })
  return upstream
}
