/** Counters by name, Prometheus style: `queries_total`, `cache_entries`. All names exist from the start, at 0. */
export class Counters<Name extends string> {
  readonly #values: Record<Name, number>

  constructor(names: readonly Name[]) {
    this.#values = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>
  }

  add(name: Name, amount = 1): void {
    this.#values[name] += amount
  }

  /** For gauges: what is true now, instead of what happened so far. */
  set(name: Name, value: number): void {
    this.#values[name] = value
  }

  /** A copy, for `Service.counters()`. */
  snapshot(): Record<Name, number> {
    return { ...this.#values }
  }
}
