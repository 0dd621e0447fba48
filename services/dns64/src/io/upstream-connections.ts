import type { Exchange, ExchangeResult } from '../core/forwarder.ts'
import type { Upstream } from '../core/upstreams.ts'
import { DohConnection } from './doh-connection.ts'
import { StreamUpstream } from './stream-upstream.ts'
import { connectTcp } from './tcp-upstream.ts'
import { connectTls, tlsFault } from './tls-upstream.ts'
import { unreachable } from './unreachable.ts'

type Connection = StreamUpstream | DohConnection

/** Why nothing came over TLS, in an operator's words. */
const tlsResult = (fault: unknown): ExchangeResult => {
  const result = unreachable(fault)
  return result.kind === 'unreachable' && !result.certain ? { ...result, error: tlsFault(fault) } : result
}

/** An upstream as it is asked over TCP: one that UDP is used for otherwise, too. */
const overTcp = ({ address, port }: Upstream): Upstream => ({ address, port, protocol: 'tcp' })

/** Everything in it decides whom we talk to and how. */
const keyOf = (upstream: Upstream): string =>
  JSON.stringify(upstream.protocol === undefined ? overTcp(upstream) : upstream)

const CLOSED: ExchangeResult = { kind: 'unreachable', error: 'dns64 is stopping', certain: false }

/** Connections to upstreams over TCP, TLS and HTTPS: one each, opened with the first query, kept while in use. */
export class UpstreamConnections {
  readonly #connections = new Map<string, Connection>()
  readonly #authorities: string | undefined
  readonly #onMismatch: () => void
  #isClosed = false

  /** `authorities`: PEM of certificate authorities instead of Node's. */
  constructor(authorities: string | undefined, onMismatch: () => void) {
    this.#authorities = authorities
    this.#onMismatch = onMismatch
  }

  /** Sends a query in the upstream's protocol, over TCP where that is UDP; its id may be changed. */
  ask(upstream: Upstream, query: Uint8Array): Exchange {
    // What was under way goes on for a moment, with its retries; a connection that it opened now would outlive us.
    if (this.#isClosed) return { result: Promise.resolve(CLOSED), cancel: () => {} }
    const key = keyOf(upstream)
    let connection = this.#connections.get(key)
    if (connection === undefined) this.#connections.set(key, (connection = this.#open(upstream)))
    return connection.ask(query)
  }

  /** Ends connections to all but these. */
  keepOnly(upstreams: readonly Upstream[]): void {
    const wanted = new Set(upstreams.map(keyOf))
    for (const [key, connection] of this.#connections) {
      if (wanted.has(key)) continue
      this.#connections.delete(key)
      connection.close()
    }
  }

  close(): void {
    this.#isClosed = true
    this.keepOnly([])
  }

  #open(upstream: Upstream): Connection {
    const { protocol } = upstream
    if (protocol === 'https') return new DohConnection(upstream, this.#authorities)
    return protocol === 'tls'
      ? new StreamUpstream(
          (onReady) => connectTls(upstream, ['dot'], this.#authorities, onReady),
          this.#onMismatch,
          tlsResult,
        )
      : new StreamUpstream((onReady) => connectTcp(upstream, onReady), this.#onMismatch, unreachable)
  }
}
