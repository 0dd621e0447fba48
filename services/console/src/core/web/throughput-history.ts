import type { Throughput } from './schemas.ts'

/** Octets that one instance of nat64 carried since it started. */
export interface CarriedTotals {
  readonly outFastPath: number
  readonly outTypescript: number
  readonly inFastPath: number
  readonly inTypescript: number
}

const NOTHING: CarriedTotals = { outFastPath: 0, outTypescript: 0, inFastPath: 0, inTypescript: 0 }

/** The totals in a report of nat64. */
export const carriedOf = (counters: Readonly<Record<string, number>>): CarriedTotals => ({
  outFastPath: counters.fast_path_translated_6to4_bytes_total ?? 0,
  outTypescript: counters.translated_6to4_bytes_total ?? 0,
  inFastPath: counters.fast_path_translated_4to6_bytes_total ?? 0,
  inTypescript: counters.translated_4to6_bytes_total ?? 0,
})

const mapSeries = (value: (name: keyof CarriedTotals) => number): CarriedTotals => ({
  outFastPath: value('outFastPath'),
  outTypescript: value('outTypescript'),
  inFastPath: value('inFastPath'),
  inTypescript: value('inTypescript'),
})

interface Sample {
  readonly atMs: number
  /** undefined: nobody reported. */
  readonly bytes: CarriedTotals | undefined
}

/** A number of intervals of equal length; what is older falls out. */
class Row {
  readonly #samples: Sample[] = []
  readonly intervalMs: number
  readonly #longest: number
  #sum: CarriedTotals | undefined

  constructor(intervalMs: number, longest: number) {
    this.intervalMs = intervalMs
    this.#longest = longest
  }

  add(bytes: CarriedTotals | undefined): void {
    if (bytes === undefined) return
    const sum = this.#sum ?? NOTHING
    this.#sum = mapSeries((name) => sum[name] + bytes[name])
  }

  end(atMs: number): void {
    this.#samples.push({ atMs, bytes: this.#sum })
    this.#sum = undefined
    if (this.#samples.length > this.#longest) this.#samples.shift()
  }

  show(range: Throughput['range']): Throughput {
    const perS = (name: keyof CarriedTotals): (number | null)[] =>
      this.#samples.map(({ bytes }) => (bytes === undefined ? null : (bytes[name] * 1000) / this.intervalMs))
    return {
      range,
      intervalMs: this.intervalMs,
      atMs: this.#samples.map(({ atMs }) => atMs),
      outFastPath: perS('outFastPath'),
      outTypescript: perS('outTypescript'),
      inFastPath: perS('inFastPath'),
      inTypescript: perS('inTypescript'),
    }
  }
}

export const TICK_MS = 2000
const TICKS_PER_MINUTE = 30

/** How much was carried over time: half an hour in steps of 2 s, a day in steps of a minute. In memory only. */
export class ThroughputHistory {
  readonly #recent = new Row(TICK_MS, 900)
  readonly #day = new Row(TICK_MS * TICKS_PER_MINUTE, 1440)
  #known = new Map<string, CarriedTotals>()
  #ticks = 0

  /** To be called every TICK_MS with the totals of each instance that reports. An instance's first totals tell nothing yet. */
  tick(atMs: number, totals: ReadonlyMap<string, CarriedTotals>): void {
    let bytes: CarriedTotals | undefined
    for (const [instance, now] of totals) {
      const before = this.#known.get(instance)
      if (before === undefined) continue
      const sum: CarriedTotals = bytes ?? NOTHING
      // Less than before: it was started anew, and counts from 0.
      bytes = mapSeries((name) => sum[name] + (now[name] >= before[name] ? now[name] - before[name] : now[name]))
    }
    this.#known = new Map(totals)
    this.#recent.add(bytes)
    this.#day.add(bytes)
    this.#recent.end(atMs)
    this.#ticks++
    if (this.#ticks % TICKS_PER_MINUTE === 0) this.#day.end(atMs)
  }

  show(range: Throughput['range']): Throughput {
    return (range === 'recent' ? this.#recent : this.#day).show(range)
  }
}
