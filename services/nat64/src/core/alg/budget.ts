/** Bytes that all connections together hold or keep at most. */
export const MAX_KEPT_BYTES = 32 * 1024 * 1024

/** What connections share: whoever fills it up gets nothing new through, what is under way goes on. */
export class Budget {
  readonly limitBytes: number
  usedBytes = 0

  constructor(limitBytes = MAX_KEPT_BYTES) {
    this.limitBytes = limitBytes
  }

  get isSpent(): boolean {
    return this.usedBytes > this.limitBytes
  }
}
