/** Whether a figure that is taken again and again stays where it is. */

/** What a figure may grow by, over the time it is looked at, before that counts: the larger of both. */
export interface Allowance {
  /** Of the median: 0.05 = 5 %. */
  readonly share: number
  /** In the figure's own unit. */
  readonly least: number
}

export interface Trend {
  readonly median: number
  readonly first: number
  readonly last: number
  /** From the first sample to the last, along the line of `slope`. */
  readonly growth: number
  readonly allowed: number
  readonly isFlat: boolean
}

const medianOf = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** Per sample, of samples that are equally far apart: the median of the slopes between any two (Theil and Sen), which single outliers do not bend. */
const slope = (values: readonly number[]): number =>
  medianOf(values.flatMap((value, at) => values.slice(at + 1).map((later, step) => (later - value) / (step + 1))))

/** Judges a series of at least three samples, equally far apart. It is flat when it does not grow by more than is allowed; it may fall. */
export const trendOf = (values: readonly number[], { share, least }: Allowance): Trend => {
  if (values.length < 3) throw new RangeError(`${values.length} samples: a trend needs at least three`)
  const median = medianOf(values)
  const growth = slope(values) * (values.length - 1)
  const allowed = Math.max(Math.abs(median) * share, least)
  const [first = median, last = median] = [values[0], values.at(-1)]
  return { median, first, last, growth, allowed, isFlat: growth <= allowed }
}
