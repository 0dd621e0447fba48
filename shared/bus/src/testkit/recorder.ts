import { EventEmitter, on } from 'node:events'

const TIMEOUT_MS = 20_000

/** Collects what callbacks bring, and lets a test await it. */
export class Recorder<T> {
  readonly items: T[] = []
  readonly #changed = new EventEmitter()

  readonly add = (item: T): void => {
    this.items.push(item)
    this.#changed.emit('added')
  }

  /** Waits until `isEnough` holds for what was collected, and returns that. Throws with all of it when time is over. */
  async until(isEnough: (items: readonly T[]) => boolean): Promise<readonly T[]> {
    if (isEnough(this.items)) return this.items
    try {
      for await (const _ of on(this.#changed, 'added', { signal: AbortSignal.timeout(TIMEOUT_MS) }))
        if (isEnough(this.items)) return this.items
    } catch (cause) {
      throw new Error(`nothing more came; so far: ${JSON.stringify(this.items)}`, { cause })
    }
    return this.items
  }

  async count(count: number): Promise<readonly T[]> {
    return await this.until((items) => items.length >= count)
  }
}
