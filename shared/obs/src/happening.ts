/** Something that happened once, for the site's owner. */
export interface Happening {
  /** Stable and short, for programs: `takeover`. */
  readonly kind: string
  /** `warn`: somebody should look. `info` when absent. */
  readonly level?: 'info' | 'warn'
  /** A sentence for people. */
  readonly message: string
  /** What it is about, flat. */
  readonly details?: Readonly<Record<string, string | number | boolean>>
}

export type TellHappening = (happening: Happening) => void
