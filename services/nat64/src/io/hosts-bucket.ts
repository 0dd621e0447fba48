import { formatIp4, type Ip4 } from '@sixgate/addr'
import type { Bucket, BucketEntry } from '@sixgate/bus'
import type { Logger } from '@sixgate/obs'
import { decodeKvEntry, encodeKvValue, type KvMapping, kvIp4, kvKey } from '../core/address-map/kv-entry.ts'
import type { HostId } from '../core/address-map/registry.ts'

/** NATS has so long to give an address; then it is taken locally and offered to NATS later. Packets wait meanwhile. */
const CLAIM_MS = 300

/** How a claim went. `unknown`: NATS is away or slow. */
export type Claim =
  | { readonly kind: 'ours'; readonly revision: number }
  | { readonly kind: 'taken'; readonly by: KvMapping; readonly revision: number }
  | { readonly kind: 'unknown' }

const UNKNOWN: Claim = { kind: 'unknown' }
const EMPTY = new Uint8Array(0)

/** What other instances do. */
export interface HostsBucketEvents {
  onMapping(told: KvMapping, revision: number): void
  onDeleted(ip4: Ip4, revision: number): void
  /** All there is was told; `lost`: what the storage has forgotten. */
  onSynced(lost: readonly Ip4[]): void
}

/** The KV bucket `hosts`, in terms of mappings. Without NATS every claim is `unknown` at once. */
export class HostsBucket {
  readonly #bucket: Bucket | undefined
  readonly #log: Logger

  constructor(bucket: Bucket | undefined, log: Logger) {
    this.#bucket = bucket
    this.#log = log
  }

  /** False when this instance runs without NATS for good (`SITE=file:`). */
  get configured(): boolean {
    return this.#bucket !== undefined
  }

  get connected(): boolean {
    return this.#bucket?.connected === true
  }

  /** Takes the address for the host. Answers within 300 ms. */
  async claim(host: HostId, ip4: Ip4, seenS: number): Promise<Claim> {
    const bucket = this.#bucket
    if (bucket?.connected !== true) return UNKNOWN
    const late = Promise.withResolvers<'late'>()
    const timer = setTimeout(() => late.resolve('late'), CLAIM_MS)
    try {
      return await Promise.race([this.#claim(bucket, host, ip4, seenS), late.promise.then(() => UNKNOWN)])
    } finally {
      clearTimeout(timer)
    }
  }

  async #claim(bucket: Bucket, host: HostId, ip4: Ip4, seenS: number): Promise<Claim> {
    const key = kvKey(ip4)
    const value = encodeKvValue(host, seenS)
    try {
      const created = await bucket.create(key, value)
      if (created !== undefined) return { kind: 'ours', revision: created }
      const entry = await bucket.get(key)
      // Deleted in between: the watch will tell what became of it.
      if (entry === undefined) return UNKNOWN
      const by = decodeKvEntry(key, entry.value)
      if (by !== undefined) return { kind: 'taken', by, revision: entry.revision }
      // Given back by an instance that did not come to delete it, or no mapping at all: ours, if nobody is faster.
      const updated = await bucket.update(key, value, entry.revision)
      return updated === undefined ? UNKNOWN : { kind: 'ours', revision: updated }
    } catch (error) {
      this.#log.debug({ err: error, ip4: formatIp4(ip4) }, 'NATS did not take an address')
      return UNKNOWN
    }
  }

  /** Says when the host was last seen; the new revision, or `undefined` when the entry is another one by now. */
  async refresh(host: HostId, ip4: Ip4, seenS: number, revision: number): Promise<number | undefined> {
    if (this.#bucket?.connected !== true) return undefined
    try {
      return await this.#bucket.update(kvKey(ip4), encodeKvValue(host, seenS), revision)
    } catch (error) {
      this.#log.debug({ err: error, ip4: formatIp4(ip4) }, 'NATS did not take a refresh')
      return undefined
    }
  }

  /**
   * Gives the address back, if its entry still has this revision. Emptied first: a delete cannot be made conditional, but
   * while an empty entry is there nobody can create one, so that the delete hits nobody else's.
   */
  async erase(ip4: Ip4, revision: number): Promise<void> {
    if (this.#bucket?.connected !== true) return
    try {
      const emptied = await this.#bucket.update(kvKey(ip4), EMPTY, revision)
      if (emptied !== undefined) await this.#bucket.delete(kvKey(ip4))
    } catch (error) {
      this.#log.debug({ err: error, ip4: formatIp4(ip4) }, 'NATS did not delete an entry')
    }
  }

  /** Follows the bucket; returns the function that ends it. */
  watch(events: HostsBucketEvents): () => void {
    const hear = (entry: BucketEntry): void => {
      const ip4 = kvIp4(entry.key)
      if (entry.operation === 'delete' || entry.value.length === 0) {
        if (ip4 !== undefined) events.onDeleted(ip4, entry.revision)
        return
      }
      const told = decodeKvEntry(entry.key, entry.value)
      if (told !== undefined) events.onMapping(told, entry.revision)
      else this.#log.warn({ key: entry.key }, 'KV bucket hosts: an entry that is no mapping; it is left alone')
    }
    const synced = ({ lost }: { lost: readonly string[] }): void =>
      events.onSynced(lost.map(kvIp4).filter((ip4) => ip4 !== undefined))
    return this.#bucket?.watch(hear, synced) ?? (() => {})
  }
}
