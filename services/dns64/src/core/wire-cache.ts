import type { CacheEntry } from './cache.ts'
import type { Counters } from './counters.ts'
import { HEADER, putU32, u32 } from './wire.ts'

/** A finished UDP reply to one exact packet. */
export interface WireReply {
  /** The answer behind it: when that is gone or its time is over, the reply is, too. */
  readonly entry: CacheEntry
  /** The whole reply, id not yet set; its TTLs are as of `asOfS`. */
  readonly bytes: Uint8Array
  readonly ttlAt: readonly number[]
  asOfS: number
  /** What it counts as. */
  readonly counts: readonly (keyof Counters)[]
}

/** Packets kept in all; each is a copy of an answer, so only what is asked often is worth it. */
const MAX_REPLIES = 16_384
/** Longer packets carry options that differ each time. */
export const MAX_WIRE_QUERY = 128

/**
 * Replies by the octets of the query behind its id: what is asked in the same words gets the same reply, and nothing has
 * to be parsed. Every feature has had its say when the first of them was answered; the replies die with the answer, and
 * all of them with the policy.
 */
export class WireCache {
  readonly #byViews = new Map<string, Map<string, WireReply>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The replies for clients with the same views. */
  repliesOf(views: string): Map<string, WireReply> {
    let replies = this.#byViews.get(views)
    if (replies === undefined) this.#byViews.set(views, (replies = new Map()))
    return replies
  }

  put(replies: Map<string, WireReply>, key: string, reply: WireReply): void {
    if (replies.has(key)) this.#size--
    else if (this.#size >= MAX_REPLIES) this.clear()
    replies.set(key, reply)
    this.#size++
  }

  drop(replies: Map<string, WireReply>, key: string): void {
    if (replies.delete(key)) this.#size--
  }

  /** Empties it; the maps stay, because clients hold them. */
  clear(): void {
    for (const replies of this.#byViews.values()) replies.clear()
    this.#size = 0
  }
}

/** The reply's octets into `out` with the id of `packet`; TTLs counted down to `nowS`. Returns the length. */
export const copyReply = (reply: WireReply, nowS: number, packet: Uint8Array, out: Uint8Array): number => {
  const { bytes } = reply
  if (reply.asOfS !== nowS) {
    // Once a second and reply, not for every packet.
    for (const at of reply.ttlAt) putU32(bytes, at, Math.max(0, u32(bytes, at) - (nowS - reply.asOfS)))
    reply.asOfS = nowS
  }
  out.set(bytes)
  out[HEADER.ID] = packet[HEADER.ID] ?? 0
  out[HEADER.ID + 1] = packet[HEADER.ID + 1] ?? 0
  return bytes.length
}
