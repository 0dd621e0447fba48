/** Something that is wrong now and shows in the status (the shape of @sixgate/bus). */
export interface Problem {
  /** Stable and short, for programs. */
  readonly code: string
  /** Which thing, what is wrong, how to fix it. */
  readonly message: string
}
