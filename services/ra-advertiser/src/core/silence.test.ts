import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ASK_EVERY_MS, askAt, HEARD, isSilent, type Silence, signOfLife, speakAt, UNANSWERED_MAX } from './silence.ts'

/** Looks every second from `fromMs` on, `looks` times. Returns the last value and when it was asked. */
const look = (start: Silence, fromMs: number, looks: number): { silence: Silence; askedMs: number[] } => {
  let silence = start
  const askedMs: number[] = []
  for (let index = 0; index < looks; index++) {
    const step = askAt(silence, fromMs + index * ASK_EVERY_MS)
    silence = step.silence
    if (step.asks) askedMs.push(fromMs + index * ASK_EVERY_MS)
  }
  return { silence, askedMs }
}

test('silent after five unanswered questions, not before', () => {
  const before = look(HEARD, 0, UNANSWERED_MAX)
  assert.equal(before.askedMs.length, UNANSWERED_MAX)
  assert.equal(isSilent(before.silence), false)
  assert.equal(isSilent(look(HEARD, 0, UNANSWERED_MAX + 1).silence), true)
})

test('one answer among them begins anew', () => {
  const heard = signOfLife(look(HEARD, 0, UNANSWERED_MAX).silence)
  assert.equal(isSilent(look(heard, 10_000, UNANSWERED_MAX).silence), false)
  assert.equal(isSilent(look(heard, 10_000, UNANSWERED_MAX + 1).silence), true)
})

test('a silent one answers: it is there at once', () => {
  assert.equal(isSilent(signOfLife(look(HEARD, 0, 100).silence)), false)
})

test('looks that come faster ask no faster', () => {
  let silence = HEARD
  let asked = 0
  for (let nowMs = 0; nowMs < 3000; nowMs += 10) {
    const step = askAt(silence, nowMs)
    silence = step.silence
    if (step.asks) asked++
  }
  assert.ok(asked <= 4, String(asked))
  assert.equal(isSilent(silence), false)
})

test('this machine itself stood still for an hour: that is one question, not many', () => {
  const { silence } = look(HEARD, 0, 2)
  assert.equal(isSilent(askAt(silence, 3_600_000).silence), false)
})

test('three messages in its name, 3 s apart, each time that it is silent; none while it is not', () => {
  assert.equal(speakAt(look(HEARD, 0, 2).silence, 2000).speaks, false)
  const spokenMs = (start: Silence, fromMs: number): number[] => {
    let silence = start
    const times: number[] = []
    for (let nowMs = fromMs; nowMs < fromMs + 60_000; nowMs += 1000) {
      const step = speakAt(silence, nowMs)
      silence = step.silence
      if (step.speaks) times.push(nowMs - fromMs)
    }
    return times
  }
  const { silence } = look(HEARD, 0, 6)
  assert.deepEqual(spokenMs(silence, 6000), [0, 3000, 6000])
  assert.deepEqual(spokenMs(look(signOfLife(silence), 100_000, 6).silence, 106_000), [0, 3000, 6000])
})
