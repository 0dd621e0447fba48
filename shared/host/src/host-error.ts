import { type ErrnoName, errnoName, errnoText } from './errno.ts'

/**
 * A system call that the kernel refused. The message says what was tried and why it failed:
 * `open /dev/net/tun: Operation not permitted (EPERM)`.
 */
export class HostError extends Error {
  readonly code: ErrnoName
  /** The positive error number, e.g. 19 for ENODEV. */
  readonly errno: number

  constructor(attempt: string, errno: number, cause?: unknown) {
    super(`${attempt}: ${errnoText(errno)} (${errnoName(errno)})`, { cause })
    this.name = 'HostError'
    this.code = errnoName(errno)
    this.errno = errno
  }
}

/** Passes a result ≥ 0 on; throws `HostError` for a negative one (−errno, as the calls in `libc` return it). */
export const must = (result: number, attempt: string): number => {
  if (result < 0) throw new HostError(attempt, -result)
  return result
}
