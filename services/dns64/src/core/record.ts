/** The section a record stands in. */
export const Section = { ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 2 } as const
export type Section = (typeof Section)[keyof typeof Section]

/** Where a record lies in its message; every offset from the start of the message. */
export interface RecordRef {
  readonly section: Section
  readonly nameAt: number
  readonly type: number
  readonly class: number
  readonly ttlAt: number
  readonly ttlS: number
  readonly rdataAt: number
  readonly rdataLen: number
  readonly endAt: number
}
