import { readFileSync } from 'node:fs'
import type { Prefix6 } from '@sixgate/addr'
import { writeDurably } from '@sixgate/host'
import type { Logger } from '@sixgate/obs'
import {
  followPrefixes,
  NO_PREFIXES,
  type PrefixRecord,
  recordFromJson,
  recordToJson,
  sameRecord,
  type StalePrefix,
} from '../core/prefixes.ts'

/** Keeps on disk which prefixes were advertised on which LAN link: a change while the service was off is seen too. */
export class PrefixFile {
  readonly #file: string
  readonly #log: Logger
  readonly #records: Map<string, PrefixRecord>

  constructor(file: string, log: Logger) {
    this.#file = file
    this.#log = log
    this.#records = new Map(Object.entries(this.#read()).map(([link, value]) => [link, recordFromJson(value)]))
  }

  /** `current` is advertised on `link` from now on. Returns what is stale there. */
  follow(link: string, current: readonly Prefix6[], unixMs: number): readonly StalePrefix[] {
    const before = this.#records.get(link) ?? NO_PREFIXES
    const record = followPrefixes(before, current, unixMs)
    if (!sameRecord(before, record)) {
      this.#records.set(link, record)
      this.#write()
    }
    return record.stale
  }

  #read(): Record<string, unknown> {
    try {
      const content: unknown = JSON.parse(readFileSync(this.#file, 'utf8'))
      return typeof content === 'object' && content !== null ? { ...content } : {}
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
        this.#log.warn({ err: error }, `${this.#file} cannot be read: prefixes of before now are not deprecated`)
      return {}
    }
  }

  #write(): void {
    const content = Object.fromEntries([...this.#records].map(([link, record]) => [link, recordToJson(record)]))
    try {
      writeDurably(this.#file, `${JSON.stringify(content, undefined, 2)}\n`)
    } catch (error) {
      this.#log.warn({ err: error }, 'the prefixes cannot be kept: a restart would not deprecate them')
    }
  }
}
