const UNITS = ['', 'k', 'M', 'G', 'T'] as const

const scaled = (value: number, unit: string): string => {
  const power = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3))
  const number = value / 1000 ** power
  return `${power === 0 ? Math.round(number) : number.toPrecision(3)} ${UNITS[power]}${unit}`
}

/** `1.23 GB` */
export const showBytes = (bytes: number): string => scaled(bytes, 'B')

/** Octets per second as `9.87 Mbit/s`. */
export const showRate = (bytesPerS: number): string => scaled(bytesPerS * 8, 'bit/s')

export const showCount = (count: number): string => count.toLocaleString('en')

/** A duration in its largest unit: `3 min`. */
export const showAge = (seconds: number): string => {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** Microseconds as `30.1 ms`. */
export const showTook = (us: number): string => {
  if (us < 1000) return `${us} µs`
  return us < 1_000_000 ? `${(us / 1000).toPrecision(3)} ms` : `${(us / 1_000_000).toPrecision(3)} s`
}

export const showTime = (ms: number): string => new Date(ms).toLocaleString()
