import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttemptLimit, isLoopback } from './attempt-limit.ts'
import { IDLE_MS, LONGEST_MS, SessionStore } from './session-store.ts'

test('a session lives while it is used, at most a week, and with its password', () => {
  const sessions = new SessionStore()
  sessions.open('a', 'p', 0)
  assert.equal(sessions.use('b', 'p', 1), false)
  assert.equal(sessions.use('a', 'p', IDLE_MS), true)
  assert.equal(sessions.use('a', 'p', 2 * IDLE_MS), true)
  assert.equal(sessions.use('a', 'p', 3 * IDLE_MS + 1), false)
  assert.equal(sessions.use('a', 'p', 3 * IDLE_MS + 1), false, 'what is over stays over')
  sessions.open('a', 'p', 0)
  for (let ms = 0; ms <= LONGEST_MS; ms += IDLE_MS) assert.equal(sessions.use('a', 'p', ms), true)
  assert.equal(sessions.use('a', 'p', LONGEST_MS + 1), false)
  sessions.open('a', 'p', 0)
  assert.equal(sessions.use('a', 'q', 1), false)
  sessions.open('a', 'p', 0)
  assert.equal(sessions.use('a', undefined, 1), false)
  sessions.open('a', 'p', 0)
  sessions.close('a')
  assert.equal(sessions.use('a', 'p', 1), false)
})

test('of too many sessions the one that was used longest ago ends', () => {
  const sessions = new SessionStore()
  for (let index = 0; index < 50; index++) sessions.open(`s${index}`, 'p', 0)
  sessions.use('s0', 'p', 1)
  sessions.open('new', 'p', 2)
  assert.equal(sessions.use('s0', 'p', 3), true)
  assert.equal(sessions.use('s1', 'p', 3), false)
  assert.equal(sessions.use('new', 'p', 3), true)
})

test('attempts: five at once for a client, then one each 30 s; right ones do not count', () => {
  const limit = new AttemptLimit()
  for (let attempt = 0; attempt < 5; attempt++) assert.equal(limit.take('fd00::1', 1000), 0)
  assert.equal(limit.take('fd00::1', 1000), 30)
  assert.equal(limit.take('fd00::1', 21_000), 10)
  assert.equal(limit.take('fd00::1', 31_000), 0)
  assert.equal(limit.take('fd00::1', 31_000), 30)
  assert.equal(limit.take('fd00::2', 31_000), 0)
  for (let attempt = 0; attempt < 40; attempt++) {
    assert.equal(limit.take('fd00::3', 100_000), 0)
    limit.giveBack('fd00::3', 100_000)
  }
})

test('attempts: a host that changes its address gets no more than 20 at once; loopback is let in all the same', () => {
  const limit = new AttemptLimit()
  for (let host = 0; host < 20; host++) assert.equal(limit.take(`fd00::${host}`, 1000), 0)
  assert.equal(limit.take('fd00::99', 1000), 5)
  assert.equal(limit.take('::1', 1000), 0)
  assert.equal(limit.take('fd00::99', 6000), 0)
  assert.deepEqual(
    ['::1', '127.0.0.1', '::ffff:127.0.0.1', 'fd00::1', '128.0.0.1', '::ffff:10.0.0.1'].map(isLoopback),
    [true, true, true, false, false, false],
  )
})
