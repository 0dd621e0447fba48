import { setTimeout as delay } from 'node:timers/promises'
import { SLOWNESS } from '@sixgate/testkit'

const PAUSE_MS = 100

/** Something that should have happened and did not, with what was last seen instead. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
}

/**
 * Asks `probe` again and again until it returns something other than undefined, and returns that.
 * `probe` may throw: that counts as "not yet", and the last error is told when the deadline passes.
 * Deadlines are those of real machines; emulated ones have SLOWNESS times as long.
 * @param what ends the sentence "did not happen within N s: …"
 * @param pauseMs before it is asked again; also times SLOWNESS, so that the question leaves the processor to what is waited for
 */
export async function until<T>(
  what: string,
  deadlineS: number,
  probe: () => Promise<T | undefined>,
  pauseMs = PAUSE_MS,
): Promise<T> {
  const patienceS = deadlineS * SLOWNESS
  const end = performance.now() + patienceS * 1000
  let last = ''
  do {
    try {
      const value = await probe()
      if (value !== undefined) return value
    } catch (error) {
      last = error instanceof Error ? error.message : String(error)
    }
    await delay(pauseMs * SLOWNESS)
  } while (performance.now() < end)
  throw new DeadlineError(`did not happen within ${patienceS} s: ${what}${last === '' ? '' : `\nlast: ${last}`}`)
}

/** `until` for a yes/no condition. */
export async function untilTrue(
  what: string,
  deadlineS: number,
  probe: () => Promise<boolean>,
  pauseMs = PAUSE_MS,
): Promise<void> {
  await until(what, deadlineS, async () => ((await probe()) ? true : undefined), pauseMs)
}
