import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SiteEvent } from './event.ts'
import { eventText, parseEvent } from './event.ts'
import { EventQueue } from './event-queue.ts'

const event = (atMs: number, message = `at ${atMs}`): SiteEvent => ({
  atMs,
  service: 'nat64',
  instance: 'a',
  revision: 1,
  kind: 'problem',
  level: 'warn',
  message,
})

const drained = (queue: EventQueue): SiteEvent[] => {
  const all: SiteEvent[] = []
  for (let next = queue.first; next !== undefined; next = queue.first) {
    all.push(next)
    queue.sent(next)
  }
  return all
}

describe('events that wait for NATS', () => {
  it('come in order, each until it was sent', () => {
    const queue = new EventQueue()
    queue.add(event(1))
    queue.add(event(2))
    assert.equal(queue.first?.atMs, 1)
    assert.equal(queue.first.atMs, 1)
    assert.deepEqual(
      drained(queue).map(({ atMs }) => atMs),
      [1, 2],
    )
  })

  it('are limited: after 60 in a row one in 10 s, and what was left out is told', () => {
    const queue = new EventQueue()
    for (let index = 0; index < 100; index += 1) queue.add(event(1000))
    assert.equal(queue.size, 60)
    queue.add(event(1000 + 9_999))
    assert.equal(queue.size, 60)
    queue.add(event(1000 + 20_000))
    const [told, last] = drained(queue).slice(-2)
    assert.equal(told?.kind, 'events-left-out')
    assert.match(told.message, /^41 events were left out/)
    assert.equal(last?.atMs, 21_000)
  })

  it('are at most 200: the oldest go', () => {
    const queue = new EventQueue()
    for (let index = 0; index < 300; index += 1) queue.add(event(index * 20_000))
    assert.equal(queue.size, 200)
    assert.equal(queue.first?.atMs, 100 * 20_000)
  })

  it('one that was left out while it was sent takes nothing else with it', () => {
    const queue = new EventQueue()
    queue.add(event(0))
    const first = queue.first
    for (let index = 1; index <= 200; index += 1) queue.add(event(index * 20_000))
    assert.ok(first)
    queue.sent(first)
    assert.equal(queue.size, 200)
  })
})

describe('the text of an event', () => {
  it('is read back', () => {
    assert.deepEqual(parseEvent(eventText(event(5))), event(5))
  })

  it('cuts what is too long', () => {
    assert.equal(parseEvent(eventText(event(5, 'x'.repeat(5000))))?.message.length, 2002)
  })

  const ROWS: readonly (readonly [string, string, boolean])[] = [
    ['a field that this version does not know', JSON.stringify({ ...event(1), colour: 'red' }), true],
    ['a field that an older version did not have', JSON.stringify({ ...event(1), revision: undefined }), true],
    ['a level of another version', JSON.stringify({ ...event(1), level: 'critical' }), true],
    ['a service that this version does not know', JSON.stringify({ ...event(1), service: 'mail' }), false],
    ['no event', '{"kind":1}', false],
    ['no JSON', '{', false],
  ]
  for (const [what, text, isRead] of ROWS)
    it(`${what}: ${isRead ? 'is read' : 'is left out'}`, () => assert.equal(parseEvent(text) !== undefined, isRead))
})
