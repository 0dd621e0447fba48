import { createServer, type Server } from 'node:https'
import type { Logger } from '@sixgate/obs'
import { pageUrl } from '../core/web/page-addresses.ts'
import type { ApiServer } from './api-server.ts'
import type { Certificate } from './certificate.ts'

/** An address that is not there yet is tried again so often. */
const RETRY_MS = 2000
const MAX_CONNECTIONS = 100

/** Why an address cannot be listened on, when it is for the owner to see to it. */
const OBSTACLES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program has it: choose another console.port, or stop that program (sudo ss -lntp names it)',
  EACCES: 'the console may not open it: console.port must be 1024 or above',
}

/** One TLS server for each address; an address that appears later is taken then. */
export class Listeners {
  readonly #api: ApiServer
  readonly #log: Logger
  readonly #servers = new Map<string, Server>()
  #timer: NodeJS.Timeout | undefined
  readonly #obstacle = new Map<string, string>()
  #wanted: readonly string[] = []
  #port = 0
  #certificate: Certificate | undefined

  constructor(api: ApiServer, log: Logger) {
    this.#api = api
    this.#log = log
  }

  /** Listens on these addresses from now on, and on no others. */
  want(addresses: readonly string[], port: number, certificate: Certificate): void {
    for (const [key, server] of this.#servers) {
      if (port === this.#port && addresses.includes(key)) server.setSecureContext(certificate)
      else this.#close(key, server)
    }
    this.#wanted = addresses
    this.#port = port
    this.#certificate = certificate
    this.#obstacle.clear()
    this.#timer ??= setInterval(() => this.#open(), RETRY_MS)
    this.#open()
  }

  /** What the owner has to see to. */
  get obstacles(): readonly string[] {
    return [...this.#obstacle.values()]
  }

  /** Listens nowhere, until it is wanted again. */
  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#wanted = []
    this.#obstacle.clear()
    for (const [key, server] of this.#servers) this.#close(key, server)
  }

  #close(key: string, server: Server): void {
    this.#servers.delete(key)
    server.close()
    server.closeAllConnections()
  }

  #open(): void {
    for (const address of this.#wanted) if (!this.#servers.has(address)) this.#openOne(address)
  }

  #openOne(address: string): void {
    const certificate = this.#certificate
    if (certificate === undefined) return
    const server = createServer(
      {
        ...certificate,
        minVersion: 'TLSv1.2',
        handshakeTimeout: 10_000,
        headersTimeout: 10_000,
        requestTimeout: 30_000,
      },
      (request, response) => void this.#api.handle(request, response),
    )
    server.maxConnections = MAX_CONNECTIONS
    this.#servers.set(address, server)
    const url = pageUrl(address, this.#port)
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#servers.get(address) === server) this.#servers.delete(address)
      const why = OBSTACLES[error.code ?? '']
      // The LAN's address comes with its link; that is nothing to tell about.
      if (why === undefined || this.#obstacle.has(address)) return
      this.#obstacle.set(address, `${url} ${why}`)
      this.#log.warn(`web: ${url} ${why}`)
    })
    server.listen({ host: address, port: this.#port, ipv6Only: true }, () => {
      this.#obstacle.delete(address)
      this.#log.info(`web: ${url}`)
    })
  }
}
