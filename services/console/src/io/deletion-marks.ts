/*
 * A key that is deleted leaves a mark in its bucket, so that whoever follows the bucket hears of it. NATS keeps it for ever, and
 * some 400 octets of memory for it: one for each address of the pool that a host ever had. Once everyone has heard it the
 * console takes it away; who did not hear it in that time reads the whole bucket anew anyway.
 */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { BUCKETS, type Link } from '@sixgate/bus'
import type { Logger } from '@sixgate/obs'

const KEPT_MS = 10 * 60_000
const SWEEP_MS = 10 * 60_000

/** Takes the mark of a key away if it is still the newest of that key: what was written after `revision` stays. */
export const removeMark = async (manager: JetStreamManager, key: string, revision: number): Promise<number> => {
  const filter = `$KV.${BUCKETS.HOSTS}.${key}`
  const { purged } = await manager.streams.purge(`KV_${BUCKETS.HOSTS}`, { filter, seq: revision + 1 })
  return purged
}

/** The marks of mappings that ended before `beforeMs` (since 1970): revisions by key. Throws errors of NATS. */
export const marksBefore = async (link: Link, beforeMs: number): Promise<ReadonlyMap<string, number>> => {
  const kv = await link.kv(BUCKETS.HOSTS)
  const marks = new Map<string, number>()
  for await (const { key, operation, created, revision } of await kv.history())
    if (operation !== 'PUT' && created.getTime() < beforeMs) marks.set(key, revision)
  return marks
}

/** Takes those marks away; how many. Throws errors of NATS. */
export const sweepMarks = async (link: Link, beforeMs: number): Promise<number> => {
  const marks = await marksBefore(link, beforeMs)
  const manager = await jetstreamManager(link.connection, link.jetstream)
  let removed = 0
  for (const [key, revision] of marks) removed += await removeMark(manager, key, revision)
  return removed
}

/** Sweeps every ten minutes, until it is closed. */
export class MarkSweeper {
  readonly #link: Link
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout

  constructor(link: Link, log: Logger) {
    this.#link = link
    this.#log = log
    this.#timer = setInterval(() => void this.#sweep(), SWEEP_MS)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #sweep(): Promise<void> {
    if (!this.#link.connected) return
    try {
      const removed = await sweepMarks(this.#link, Date.now() - KEPT_MS)
      this.#log.debug({ removed }, 'marks of mappings that ended are taken out of NATS')
    } catch (error) {
      // NATS went meanwhile, or is without majority: the next time will do.
      this.#log.debug({ err: error }, 'marks of mappings that ended could not be taken out of NATS')
    }
  }
}
