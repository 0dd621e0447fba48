import type { Exchange } from '../core/forwarder.ts'
import type { Upstream } from '../core/upstreams.ts'
import { DohConnection } from './doh-connection.ts'
import { DotConnection } from './dot-connection.ts'

type Connection = DotConnection | DohConnection

/** Connections to upstreams over TLS and HTTPS: one each, opened with the first query, kept while in use. */
export class SecureUpstreams {
  readonly #connections = new Map<string, Connection>()
  readonly #authorities: string | undefined
  readonly #onMismatch: () => void

  /** `authorities`: PEM of certificate authorities instead of Node's. */
  constructor(authorities: string | undefined, onMismatch: () => void) {
    this.#authorities = authorities
    this.#onMismatch = onMismatch
  }

  ask(upstream: Upstream, query: Uint8Array): Exchange {
    // Everything in it decides whom we talk to and how.
    const key = JSON.stringify(upstream)
    let connection = this.#connections.get(key)
    if (connection === undefined) this.#connections.set(key, (connection = this.#open(upstream)))
    return connection.ask(query)
  }

  /** Ends connections to all but these. */
  keepOnly(upstreams: readonly Upstream[]): void {
    const wanted = new Set(upstreams.map((upstream) => JSON.stringify(upstream)))
    for (const [key, connection] of this.#connections) {
      if (wanted.has(key)) continue
      connection.close()
      this.#connections.delete(key)
    }
  }

  close(): void {
    this.keepOnly([])
  }

  #open(upstream: Upstream): Connection {
    return upstream.protocol === 'https'
      ? new DohConnection(upstream, this.#authorities)
      : new DotConnection(upstream, this.#authorities, this.#onMismatch)
  }
}
