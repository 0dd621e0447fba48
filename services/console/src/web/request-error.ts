/** Ends a request with an answer of its own. */
export class RequestError extends Error {
  readonly status: number
  readonly code: string
  readonly retryAfterS: number | undefined

  /** `message`: where, what came, what is allowed, what to do. */
  constructor(status: number, code: string, message: string, retryAfterS?: number) {
    super(message)
    this.name = 'RequestError'
    this.status = status
    this.code = code
    this.retryAfterS = retryAfterS
  }
}
