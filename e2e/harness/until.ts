import { setTimeout as delay } from 'node:timers/promises'

/** Something that should have happened and did not, with what was last seen instead. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
}

/**
 * Asks `probe` again and again until it returns something other than undefined, and returns that.
 * `probe` may throw: that counts as "not yet", and the last error is told when the deadline passes.
 * @param what ends the sentence "did not happen within N s: …"
 */
export async function until<T>(what: string, deadlineS: number, probe: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + deadlineS * 1000
  let last = ''
  do {
    try {
      const value = await probe()
      if (value !== undefined) return value
    } catch (error) {
      last = error instanceof Error ? error.message : String(error)
    }
    await delay(100)
  } while (performance.now() < end)
  throw new DeadlineError(`did not happen within ${deadlineS} s: ${what}${last === '' ? '' : `\nlast: ${last}`}`)
}

/** `until` for a yes/no condition. */
export async function untilTrue(what: string, deadlineS: number, probe: () => Promise<boolean>): Promise<void> {
  await until(what, deadlineS, async () => ((await probe()) ? true : undefined))
}
