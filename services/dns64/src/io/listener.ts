import { isIP } from 'node:net'
import type { Client } from '../core/client.ts'
import type { Transport } from '../core/reply.ts'

/** The name server's record of a client. */
export type Source = Client

/** What the name server knows already: replies that need nobody else (NameServer says more). */
export interface Hits {
  sourceOf(address: string): Source
  beginBatch(): void
  hit(packet: Uint8Array, len: number, source: Source, out: Uint8Array): number
}

/** Hands a packet to the name server. `packet` and the bytes given to `reply` are only valid until the call returns. */
export type OnQuery = (
  packet: Uint8Array,
  source: Source | string,
  transport: Transport,
  reply: (bytes: Uint8Array) => void,
) => void

/** Where to listen. `address`: IPv4 or IPv6 text. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** Something that listens on one endpoint. */
export interface Listener {
  /**
   * Takes in what has come already and nothing more: new clients go to other instances. Replies under way still leave.
   * Resolves when no client is about to ask.
   */
  drain(): Promise<void>
  /** Ends it; replies under way are lost. */
  close(): Promise<void>
}

/** Opens a listener. Rejects with the system's error (`code`: EADDRNOTAVAIL, EADDRINUSE, EACCES …). */
export type OpenListener = (endpoint: Endpoint, onQuery: OnQuery, onLost: (error: Error) => void) => Promise<Listener>

/** A lookup that never asks anyone: this program only passes addresses, and must not depend on itself. */
export const literalLookup = (
  hostname: string,
  _options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void => callback(null, hostname, isIP(hostname))

/** The system's code of an error, `''` without one. */
export const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
