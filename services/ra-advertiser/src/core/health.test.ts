import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  areReportsHeard,
  dns64Works,
  judge,
  nat64Works,
  type Report,
  seenWorking,
  SILENT_MS,
  type Verdict,
  WELL,
} from './health.ts'
import { hasUplink } from './uplink.ts'

const HYSTERESIS = { downAfterMs: 30_000, upAfterMs: 10_000 }

/** What is believed after each of these observations: [at second, seen]. */
const beliefs = (
  observations: readonly (readonly [number, boolean | undefined])[],
  from: Verdict = WELL,
): boolean[] => {
  let verdict = from
  return observations.map(([second, seen]) => {
    verdict = judge(verdict, seen, second * 1000, HYSTERESIS)
    return verdict.well
  })
}

describe('hysteresis', () => {
  const UNWELL: Verdict = { well: false, otherwiseSinceMs: undefined }
  const cases: readonly (readonly [string, Verdict, readonly (readonly [number, boolean | undefined])[], boolean[]])[] =
    [
      [
        'well: down only after 30 s',
        WELL,
        [
          [0, false],
          [29.9, false],
          [30, false],
        ],
        [true, true, false],
      ],
      [
        'well: a break begins the time anew',
        WELL,
        [
          [0, false],
          [20, true],
          [21, false],
          [50, false],
          [51, false],
        ],
        [true, true, true, true, false],
      ],
      [
        'unwell: up after 10 s',
        UNWELL,
        [
          [0, true],
          [9.9, true],
          [10, true],
        ],
        [false, false, true],
      ],
      [
        'unwell: a break begins the time anew',
        UNWELL,
        [
          [0, true],
          [5, false],
          [6, true],
          [15, true],
          [16, true],
        ],
        [false, false, false, false, true],
      ],
      [
        'NATS away: what is believed stays, for ever',
        WELL,
        [
          [0, undefined],
          [100_000, undefined],
        ],
        [true, true],
      ],
      [
        'NATS away: the time begins anew when it is back',
        WELL,
        [
          [0, false],
          [29, undefined],
          [31, false],
          [60, false],
          [61, false],
        ],
        [true, true, true, true, false],
      ],
    ]
  for (const [name, from, observations, expected] of cases)
    it(name, () => assert.deepEqual(beliefs(observations, from), expected))

  it('changes at most once in each time span, whatever is seen', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(5000), fc.option(fc.boolean(), { nil: undefined }))), (steps) => {
        let [nowMs, changedMs, verdict] = [0, 0, WELL]
        for (const [passedMs, seen] of steps) {
          nowMs += passedMs
          const next = judge(verdict, seen, nowMs, HYSTERESIS)
          if (next.well !== verdict.well) {
            assert.ok(nowMs - changedMs >= (verdict.well ? HYSTERESIS.downAfterMs : HYSTERESIS.upAfterMs))
            changedMs = nowMs
          }
          verdict = next
        }
      }),
    )
  })
})

const report = (more: Partial<Report> = {}): Report => ({
  service: 'nat64',
  state: 'ok',
  problems: [],
  receivedMs: 100_000,
  ...more,
})
const problem = (code: string, message = code): Report['problems'] => [{ code, message }]

describe('which reports say that something works', () => {
  const ROUTER = 'fd00::1'
  const dns64 = (more: Partial<Report>): boolean => dns64Works(ROUTER)(report({ service: 'dns64', ...more }))
  const cases: readonly (readonly [string, boolean, boolean])[] = [
    ['nat64 ok', nat64Works(report()), true],
    ['nat64 starting', nat64Works(report({ state: 'starting' })), false],
    ['nat64 stopping', nat64Works(report({ state: 'stopping' })), false],
    ['nat64 rejected: the document before is in force', nat64Works(report({ state: 'rejected' })), true],
    ['nat64 without TUN', nat64Works(report({ state: 'degraded', problems: problem('tun-lost') })), false],
    ['nat64 with a full pool', nat64Works(report({ state: 'degraded', problems: problem('pool-exhausted') })), true],
    ['dns64 is not nat64', nat64Works(report({ service: 'dns64' })), false],
    ['dns64 ok', dns64({}), true],
    ['dns64 without upstream', dns64({ state: 'degraded', problems: problem('upstream-silent') }), false],
    [
      'dns64 not on the LAN',
      dns64({ state: 'degraded', problems: problem('listen-failed', 'dns64.listen: fd00::1 port 53/udp: x') }),
      false,
    ],
    [
      'dns64 not on loopback',
      dns64({
        state: 'degraded',
        problems: problem('listen-port-taken', 'dns64.listen: 127.0.0.1 port 53/udp is taken'),
      }),
      true,
    ],
    [
      'dns64 not on a similar address',
      dns64({ state: 'degraded', problems: problem('listen-failed', 'dns64.listen: fd00::12 port 53/udp: x') }),
      true,
    ],
  ]
  for (const [name, works, expected] of cases) it(name, () => assert.equal(works, expected))
})

describe('what is seen of a service', () => {
  const now = 100_000 + SILENT_MS
  const cases: readonly (readonly [string, readonly Report[], number | undefined, boolean | undefined])[] = [
    ['one of two works', [report({ receivedMs: now, state: 'starting' }), report({ receivedMs: now })], 0, true],
    ['none works', [report({ receivedMs: now, state: 'starting' })], 0, false],
    ['its last report is too old', [report({ receivedMs: 100_000 })], 0, false],
    ['its last report is nearly too old', [report({ receivedMs: 100_001 })], 0, true],
    ['it never reported', [], 0, false],
    ['it never reported, but NATS was not there long enough', [], now - SILENT_MS + 1, undefined],
    ['NATS is away', [report({ receivedMs: now })], undefined, undefined],
  ]
  for (const [name, reports, sinceMs, expected] of cases)
    it(name, () => assert.equal(seenWorking(reports, nat64Works, sinceMs, now), expected))
})

describe('whether reports are heard', () => {
  const ROWS: readonly (readonly [string, number | undefined, boolean])[] = [
    ['none of this instance came back yet', undefined, false],
    ['its last one came back a moment ago', 99_000, true],
    ['two are missing', 95_000, true],
    ['three are missing', 94_000, false],
  ]
  for (const [what, echoMs, expected] of ROWS)
    it(`${what}: ${expected}`, () => assert.equal(areReportsHeard(echoMs, 100_000), expected))
})

describe('uplink', () => {
  const LINKS = [
    { index: 1, name: 'eth0', running: true },
    { index: 2, name: 'lan0', running: true },
    { index: 3, name: 'wwan0', running: false },
  ]
  const via = (ifindex: number, more = {}) => ({
    dst: { lenBits: 0 },
    type: 1,
    nextHops: [{ ifindex, dead: false }],
    ...more,
  })
  const cases: readonly (readonly [string, string, ReturnType<typeof via>[], boolean])[] = [
    ['a default route', 'auto', [via(1)], true],
    ['none', 'auto', [via(1, { dst: { lenBits: 8 } })], false],
    ['only to the LAN', 'auto', [via(2)], false],
    ['over a link without carrier', 'auto', [via(3)], false],
    ['a blackhole', 'auto', [via(1, { type: 6, nextHops: [] })], false],
    ['a dead next hop', 'auto', [via(1, { nextHops: [{ ifindex: 1, dead: true }] })], false],
    ['over the named link', 'eth0', [via(1)], true],
    ['over another than the named link', 'wwan0', [via(1)], false],
  ]
  for (const [name, wan, routes, expected] of cases)
    it(name, () => assert.equal(hasUplink(wan, ['lan0'], LINKS, routes), expected))
})
