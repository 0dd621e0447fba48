import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enterNamespace } from '@sixgate/testkit'
import { watchHost } from './host-watch.ts'

const skip = enterNamespace()
/** DESIGN: drift is repaired within this time; what is left of it is for the look. */
const PROMISED_MS = 3000

test('where nothing tells of a change, everything is looked at so often that it is mended within 3 s', {
  skip,
}, (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  let looks = 0
  const complaints: string[] = []
  const stop = watchHost(
    () => looks++,
    (message) => complaints.push(message),
  )
  t.after(stop)
  // Nobody changes anything in this namespace, and no event is read before the event loop turns.
  t.mock.timers.tick(1999)
  assert.equal(looks, 0)
  t.mock.timers.tick(1)
  assert.equal(looks, 1)
  t.mock.timers.tick(2000)
  assert.equal(looks, 2)
  stop()
  t.mock.timers.tick(2 * PROMISED_MS)
  assert.equal(looks, 2)
  assert.deepEqual(complaints, [])
})
