/**
 * `disconnected`: NATS is away; `timeout`: no answer, it is unknown whether a write was done; `missing`: NATS says that there
 * is no such bucket; `unserved`: nobody in NATS answers for it, it may be missing or not; `refused`: the permissions of this
 * service do not allow it; `failed`: all else, see `cause`.
 */
export type KvErrorCode = 'disconnected' | 'timeout' | 'missing' | 'unserved' | 'refused' | 'failed'

/** A key-value call that did not work. The message says which bucket and key. */
export class KvError extends Error {
  readonly code: KvErrorCode

  constructor(code: KvErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'KvError'
    this.code = code
  }
}
