const UNITS = ['', 'k', 'M', 'G', 'T', 'P'] as const

/** In the largest unit that leaves a number of at least 1, with three digits: `1.23 GB`. What rounds up to 1000 is 1 of the next. */
export const withPrefix = (value: number, unit: string): string => {
  let [number, power] = [value, 0]
  while (power < UNITS.length - 1 && Number(number.toPrecision(3)) >= 1000) {
    number /= 1000
    power += 1
  }
  const isWhole = power === 0 || number >= 999.5
  return `${isWhole ? Math.round(number) : number.toPrecision(3)} ${UNITS[power]}${unit}`
}

/** Microseconds as `30.1 ms`. */
export const showMicroseconds = (us: number): string => {
  if (us < 999.5) return `${Math.round(us)} µs`
  return us < 999_500 ? `${(us / 1000).toPrecision(3)} ms` : `${(us / 1_000_000).toPrecision(3)} s`
}
