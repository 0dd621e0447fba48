import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { InstanceOverview, SiteOverview } from './convergence.ts'
import { colourful, plain, renderStatus, showAge } from './status-table.ts'

const NOW_MS = 1_800_000_000_000

const instance = (more: Partial<InstanceOverview>): InstanceOverview => ({
  service: 'nat64',
  instance: '0123456789ab',
  revision: 12,
  state: 'ok',
  sinceMs: NOW_MS - 3 * 3600 * 1000,
  problems: [],
  ...more,
})

const overview = (more: Partial<SiteOverview>): SiteOverview => ({
  revision: 12,
  documentProblem: undefined,
  instances: [],
  isConverged: true,
  ...more,
})

describe('the table of sixgate status', () => {
  it('aligns its columns, and puts problems with all their lines below their row', () => {
    const instances = [
      instance({ remarks: ['fast path: on, 3 hosts'] }),
      instance({
        service: 'nat44-firewall',
        instance: 'b',
        revision: 9,
        state: 'degraded',
        sinceMs: NOW_MS - 4000,
        problems: [
          { code: 'x', message: 'first line\nsecond line' },
          { code: 'y', message: 'another' },
        ],
      }),
      instance({ service: 'console', instance: undefined, state: 'gone', sinceMs: undefined }),
    ]
    const expected = `site document: revision 12, not well everywhere

SERVICE         INSTANCE      REVISION  STATE     SINCE
nat64           0123456789ab  12 of 12  ok        3 h
    fast path: on, 3 hosts
nat44-firewall  b             9 of 12   degraded  4 s
    first line
    second line
    another
console         -             -         gone      -
`
    assert.equal(renderStatus(overview({ instances, isConverged: false }), NOW_MS, plain), expected)
  })

  it('says who has which version while they differ; one that is gone does not count', () => {
    const lines = (...versions: readonly string[]): string =>
      renderStatus(
        overview({
          instances: [
            ...versions.map((version, index) => instance({ instance: `${index}`, version })),
            instance({ service: 'console', version: '0.1.0' }),
            instance({ service: 'dns64', state: 'gone', version: '0.0.9' }),
          ],
        }),
        NOW_MS,
        plain,
      )
    assert.doesNotMatch(lines('0.1.0', '0.1.0'), /versions/)
    assert.match(lines('0.1.0', '0.2.0'), /\n\nversions differ: 0\.1\.0 \(nat64, console\), 0\.2\.0 \(nat64\)\n$/)
  })

  it('colours the state and nothing else, and stays aligned', () => {
    const coloured = renderStatus(overview({ instances: [instance({})] }), NOW_MS, colourful)
    assert.ok(coloured.includes('\u001b[32mok   \u001b[0m  3 h\n'), coloured)
    const bare = coloured.replaceAll('\u001b[32m', '').replaceAll('\u001b[0m', '')
    assert.equal(bare, renderStatus(overview({ instances: [instance({})] }), NOW_MS, plain))
  })

  const TITLES: readonly (readonly [Partial<SiteOverview>, string])[] = [
    [{}, 'site document: revision 12, in force everywhere'],
    [{ isConverged: false }, 'site document: revision 12, not well everywhere'],
    [{ revision: 0, isConverged: false }, 'no site document was published yet'],
    [
      { isConverged: false, documentProblem: 'x' },
      'site document: revision 12, not well everywhere; a newer one has a mistake, see console',
    ],
    [
      { revision: 0, isConverged: false, documentProblem: 'x' },
      'no site document was published yet: it has a mistake, see console',
    ],
  ]
  for (const [more, title] of TITLES) {
    it(title, () => assert.equal(renderStatus(overview(more), NOW_MS, plain).split('\n')[0], title))
  }
})

describe('ages', () => {
  const ROWS: readonly (readonly [number, string])[] = [
    [-5, '0 s'],
    [0, '0 s'],
    [999, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_599_999, '59 min'],
    [3_600_000, '1 h'],
    [86_399_999, '23 h'],
    [86_400_000, '1 d'],
    [400 * 86_400_000, '400 d'],
  ]
  for (const [ms, text] of ROWS) it(`${ms} ms: ${text}`, () => assert.equal(showAge(ms), text))
})
