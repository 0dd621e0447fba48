import { setTimeout as delay } from 'node:timers/promises'
import { SLOWNESS } from '@sixgate/testkit'

/** Far more than anything here takes: only a real failure ends it. */
const LIMIT_MS = Math.max(60_000, 20_000 * SLOWNESS)
const LOOK_EVERY_MS = 5

/** Waits until `look` returns something other than undefined and false, and returns it. Throws with `what` after a minute, on slow machines later. */
export const until = async <T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> => {
  const endMs = performance.now() + LIMIT_MS
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > endMs) throw new Error(`${LIMIT_MS} ms passed without: ${what}`)
    await delay(LOOK_EVERY_MS)
  }
}
