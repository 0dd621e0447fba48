import { withPrefix } from '../../src/core/si.ts'

export { showMicroseconds as showTook } from '../../src/core/si.ts'

/** `1.23 GB` */
export const showBytes = (bytes: number): string => withPrefix(bytes, 'B')

/** Octets per second as `9.87 Mbit/s`. */
export const showRate = (bytesPerS: number): string => withPrefix(bytesPerS * 8, 'bit/s')

export const showCount = (count: number): string => count.toLocaleString('en')

/** A duration in its largest unit: `3 min`. */
export const showAge = (seconds: number): string => {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

export const showTime = (ms: number): string => new Date(ms).toLocaleString()
