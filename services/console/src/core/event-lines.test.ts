import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SiteEvent } from '@sixgate/bus/names'
import { colourfulEvent, eventLine, plainEvent } from './event-lines.ts'

const TIME = '2026-01-31 12:00:00'

describe('an event as a line', () => {
  const event: SiteEvent = {
    atMs: 0,
    service: 'nat64',
    instance: 'a',
    revision: 3,
    kind: 'problem',
    level: 'warn',
    message: 'pool4 is used up:\nenlarge it',
  }

  it('has time, service, kind and message', () => {
    assert.equal(
      eventLine(event, TIME, plainEvent),
      '2026-01-31 12:00:00  nat64           problem             pool4 is used up:\n    enlarge it\n',
    )
  })

  it('shows what would steer the terminal, and does not obey it', () => {
    const shown = eventLine({ ...event, kind: 'a\u001bc', message: 'name \u001b]0;x\u0007' }, TIME, plainEvent)
    assert.equal(shown, `${TIME}  nat64           ${String.raw`a\x1bc`.padEnd(18)}  ${String.raw`name \x1b]0;x\x07`}\n`)
  })

  it('is yellow on a terminal when somebody should look', () => {
    assert.equal(
      eventLine({ ...event, message: 'hot' }, TIME, colourfulEvent),
      `\u001b[33m${TIME}  nat64           problem             hot\u001b[0m\n`,
    )
    assert.ok(!eventLine({ ...event, level: 'info' }, TIME, colourfulEvent).includes('\u001b'))
  })
})
