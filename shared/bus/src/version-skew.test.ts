import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseEvent } from './event.ts'
import { parseStatus } from './status.ts'

/** A report as the first version sent it: it knew neither `refused` nor `remarks`. */
const FIRST = {
  service: 'nat64',
  instance: '974ac03524ad',
  version: '0.1.0',
  revision: 3,
  state: 'ok',
  sinceMs: 1_795_653_540_000,
  problems: [],
  counters: { hosts: 1, translated_6to4_packets_total: 12 },
  startedAtMs: 1_795_653_539_000,
  atMs: 1_795_653_562_000,
}

const read = (value: unknown) => parseStatus(new TextEncoder().encode(JSON.stringify(value)))

// While one service after the other is replaced, two versions talk to each other.
describe('a report of another version', () => {
  it('of the first one is read', () => assert.deepEqual(read(FIRST), FIRST))

  it('with fields of a newer one is read, without them', () => {
    const newer = {
      ...FIRST,
      version: '0.2.0',
      uptime: '3 days',
      problems: [{ code: 'x', message: 'y', since: 7 }],
      counters: { ...FIRST.counters, tomorrow_total: 1 },
    }
    const { uptime: _uptime, ...known } = newer
    assert.deepEqual(read(newer), { ...known, problems: [{ code: 'x', message: 'y' }] })
  })

  it('with a state that this version does not know is left out, like a service that is silent', () =>
    assert.equal(read({ ...FIRST, state: 'dreaming' }), undefined))
})

describe('an event of another version', () => {
  it('of a kind and with fields of a newer one is read', () => {
    const newer = {
      atMs: 1,
      service: 'nat64',
      instance: 'a',
      kind: 'of-tomorrow',
      level: 'info',
      message: 'm',
      trace: 'x',
    }
    assert.equal(parseEvent(JSON.stringify(newer))?.kind, 'of-tomorrow')
  })
})
