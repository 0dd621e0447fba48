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
  /** When the stream of the last pass was made, by its own word: another time is another stream. */
  #created = ''
  /** Of the last entry that came in this pass. */
  #lastSequence = 0
  #closed = false
  /** What was read is no longer to be trusted: the next pass begins without a pause. */
  #isStale = false
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
    this.#isStale = true
    this.#pass?.entries.stop()
    this.#wake?.()
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#isStale = false
      try {
        if (this.#link.connected) await this.#follow(await this.#link.kv(this.#bucket))
      } catch {
        // The bucket does not exist yet, or the connection went while asking: the next round tells.
      }
      this.#pass = undefined
      if (!this.#closed && !this.#isStale) await this.#pause()
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
    const entries = await kv.watch()
    if (this.#closed || this.#isStale) return entries.stop()
    const pass: Pass = { entries, seen: new Set() }
    this.#pass = pass
    // Asked after the watch began: what is counted here is delivered below, unless there is nothing.
    const { created, state } = (await kv.status()).streamInfo
    if (created !== this.#created) this.#forgetRevisions()
    this.#created = created
    this.#lastSequence = 0
    let isSynced = state.messages === 0
    if (isSynced) this.#synced(pass)
    for await (const entry of entries) {
      this.#deliver(entry, pass)
      // `delta` counts what is still to come of what was there at the start of the pass.
      if (!isSynced && (entry.delta ?? 0) === 0) {
        isSynced = true
        this.#synced(pass)
      }
    }
  }

  /** Storage was lost or replaced: sequences start anew, so equal revisions say nothing. */
  #forgetRevisions(): void {
    for (const key of this.#delivered.keys()) this.#delivered.set(key, 0)
  }

  #deliver(kvEntry: KvWatchEntry, pass: Pass): void {
    const entry = toBucketEntry(kvEntry)
    this.#lastSequence = entry.revision
    if (entry.operation === 'put') pass.seen.add(entry.key)
    const known = this.#delivered.get(entry.key)
    if (entry.operation === 'delete') {
      if (!this.#delivered.delete(entry.key)) return
    } else {
      if (known === entry.revision) return
      this.#delivered.set(entry.key, entry.revision)
    }
    this.#tell(() => this.#onEntry(entry))
  }

  #synced(pass: Pass): void {
    const lost = [...this.#delivered.keys()].filter((key) => !pass.seen.has(key))
    for (const key of lost) this.#delivered.delete(key)
    this.#tell(() => this.#onSynced?.({ lost }))
  }

  /** A listener's mistake is its own: it ends the process (fail-static) instead of looking like a lost connection. */
  #tell(listener: () => void): void {
    if (this.#closed) return
    try {
      listener()
    } catch (error) {
      setImmediate(() => {
        throw error
      })
    }
  }

  /** Starts over when the watch stays behind the stream, or the stream is another one than the watch began with. */
  async #compare(): Promise<void> {
    if (this.#pass === undefined || !this.#link.connected) return
    try {
      const before = this.#lastSequence
      const { created, state } = (await (await this.#link.kv(this.#bucket)).status()).streamInfo
      // What is on its way raises #lastSequence in the meantime; only a watch that does not move is dead.
      const isBehind = state.messages > 0 && state.last_seq > before && before === this.#lastSequence
      if (created !== this.#created || isBehind) this.#restart()
    } catch {
      this.#restart()
    }
  }
}
