import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ServiceName, Status } from '@sixgate/bus/names'
import { judgeTrial, type Trial, wellServices } from './trial.ts'

const NOW_MS = 1_800_000_000_000
const OTHERS: readonly ServiceName[] = ['ra-advertiser', 'dns64', 'nat64', 'nat44-firewall']

const report = (service: ServiceName, more: Partial<Status> = {}): Status => ({
  service,
  instance: 'a',
  version: '1.0.0',
  revision: 8,
  state: 'ok',
  sinceMs: 0,
  problems: [],
  counters: {},
  startedAtMs: 0,
  atMs: NOW_MS - 1000,
  ...more,
})

const all = (...changed: readonly Status[]): Status[] => [
  ...OTHERS.filter((name) => !changed.some(({ service }) => service === name)).map((name) => report(name)),
  ...changed,
]

const trial = (more: Partial<Trial> = {}): Trial => ({
  revision: 8,
  text: 'new',
  previous: 'old',
  wellBefore: new Set(OTHERS),
  endsMs: NOW_MS + 10_000,
  ...more,
})

it('the services of each gateway are judged by themselves', () => {
  const of = (gateway: string, more: Partial<Status> = {}): Status[] =>
    OTHERS.map((service) => report(service, { gateway, ...more }))
  const sick = of('b', { state: 'degraded' })
  const before = wellServices([...of('a'), ...sick], NOW_MS)
  assert.deepEqual(
    [...before],
    OTHERS.map((service) => `${service} of gateway a`),
  )
  const ended = trial({ wellBefore: before, endsMs: NOW_MS - 1 })
  assert.equal(judgeTrial(ended, [...of('a'), ...sick], NOW_MS).kind, 'confirmed')
  assert.equal(judgeTrial(ended, [...sick, ...of('a', { state: 'degraded' })], NOW_MS).kind, 'failed')
  assert.deepEqual(judgeTrial(ended, sick, NOW_MS), {
    kind: 'failed',
    reasons: OTHERS.map((service) => `${service} of gateway a: nothing of it reports any more`),
  })
})

const problem = { code: 'upstream-loop', message: 'revision 8: dns64.upstreams[0]: is dns64 itself' }
const refusing = report('dns64', { state: 'rejected', revision: 7, refused: 8, problems: [problem] })
const degraded = report('nat64', { state: 'degraded', problems: [{ code: 'x', message: 'no TUN' }] })
const OVER = { endsMs: NOW_MS - 1 }

/** What, trial, reports, outcome. */
const TABLE: readonly (readonly [string, Trial, readonly Status[], string, (readonly string[])?])[] = [
  ['all are well with it', trial(), all(), 'confirmed'],
  ['one still runs the one before', trial(), all(report('nat64', { revision: 7 })), 'running'],
  ['one is not well yet', trial(), all(degraded), 'running'],
  ['one refuses it', trial(), all(refusing), 'failed', ['dns64 a: revision 8: dns64.upstreams[0]: is dns64 itself']],
  ['one refused another', trial(), all(report('dns64', { state: 'rejected', revision: 6, refused: 7 })), 'running'],
  [
    'one of two instances refuses it',
    trial(),
    [...all(), { ...refusing, instance: 'b' }],
    'failed',
    ['dns64 b: revision 8: dns64.upstreams[0]: is dns64 itself'],
  ],
  ['one is not well at the end', trial(OVER), all(degraded), 'failed', ['nat64 a: no TUN']],
  ['one does not follow until the end', trial(OVER), all(report('nat64', { revision: 7 })), 'failed', ['nat64 a: ok']],
  [
    'one is gone at the end',
    trial(OVER),
    all(report('nat64', { atMs: 0 })),
    'failed',
    ['nat64: nothing of it reports any more'],
  ],
  ['one was not well before either', trial({ ...OVER, wellBefore: new Set(['dns64']) }), all(degraded), 'confirmed'],
  ['nobody reports yet', trial({ wellBefore: new Set() }), [], 'running'],
  ['nobody was well before', trial({ ...OVER, wellBefore: new Set() }), [], 'confirmed'],
  [
    'one that was not well has yet to take it',
    trial({ wellBefore: new Set() }),
    all(report('nat64', { revision: 7 })),
    'running',
  ],
  [
    'an instance that is gone does not count beside one that lives',
    trial(),
    [...all(), report('nat64', { instance: 'b', atMs: 0, revision: 7 })],
    'confirmed',
  ],
  ['the console is not asked', trial(), [...all(), report('console', { state: 'rejected', refused: 8 })], 'confirmed'],
]

describe('a document under trial', () => {
  for (const [what, under, reports, kind, reasons] of TABLE)
    it(`${what}: ${kind}`, () => {
      assert.deepEqual(judgeTrial(under, reports, NOW_MS), reasons === undefined ? { kind } : { kind, reasons })
    })

  it('who is well', () => {
    const reports = [...all(degraded), report('dns64', { instance: 'b', state: 'starting' }), report('console')]
    assert.deepEqual([...wellServices(reports, NOW_MS)].toSorted(), ['nat44-firewall', 'ra-advertiser'])
    assert.deepEqual(wellServices([report('nat64', { atMs: 0 })], NOW_MS), new Set())
  })
})
