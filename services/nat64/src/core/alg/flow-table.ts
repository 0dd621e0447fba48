import type { Ends, Flow } from './flow.ts'

/** Connections at once, and of one host: nobody may use up the room of all. */
export const MAX_FLOWS = 4096
export const MAX_FLOWS_OF_HOST = 256
/** How often those that ended are looked for, at most. */
const SWEEP_MS = 10_000

const hashOf = ({ local4, remote4, localPort, remotePort }: Ends): number =>
  Math.imul(Math.imul(local4, 0x9e3779b1) ^ remote4, 0x85ebca6b) ^ ((localPort << 16) | remotePort)

/** The connections whose payload is looked at: a bounded number. */
export class FlowTable {
  readonly #flows = new Map<number, Flow[]>()
  readonly #ofHost = new Map<number, number>()
  #size = 0
  #sweptMs = Number.NEGATIVE_INFINITY

  get size(): number {
    return this.#size
  }

  *[Symbol.iterator](): Generator<Flow> {
    for (const bucket of this.#flows.values()) yield* bucket
  }

  find(ends: Ends): Flow | undefined {
    return this.#flows.get(hashOf(ends))?.find((flow) => flow.is(ends))
  }

  /** Puts a flow in, instead of one with the same ends. False when there is no room. */
  add(flow: Flow, nowMs: number): boolean {
    this.remove(flow)
    this.#sweep(nowMs)
    if (this.#isFull(flow)) return false
    const hash = hashOf(flow)
    const bucket = this.#flows.get(hash)
    if (bucket === undefined) this.#flows.set(hash, [flow])
    else bucket.push(flow)
    this.#ofHost.set(flow.local4, (this.#ofHost.get(flow.local4) ?? 0) + 1)
    this.#size += 1
    return true
  }

  #isFull(ends: Ends): boolean {
    return this.#size >= MAX_FLOWS || (this.#ofHost.get(ends.local4) ?? 0) >= MAX_FLOWS_OF_HOST
  }

  remove(ends: Ends): void {
    const hash = hashOf(ends)
    const bucket = this.#flows.get(hash)
    const index = bucket?.findIndex((flow) => flow.is(ends)) ?? -1
    if (bucket === undefined || index < 0) return
    for (const gone of bucket.splice(index, 1)) gone.release()
    if (bucket.length === 0) this.#flows.delete(hash)
    const left = (this.#ofHost.get(ends.local4) ?? 1) - 1
    if (left === 0) this.#ofHost.delete(ends.local4)
    else this.#ofHost.set(ends.local4, left)
    this.#size -= 1
  }

  /** Forgets what ended; looks at most every 10 s. */
  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < SWEEP_MS) return
    this.#sweptMs = nowMs
    for (const flow of [...this.#flows.values()].flat()) if (flow.isExpired(nowMs)) this.remove(flow)
  }
}
