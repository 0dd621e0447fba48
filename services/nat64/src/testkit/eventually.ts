import assert from 'node:assert/strict'

/** Looks again in every turn of the event loop, for states that nobody announces; fails with `what` after `limitS`. */
export const eventually = async (holds: () => boolean | Promise<boolean>, what: string, limitS = 20): Promise<void> => {
  const deadline = performance.now() + limitS * 1000
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `not within ${limitS} s: ${what}`)
    await new Promise(setImmediate)
  }
}
