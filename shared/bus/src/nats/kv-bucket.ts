import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { NoRespondersError, PermissionViolationError, RequestError, TimeoutError } from '@nats-io/transport-node'
import { messageOf } from '@sixgate/obs'
import type { Bucket, BucketEntry, WatchSync } from '../contract.ts'
import { KvError, type KvErrorCode } from '../kv-error.ts'
import { toBucketEntry } from './kv-entry.ts'
import { KvWatch } from './kv-watch.ts'
import type { Link } from './link.ts'

/** JetStream: "wrong last sequence", a compare-and-set that somebody else won. */
const WRONG_LAST_SEQUENCE: readonly number[] = [10071, 10164]
const STREAM_NOT_FOUND = 10059

const isConflict = (error: unknown): boolean =>
  error instanceof JetStreamApiError && WRONG_LAST_SEQUENCE.includes(error.code)

/** Whether the error itself, or one that it was made of, is such. */
const isDueTo = (error: unknown, isSuch: (error: unknown) => boolean): boolean =>
  isSuch(error) || (error instanceof Error && error.cause !== undefined && isDueTo(error.cause, isSuch))

const isMissing = (error: unknown): boolean => error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND
/** A stream that does not exist answers to no subject of its own; nor does one whose server is starting, stopping, or without leader. */
const isUnserved = (error: unknown): boolean =>
  error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders())
const isTimeout = (error: unknown): boolean => error instanceof TimeoutError
const isRefused = (error: unknown): boolean => error instanceof PermissionViolationError

/** What it is for the caller, and what to tell of it. `wasLost`: the connection went while NATS was asked. */
const meaningOf = (error: unknown, wasLost: boolean): readonly [KvErrorCode, string] => {
  if (isDueTo(error, isTimeout))
    return ['timeout', wasLost ? 'the connection to NATS was lost before it answered' : 'NATS did not answer in time']
  if (isDueTo(error, isMissing))
    return [
      'missing',
      'NATS does not have it, since it is new or was started anew; the console makes it as soon as it is connected',
    ]
  if (isDueTo(error, isUnserved))
    return [
      'unserved',
      'nobody in NATS answers for it: NATS is starting, stopping or without a majority, or the console has yet to make the bucket',
    ]
  if (isDueTo(error, isRefused)) return ['refused', 'the permissions of this service do not allow it']
  return ['failed', messageOf(error)]
}

/** A bucket of JetStream behind the contract: errors are KvErrors, conflicts are values. */
export class KvBucket implements Bucket {
  readonly #link: Link
  readonly #name: string

  constructor(link: Link, name: string) {
    this.#link = link
    this.#name = name
  }

  get connected(): boolean {
    return this.#link.connected
  }

  async create(key: string, value: Uint8Array): Promise<number | undefined> {
    return await this.#call(key, async (kv) => await kv.create(key, value).catch(undefinedIfConflict))
  }

  async update(key: string, value: Uint8Array, revision: number): Promise<number | undefined> {
    return await this.#call(key, async (kv) => await kv.update(key, value, revision).catch(undefinedIfConflict))
  }

  async get(key: string): Promise<BucketEntry | undefined> {
    const entry = await this.#call(key, async (kv) => await kv.get(key))
    return entry === null || entry.operation !== 'PUT' ? undefined : toBucketEntry(entry)
  }

  async put(key: string, value: Uint8Array): Promise<number> {
    return await this.#call(key, async (kv) => await kv.put(key, value))
  }

  /** Leaves no trace of older editions, so that a bucket of hosts that come and go does not grow. */
  async delete(key: string): Promise<void> {
    await this.#call(key, async (kv) => await kv.purge(key))
  }

  /** Whether NATS has it at all, for those who may ask for more than keys. */
  async exists(): Promise<boolean> {
    try {
      await this.keys()
      return true
    } catch (error) {
      if (error instanceof KvError && error.code === 'missing') return false
      throw error
    }
  }

  /** Every key that there is, in no particular order; keys that were deleted a moment ago may still be among them. */
  async keys(): Promise<string[]> {
    const prefix = `$KV.${this.#name}.`
    const subjects = await this.#call('*', async () => {
      const manager = await jetstreamManager(this.#link.connection, this.#link.jetstream)
      const { state } = await manager.streams.info(`KV_${this.#name}`, { subjects_filter: `${prefix}>` })
      return Object.keys(state.subjects ?? {})
    })
    return subjects.map((subject) => subject.slice(prefix.length))
  }

  watch(onEntry: (entry: BucketEntry) => void, onSynced?: (sync: WatchSync) => void): () => void {
    const watch = new KvWatch(this.#link, this.#name, onEntry, onSynced)
    return () => watch.close()
  }

  async #call<T>(key: string, work: (kv: KV) => Promise<T>): Promise<T> {
    const kv = await this.#link.kv(this.#name)
    let wasLost = false
    const stopListening = this.#link.onChange(() => (wasLost ||= !this.#link.connected))
    try {
      return await work(kv)
    } catch (error) {
      if (error instanceof KvError) throw error
      const [code, meaning] = meaningOf(error, wasLost)
      throw new KvError(code, `bucket ${this.#name}, key ${key}: ${meaning}`, error)
    } finally {
      stopListening()
    }
  }
}

const undefinedIfConflict = (error: unknown): undefined => {
  if (isConflict(error)) return undefined
  throw error
}
