import type { KV, KvWatchEntry } from '@nats-io/kv'
import type { BucketEntry, WatchSync } from '../contract.ts'
import { toBucketEntry } from './kv-entry.ts'
import type { Link } from './link.ts'

/** A watch can die without a word when the server restarts, so the stream's last sequence is compared this often. */
const RESYNC_MS = 10_000
const RETRY_MS = 1000

/** One pass over a bucket: what is there, then what changes, until the iterator ends. */
interface Pass {
  readonly entries: AsyncIterable<KvWatchEntry> & { stop(): void }
  /** Keys that were there when the pass began and have been delivered in it. */
  readonly seen: Set<string>
}

/**
 * Follows a bucket through lost connections, restarted servers and lost storage. Entries that were delivered before with
 * the same revision are not delivered again.
 */
export class KvWatch {
  readonly #link: Link
  readonly #bucket: string
  readonly #onEntry: (entry: BucketEntry) => void
  readonly #onSynced: ((sync: WatchSync) => void) | undefined
  /** Key → revision of what was delivered last; deleted keys are absent. */
  readonly #delivered = new Map<string, number>()
  readonly #stopListening: () => void
  readonly #timer: NodeJS.Timeout
  #pass: Pass | undefined
  #lastSequence = 0
  #closed = false
  #wake: (() => void) | undefined

  constructor(link: Link, bucket: string, onEntry: (entry: BucketEntry) => void, onSynced?: (sync: WatchSync) => void) {
    this.#link = link
    this.#bucket = bucket
    this.#onEntry = onEntry
    this.#onSynced = onSynced
    // Ends the pass when the connection goes, and starts one when it is back.
    this.#stopListening = link.onChange(() => this.#restart())
    this.#timer = setInterval(() => void this.#compare(), RESYNC_MS)
    void this.#run()
  }

  close(): void {
    this.#closed = true
    this.#stopListening()
    clearInterval(this.#timer)
    this.#restart()
  }

  #restart(): void {
    this.#pass?.entries.stop()
    this.#wake?.()
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        if (this.#link.connected) await this.#follow(await this.#link.kv(this.#bucket))
      } catch {
        // The bucket does not exist yet, or the connection went while asking: the next round tells.
      }
      this.#pass = undefined
      if (!this.#closed) await this.#pause()
    }
  }

  /** Until the connection changes, at most RETRY_MS. */
  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }

  async #follow(kv: KV): Promise<void> {
    const { state } = (await kv.status()).streamInfo
    // Storage was lost or replaced: sequences start anew, so equal revisions say nothing.
    if (state.last_seq < this.#lastSequence) for (const key of this.#delivered.keys()) this.#delivered.set(key, 0)
    this.#lastSequence = state.last_seq
    const entries = await kv.watch()
    this.#pass = { entries, seen: new Set() }
    if (this.#closed || !this.#link.connected) return entries.stop()
    let isSynced = false
    if (state.messages === 0) {
      isSynced = true
      this.#synced(this.#pass)
    }
    for await (const entry of entries) {
      this.#deliver(entry, this.#pass)
      // `delta` counts what is still to come of what was there at the start of the pass.
      if (!isSynced && (entry.delta ?? 0) === 0) {
        isSynced = true
        this.#synced(this.#pass)
      }
    }
  }

  #deliver(kvEntry: KvWatchEntry, pass: Pass): void {
    const entry = toBucketEntry(kvEntry)
    this.#lastSequence = Math.max(this.#lastSequence, entry.revision)
    if (entry.operation === 'put') pass.seen.add(entry.key)
    const known = this.#delivered.get(entry.key)
    if (entry.operation === 'delete') {
      if (!this.#delivered.delete(entry.key)) return
    } else {
      if (known === entry.revision) return
      this.#delivered.set(entry.key, entry.revision)
    }
    this.#onEntry(entry)
  }

  #synced(pass: Pass): void {
    const lost = [...this.#delivered.keys()].filter((key) => !pass.seen.has(key))
    for (const key of lost) this.#delivered.delete(key)
    this.#onSynced?.({ lost })
  }

  async #compare(): Promise<void> {
    if (this.#pass === undefined || !this.#link.connected) return
    try {
      const kv = await this.#link.kv(this.#bucket)
      const before = this.#lastSequence
      const { last_seq: last } = (await kv.status()).streamInfo.state
      // A message on its way raises #lastSequence in the meantime; only a watch that stays behind is dead.
      if (last < before || (last > this.#lastSequence && before === this.#lastSequence)) this.#restart()
    } catch {
      this.#restart()
    }
  }
}
