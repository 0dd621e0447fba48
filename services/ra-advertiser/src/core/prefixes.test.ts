import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatPrefix, parseIp6, parsePrefix6, type Prefix6 } from '@sixgate/addr'
import fc from 'fast-check'
import {
  followPrefixes,
  interfacePrefixes,
  NO_PREFIXES,
  type PrefixRecord,
  recordFromJson,
  recordToJson,
  STALE_FOR_MS,
} from './prefixes.ts'

const prefix = (text: string): Prefix6 => parsePrefix6(text) ?? assert.fail(text)
const A = prefix('fd00:a::/64')
const B = prefix('fd00:b::/64')
const C = prefix('fd00:c::/64')
const staleOf = ({ stale }: PrefixRecord): string[] => stale.map((one) => `${formatPrefix(one.prefix)} ${one.sinceMs}`)

/** The record after each change: [at ms, prefixes]. */
const after = (...changes: readonly (readonly [number, readonly Prefix6[]])[]): PrefixRecord =>
  changes.reduce((record, [nowMs, current]) => followPrefixes(record, current, nowMs), NO_PREFIXES)

describe('RFC 9096 §3.5: what was advertised before', () => {
  const cases: readonly (readonly [string, PrefixRecord, string[]])[] = [
    ['nothing before', after([0, [A]]), []],
    ['the same again', after([0, [A]], [5, [A]]), []],
    ['another one', after([0, [A]], [5, [B]]), ['fd00:a::/64 5']],
    ['after 90 min no longer', after([0, [A]], [5, [B]], [5 + STALE_FOR_MS, [B]]), []],
    ['a moment before still', after([0, [A]], [5, [B]], [4 + STALE_FOR_MS, [B]]), ['fd00:a::/64 5']],
    ['two changes', after([0, [A]], [5, [B]], [9, [C]]), ['fd00:a::/64 5', 'fd00:b::/64 9']],
    ['back again', after([0, [A]], [5, [B]], [9, [A]]), ['fd00:b::/64 9']],
    ['one of two goes', after([0, [A, B]], [5, [B]]), ['fd00:a::/64 5']],
    ['the clock was set back', after([0, [A]], [10_000, [B]], [7, [B]]), ['fd00:a::/64 7']],
  ]
  for (const [name, record, expected] of cases) it(name, () => assert.deepEqual(staleOf(record), expected))

  it('survives the file', () => {
    const record = after([0, [A, C]], [5, [B]])
    assert.deepEqual(recordFromJson(JSON.parse(JSON.stringify(recordToJson(record)))), record)
  })

  it('whatever is in the file, a record comes out', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void recordFromJson(value)))
    assert.deepEqual(recordFromJson({ current: ['x', 'fd00:a::/64'], stale: [{ prefix: 'fd00:b::/64' }] }), {
      current: [A],
      stale: [],
    })
  })
})

describe('prefixes of the interface', () => {
  const address = (ip: string, more = {}) => ({
    ip: parseIp6(ip) ?? assert.fail(ip),
    lenBits: 64,
    tentative: false,
    dadFailed: false,
    preferredLifetimeS: 600,
    validLifetimeS: 1200,
    ...more,
  })
  const of = (...addresses: ReturnType<typeof address>[]) =>
    interfacePrefixes(addresses, A, 1_000_000).map((one) => [
      formatPrefix(one.prefix),
      one.validUntilMs,
      one.preferredUntilMs,
    ])
  const cases: readonly (readonly [string, unknown, unknown])[] = [
    ['none', of(), []],
    ['the site prefix is not one of them', of(address('fd00:a::1')), []],
    ['link-local neither', of(address('fe80::1')), []],
    ['a delegated one, with its ends', of(address('2001:db8::1')), [['2001:db8::/64', 2_200_000, 1_600_000]]],
    [
      'without end',
      of(address('2001:db8::1', { preferredLifetimeS: 0xffffffff, validLifetimeS: 0xffffffff })),
      [['2001:db8::/64', undefined, undefined]],
    ],
    [
      'deprecated: preferred lifetime 0',
      of(address('2001:db8::1', { preferredLifetimeS: 0 })),
      [['2001:db8::/64', 2_200_000, 0]],
    ],
    ['no /64', of(address('2001:db8::1', { lenBits: 128 })), []],
    ['still being checked', of(address('2001:db8::1', { tentative: true })), []],
    ['taken by another node', of(address('2001:db8::1', { dadFailed: true })), []],
    [
      'the longer of two',
      of(address('2001:db8::1'), address('2001:db8::2', { preferredLifetimeS: 100, validLifetimeS: 9000 })),
      [['2001:db8::/64', 10_000_000, 1_600_000]],
    ],
  ]
  for (const [name, found, expected] of cases) it(name, () => assert.deepEqual(found, expected))
})
