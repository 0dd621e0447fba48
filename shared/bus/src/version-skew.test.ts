import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseEvent } from './event.ts'
import { readAnswer } from './questions.ts'
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

  it('with a state that this version does not know is degraded, and says so', () => {
    const { state, problems = [] } = read({ ...FIRST, state: 'dreaming' }) ?? {}
    assert.equal(state, 'degraded')
    assert.deepEqual(
      problems.map(({ code, message }) => [
        code,
        /"dreaming", which is no state that this version knows/.test(message),
      ]),
      [['unknown-state', true]],
    )
  })

  it('with problems, remarks and counters of other kinds keeps those that this version knows', () => {
    const newer = {
      ...FIRST,
      problems: [{ id: 7 }, { code: 'a', message: 'b' }, 'text'],
      remarks: [{ text: 'structured' }, 'plain'],
      counters: { hosts: 1, latency: { p50: 1, p99: 7 }, none: null },
    }
    assert.deepEqual(read(newer), {
      ...FIRST,
      problems: [{ code: 'a', message: 'b' }],
      remarks: ['plain'],
      counters: { hosts: 1 },
    })
  })

  it('that is none is left out', () => {
    for (const none of [null, 7, [], {}, { ...FIRST, instance: undefined }, { ...FIRST, service: 'nat66' }])
      assert.equal(read(none), undefined)
  })
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
    const withMore = { ...newer, level: 'fatal', details: { where: { line: 7 } } }
    const { kind, level, details } = parseEvent(JSON.stringify(withMore)) ?? {}
    assert.deepEqual([kind, level, details], ['of-tomorrow', 'info', undefined])
  })
})

describe('an answer of another version', () => {
  const CASES: readonly (readonly [what: string, text: string, expected: unknown])[] = [
    ['with more fields', '{"instance":"a","answer":[1],"trace":"x"}', { instance: 'a', answer: [1] }],
    ['a refusal with more fields', '{"instance":"a","refused":"no","code":7}', { instance: 'a', refused: 'no' }],
    ['an answer that is null', '{"instance":"a","answer":null}', { instance: 'a', answer: null }],
  ]
  for (const [what, text, expected] of CASES) it(what, () => assert.deepEqual(readAnswer(text), expected))

  for (const text of [
    '',
    '{',
    'null',
    '7',
    '[]',
    '{}',
    '{"instance":"a"}',
    '{"answer":1}',
    '{"instance":7,"answer":1}',
  ])
    it(`none: ${text === '' ? 'nothing' : text}`, () =>
      assert.match(readAnswer(text).refused ?? '', /^what it says is no answer: .*are all of one version/))
})
