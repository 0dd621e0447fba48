import { dropVerdicts } from './counters.ts'
import { EXPLAIN, Verdict } from './verdict.ts'

/** One reason why packets were not translated. */
export interface Drop {
  /** As in the metric `dropped_<reason>_packets_total`. */
  readonly reason: string
  /** Since the start of the instance. */
  readonly packets: number
  /** What was seen, and what to do when something can be done. */
  readonly sentence: string
}

/** Reasons that were met, most packets first; `values` is the array that the data plane counts in. */
export const dropsOf = (values: ArrayLike<number>): Drop[] =>
  dropVerdicts
    .map((name) => ({ reason: name.toLowerCase(), packets: values[Verdict[name]] ?? 0, sentence: EXPLAIN[name] }))
    .filter(({ packets }) => packets > 0)
    .toSorted((a, b) => b.packets - a.packets)
