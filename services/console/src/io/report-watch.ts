import { BUCKETS, isStoppingKey, KvBucket, type Link, parseStatus, type Status } from '@sixgate/bus'

/** The newest report of every instance, followed. A report that expired stays: its `atMs` says how old it is. */
export class ReportWatch {
  readonly #reports = new Map<string, Status>()
  readonly #unwatch: () => void

  constructor(link: Link) {
    this.#unwatch = new KvBucket(link, BUCKETS.STATUS).watch(({ key, value, operation }) => {
      if (isStoppingKey(key)) return
      const status = operation === 'put' ? parseStatus(value) : undefined
      if (status === undefined) this.#reports.delete(key)
      else this.#reports.set(key, status)
    })
  }

  get current(): readonly Status[] {
    return [...this.#reports.values()]
  }

  close(): void {
    this.#unwatch()
  }
}
