import { parseSite, type Site } from '@sixgate/site'
import type { Client } from '../core/client.ts'
import { type Counters, newCounters } from '../core/counters.ts'
import type { Exchange, ExchangeResult } from '../core/forwarder.ts'
import { keyOfText } from '../core/name.ts'
import { NameServer } from '../core/name-server.ts'
import { isDocumentationServer, isPrivateServer } from '../core/own-zones.ts'
import { makePolicy } from '../core/policy.ts'
import type { QueryLog } from '../core/query-log.ts'
import { Resolver, type ResolverPorts } from '../core/resolver.ts'
import { isResponseTo } from '../core/upstream-query.ts'
import { showUpstream, type Upstream, UpstreamPool } from '../core/upstreams.ts'
import { type ReadResponse, readResponse } from './reading.ts'
import { type Asked, encodeQuery, packetsFor, type QuerySpec, readAsked, type Script } from './script.ts'

/** A LAN client, allowed to ask. */
export const CLIENT = 'fd00:64::c1'

/** A site document for tests; `dns64` and `pref64` as in YAML. */
export const testSite = (
  over: { dns64?: Record<string, unknown>; pref64?: readonly string[]; lans?: unknown } = {},
): Site =>
  parseSite({
    lan: { interface: 'lan0', prefix: 'fd00:64::/64' },
    pref64: over.pref64 ?? ['64:ff9b::/96'],
    nat64: { pool4: ['192.168.240.0/20'] },
    ...(over.lans === undefined ? {} : { lans: over.lans }),
    dns64: { exclude: [], upstreams: ['192.0.2.53'], ...over.dns64 },
  })

interface Timer {
  readonly atMs: number
  readonly run: () => void
}

/** Everything that was asked, with the server's name and the time. */
export interface Heard extends Asked {
  readonly upstream: string
  readonly atMs: number
}

/**
 * The whole name server on a clock that stands still until told: upstreams are scripts called in memory, timers fire in
 * `advance`. Nothing of the server itself is replaced, only its sockets and its clock.
 */
export class VirtualServer {
  readonly counters: Counters = newCounters()
  readonly resolver: Resolver
  readonly heard: Heard[] = []
  readonly defects: unknown[] = []
  /** By upstream, `192.0.2.53#53`; a missing one is unreachable. */
  readonly scripts: Record<string, Script>
  /** Which letters go to upstreams in upper case. */
  caseBits = 0
  readonly #server: NameServer
  readonly #timers = new Set<Timer>()
  #nowMs = 1_000_000
  #nextId = 7

  constructor(options: { scripts: Script | Record<string, Script>; site?: Site; hasIp6Uplink?: boolean }) {
    this.scripts = typeof options.scripts === 'function' ? { '192.0.2.53#53': options.scripts } : options.scripts
    const site = options.site ?? testSite()
    const upstreams = site.dns64.upstreams === 'auto' ? [] : site.dns64.upstreams
    this.resolver = new Resolver(this.#ports(), this.counters, {
      policy: makePolicy(site, {
        hasIp6Uplink: options.hasIp6Uplink ?? true,
        hasPrivateUpstream: upstreams.some((upstream) => isPrivateServer(upstream.address)),
        hasDocumentationUpstream: upstreams.some((upstream) => isDocumentationServer(upstream.address)),
      }),
      upstreams: new UpstreamPool(upstreams),
      forwards: new Map(
        site.dns64.domains.flatMap((domain) =>
          domain.upstreams === undefined ? [] : [[keyOfText(domain.name), new UpstreamPool(domain.upstreams)] as const],
        ),
      ),
    })
    this.#server = new NameServer(this.resolver, this.counters, (error) => this.defects.push(error))
    this.#server.queryLog.keep(site.dns64.queryLog, this.#nowMs)
  }

  get queryLog(): QueryLog {
    return this.#server.queryLog
  }

  get nowMs(): number {
    return this.#nowMs
  }

  get ports(): ResolverPorts {
    return this.#ports()
  }

  /** Sends a packet; the result is filled when the reply comes. */
  send(
    packet: Uint8Array,
    transport: 'udp' | 'tcp' = 'udp',
    source: string = CLIENT,
  ): { reply: Uint8Array | undefined } {
    const box: { reply: Uint8Array | undefined } = { reply: undefined }
    this.#server.handle(packet, source, transport, (bytes) => {
      box.reply = bytes.slice()
    })
    return box
  }

  /** The reply from the cache to a packet, as a UDP listener asks for it; undefined: it has to be handled. */
  hit(packet: Uint8Array, source: string = CLIENT): Uint8Array | undefined {
    this.#server.beginBatch()
    const out = new Uint8Array(1280)
    const length = this.#server.hit(packet, packet.length, this.#server.clientOf(source), out)
    return length === 0 ? undefined : out.slice(0, length)
  }

  /** Hands a packet to the server, with nothing in between: for benchmarks. */
  handle(packet: Uint8Array, source: string, reply: (bytes: Uint8Array) => void): void {
    this.#server.handle(packet, source, 'udp', reply)
  }

  /** The record of a client, for `hitInto`. */
  clientOf(address: string): Client {
    return this.#server.clientOf(address)
  }

  /** `hit` into the caller's memory, with nothing in between: for benchmarks. Returns the reply's length, 0 = no hit. */
  hitInto(packet: Uint8Array, client: Client, out: Uint8Array): number {
    this.#server.beginBatch()
    return this.#server.hit(packet, packet.length, client, out)
  }

  /** Asks and lets time pass until the reply is there, at most 10 s. */
  async ask(spec: QuerySpec, transport: 'udp' | 'tcp' = 'udp', source: string = CLIENT): Promise<ReadResponse> {
    const bytes = await this.askBytes(encodeQuery(spec), transport, source)
    return readResponse(bytes)
  }

  /** `ask` with bytes on both sides. */
  async askBytes(packet: Uint8Array, transport: 'udp' | 'tcp' = 'udp', source: string = CLIENT): Promise<Uint8Array> {
    const box = this.send(packet, transport, source)
    const endMs = this.#nowMs + 10_000
    for (;;) {
      await settled()
      if (box.reply !== undefined) return box.reply
      const next = [...this.#timers].toSorted((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > endMs) throw new Error('no reply')
      await this.advance(next.atMs - this.#nowMs)
    }
  }

  /** Lets time pass until a promise has settled, at most 10 s. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const state = { isSettled: false }
    const settle = (): void => {
      state.isSettled = true
    }
    promise.then(settle, settle)
    for (let steps = 0; steps < 100 && !state.isSettled; steps++) await this.advance(100)
    if (!state.isSettled) throw new Error('not settled')
    return await promise
  }

  /** Lets time pass; timers fire in order. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    for (;;) {
      await settled()
      const next = [...this.#timers].filter((t) => t.atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.#timers.delete(next)
      this.#nowMs = next.atMs
      next.run()
    }
    this.#nowMs = endMs
    await settled()
  }

  /** Questions heard, as `name TYPE`. */
  get questions(): string[] {
    return this.heard.map((asked) => `${asked.name} ${asked.type}`)
  }

  #after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  #ports(): ResolverPorts {
    return {
      udp: (upstream, query) => this.#exchange(upstream, query, 'udp'),
      connection: (upstream, query) => this.#exchange(upstream, query, 'tcp'),
      randomBits: () => this.caseBits,
      randomId: () => this.#nextId++ & 0xffff,
      nowMs: () => this.#nowMs,
      after: (ms, run) => this.#after(ms, run),
      onDefect: (error) => this.defects.push(error),
    }
  }

  #exchange(upstream: Upstream, query: Uint8Array, transport: 'udp' | 'tcp'): Exchange {
    const { promise, resolve } = Promise.withResolvers<ExchangeResult>()
    const script = this.scripts[showUpstream(upstream)]
    if (script === undefined) resolve({ kind: 'unreachable', error: 'connection refused', certain: true })
    else {
      this.heard.push({ ...readAsked(query, transport), upstream: showUpstream(upstream), atMs: this.#nowMs })
      for (const { afterMs, bytes } of packetsFor(query, transport, script))
        this.#after(afterMs, () => {
          if (isResponseTo(query, bytes)) resolve({ kind: 'response', bytes })
          else this.counters.upstream_mismatched_total++
        })
    }
    return { result: promise, cancel: () => resolve({ kind: 'cancelled' }) }
  }
}

/** Lets every promise that can settle do so: a macrotask runs after all microtasks. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
