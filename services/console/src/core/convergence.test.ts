import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SERVICE_NAMES, type ServiceName, type Status } from '@sixgate/bus/names'
import { conditionOf } from './condition.ts'
import { overviewJson, overviewOf, SILENT_MS } from './convergence.ts'

const NOW_MS = 1_800_000_000_000

const report = (service: ServiceName, more: Partial<Status> = {}): Status => ({
  service,
  instance: 'a',
  version: '0.0.0',
  revision: 3,
  state: 'ok',
  sinceMs: NOW_MS - 60_000,
  problems: [],
  counters: {},
  startedAtMs: NOW_MS - 60_000,
  atMs: NOW_MS,
  ...more,
})

const all = SERVICE_NAMES.map((service) => report(service))

/** All services well, but for what is said of nat64. */
const withNat64 = (...reports: Partial<Status>[]): Status[] => [
  ...all.filter(({ service }) => service !== 'nat64'),
  ...reports.map((more) => report('nat64', more)),
]

describe('convergence', () => {
  const ROWS: readonly (readonly [string, number, readonly Status[], boolean])[] = [
    ['every service ok on the current revision', 3, all, true],
    ['nothing published yet', 0, all, false],
    ['one service is behind', 3, withNat64({ revision: 2 }), false],
    ['one service is ahead (storage was lost)', 3, withNat64({ revision: 9 }), false],
    ['one service is degraded', 3, withNat64({ state: 'degraded' }), false],
    ['one service rejected it', 3, withNat64({ state: 'rejected', revision: 2 }), false],
    ['one service is starting', 3, withNat64({ state: 'starting', revision: 0 }), false],
    ['nothing of one service', 3, withNat64(), false],
    ['one service just not too silent', 3, withNat64({ atMs: NOW_MS - SILENT_MS }), true],
    ['one service is silent', 3, withNat64({ atMs: NOW_MS - SILENT_MS - 1 }), false],
    ['two instances, both well', 3, withNat64({}, { instance: 'b' }), true],
    ['two instances, one behind', 3, withNat64({}, { instance: 'b', revision: 2 }), false],
    ['two instances, one gone: the other does it', 3, withNat64({}, { instance: 'b', atMs: NOW_MS - 9000 }), true],
    [
      'two instances, the one that is left is degraded',
      3,
      withNat64({ state: 'degraded' }, { instance: 'b', atMs: 0 }),
      false,
    ],
    ['nobody reports', 3, [], false],
  ]
  for (const [what, revision, reports, expected] of ROWS) {
    it(`${what}: ${expected}`, () => assert.equal(overviewOf(revision, reports, NOW_MS).isConverged, expected))
  }

  const of = (gateway: string, more: Partial<Status> = {}): Status[] => all.map((one) => ({ ...one, gateway, ...more }))
  const GATEWAYS: readonly (readonly [string, readonly Status[], boolean])[] = [
    ['both gateways are well', [...of('a'), ...of('b')], true],
    ['one gateway is gone', [...of('a'), ...of('b', { atMs: 0 })], false],
    ['nothing of one gateway was ever heard', of('a'), false],
    ['one service of one gateway is gone', [...of('a'), ...of('b').slice(1)], false],
    ['one gateway is behind', [...of('a'), ...of('b', { revision: 2 })], false],
    [
      'one gateway that the document does not have any more is gone',
      [...of('a'), ...of('b'), ...of('c', { atMs: 0 })],
      true,
    ],
    ['machines without a name', all, false],
  ]
  for (const [what, reports, expected] of GATEWAYS) {
    it(`two gateways, ${what}: ${expected}`, () =>
      assert.equal(overviewOf(3, reports, NOW_MS, ['a', 'b']).isConverged, expected))
  }

  it('lists gateway by gateway, also what is missing there', () => {
    const { instances } = overviewOf(3, [...of('b', { instance: 'b-1' }), ...of('a').slice(1)], NOW_MS, ['a', 'b'])
    assert.deepEqual(
      instances.map(({ gateway, service, state }) => `${gateway} ${service} ${state}`),
      [
        ...SERVICE_NAMES.map((service, index) => `a ${service} ${index === 0 ? 'gone' : 'ok'}`),
        ...SERVICE_NAMES.map((service) => `b ${service} ok`),
      ],
    )
  })

  it('lists every service in its order, instances by name', () => {
    const { instances } = overviewOf(3, withNat64({ instance: 'b' }, { instance: 'a' }).toReversed(), NOW_MS)
    assert.deepEqual(
      instances.map(({ service, instance }) => `${service}.${instance}`),
      ['ra-advertiser.a', 'dns64.a', 'nat64.a', 'nat64.b', 'nat44-firewall.a', 'console.a'],
    )
  })

  it('takes what is wrong with the document from the console alone', () => {
    const problems = [{ code: 'document-invalid', message: 'site.yaml:3:1' }]
    assert.equal(overviewOf(3, withNat64({ problems }), NOW_MS).documentProblem, undefined)
    const reports = [...all.slice(0, -1), report('console', { state: 'rejected', problems })]
    assert.equal(overviewOf(3, reports, NOW_MS).documentProblem, 'site.yaml:3:1')
  })
})

describe('status as JSON', () => {
  const json = (revision: number, reports: readonly Status[]) =>
    overviewJson(overviewOf(revision, reports, NOW_MS), (ms) => `t${ms - NOW_MS}`) as {
      document: unknown
      services: { service: string; instances: unknown[] }[]
    }

  it('a service of which nothing reports has no instances', () => {
    const { services } = json(3, withNat64())
    assert.deepEqual(
      services.find(({ service }) => service === 'nat64'),
      { service: 'nat64', instances: [] },
    )
    assert.equal(services.length, SERVICE_NAMES.length)
  })

  it('an instance that fell silent is gone since its last report', () => {
    const { services } = json(3, withNat64({ atMs: NOW_MS - 7000 }))
    assert.deepEqual(services.find(({ service }) => service === 'nat64')?.instances, [
      {
        instance: 'a',
        version: '0.0.0',
        revision: 3,
        state: 'gone',
        since: 't-7000',
        problems: [{ code: 'gone', message: 'it stopped reporting; see: docker compose logs nat64' }],
      },
    ])
  })

  it('says how the document is', () => {
    assert.deepEqual(json(0, []).document, { state: 'unpublished' })
    assert.deepEqual(json(3, all).document, { state: 'published' })
  })
})

describe('the console’s own state', () => {
  const good = { revision: 3, mistake: undefined, reasons: [], failure: undefined, complaint: undefined }
  const ROWS: readonly (readonly [string, Partial<Parameters<typeof conditionOf>[0]>, string, readonly string[]])[] = [
    ['published', {}, 'ok', []],
    ['nothing read yet', { revision: 0 }, 'starting', []],
    ['a mistake', { mistake: 'site.yaml:1:1 x' }, 'rejected', ['document-invalid']],
    ['a mistake, and NATS away', { mistake: 'x', complaint: 'y' }, 'rejected', ['document-invalid', 'not-published']],
    ['NATS was never there', { revision: 0, complaint: 'x', failure: 'y' }, 'degraded', ['not-published']],
    ['put back', { reasons: ['nat64 a: x'] }, 'rejected', ['document-put-back']],
    ['NATS refuses', { failure: 'y' }, 'degraded', ['not-published']],
  ]
  for (const [what, more, state, codes] of ROWS) {
    it(`${what}: ${state}`, () => {
      const condition = conditionOf({ ...good, ...more })
      assert.equal(condition.state, state)
      assert.deepEqual(
        condition.problems.map(({ code }) => code),
        codes,
      )
    })
  }
})
