/** How often another gateway is asked whether it is there, in milliseconds. */
export const ASK_EVERY_MS = 1_000
/** RFC 4861 §7.3.3 gives a neighbour up after MAX_UNICAST_SOLICIT = 3 questions; here hosts change their router, which breaks flows. */
export const UNANSWERED_MAX = 5
/** Each message in the name of a silent gateway goes out so often (RFC 4861 §6.2.5, MAX_FINAL_RTR_ADVERTISEMENTS) … */
const WORDS_MAX = 3
/** … with this between them (§10, MIN_DELAY_BETWEEN_RAS). */
const BETWEEN_WORDS_MS = 3_000

/** What is known of another gateway on one LAN. A value: the functions return the next one. */
export interface Silence {
  /** Questions without a sign of life since. Counted and not timed: after a pause of this machine itself it is one, not many. */
  readonly unanswered: number
  /** A question is under way, which has still to be answered. */
  readonly isAsked: boolean
  readonly askedMs: number | undefined
  /** Messages that were sent in its name since it is silent, and when the last one was. */
  readonly words: number
  readonly spokenMs: number | undefined
}

/** Until it has had its chances to answer, it is taken to be there. */
export const HEARD: Silence = { unanswered: 0, isAsked: false, askedMs: undefined, words: 0, spokenMs: undefined }

export const isSilent = ({ unanswered }: Silence): boolean => unanswered >= UNANSWERED_MAX

/** A look at `nowMs`: whether to ask now. */
export const askAt = (silence: Silence, nowMs: number): { readonly silence: Silence; readonly asks: boolean } => {
  const { askedMs, isAsked } = silence
  // The timer of the looks may be a little early.
  if (askedMs !== undefined && nowMs - askedMs < 0.9 * ASK_EVERY_MS) return { silence, asks: false }
  const unanswered = Math.min(UNANSWERED_MAX, silence.unanswered + (isAsked ? 1 : 0))
  return { silence: { ...silence, unanswered, isAsked: true, askedMs: nowMs }, asks: true }
}

/** A sign of life came. */
export const signOfLife = ({ askedMs }: Silence): Silence => ({ ...HEARD, askedMs })

/** Whether something is to be said in its name at `nowMs`. */
export const speakAt = (silence: Silence, nowMs: number): { readonly silence: Silence; readonly speaks: boolean } => {
  const { words, spokenMs } = silence
  const isTime = spokenMs === undefined || nowMs - spokenMs >= BETWEEN_WORDS_MS
  if (!isSilent(silence) || words >= WORDS_MAX || !isTime) return { silence, speaks: false }
  return { silence: { ...silence, words: words + 1, spokenMs: nowMs }, speaks: true }
}
