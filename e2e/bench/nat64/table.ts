/** The figures of one measure: a list per variant, one figure a round. */
export interface Measure {
  readonly name: string
  readonly unit: string
  /** Variant name → its figures. */
  readonly figures: Map<string, number[]>
}

export const median = (figures: readonly number[]): number => {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

/** The value below which this part of `values` lies; NaN of none. */
export const percentile = (values: readonly number[], part: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

/** Median of the ratios within each round: what drifts from round to round drops out. */
export const ratio = (measure: Measure, a: string, b: string): number => {
  const [of, to] = [measure.figures.get(a) ?? [], measure.figures.get(b) ?? []]
  return median(of.map((figure, round) => figure / (to[round] ?? Number.NaN)))
}

const show = (value: number): string =>
  Number.isNaN(value) ? '–' : value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)

/** `median (min–max)` per variant, a row per measure. */
export const renderTable = (measures: readonly Measure[], variants: readonly string[]): string => {
  const cell = (figures: readonly number[]): string =>
    figures.length === 0
      ? '–'
      : `${show(median(figures))} (${show(Math.min(...figures))}–${show(Math.max(...figures))})`
  const rows = measures.map((measure) => [
    `${measure.name}, ${measure.unit}`,
    ...variants.map((variant) => cell(measure.figures.get(variant) ?? [])),
  ])
  return aligned([['median (min–max)', ...variants], ...rows])
}

/** Columns of equal width, the first flush left, the others flush right. */
export const aligned = (rows: readonly (readonly string[])[]): string => {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const pad = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}
