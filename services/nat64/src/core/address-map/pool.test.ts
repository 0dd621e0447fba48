import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp4, type Ip4 } from '@sixgate/addr'
import { ip4Of, ip6Of, prefix4Of } from '../../testkit/core-lab.ts'
import { kernelAddress4, ownAddress4, Pool } from './pool.ts'

const all = (pool: Pool): string[] => {
  const given = new Set<Ip4>()
  for (;;) {
    const ip4 = pool.find(ip6Of('fd00::1'), '64:ff9b::/96', (candidate) => !given.has(candidate))
    if (ip4 === undefined) return [...given].toSorted((a, b) => a - b).map(formatIp4)
    given.add(ip4)
  }
}

test('gives out every address but the first two and the last of each prefix, and those of static hosts', () => {
  const pool = new Pool([prefix4Of('198.18.0.0/29'), prefix4Of('192.0.2.8/29')], [ip4Of('198.18.0.4')])
  assert.deepEqual(all(pool), [
    '192.0.2.10',
    '192.0.2.11',
    '192.0.2.12',
    '192.0.2.13',
    '192.0.2.14',
    '198.18.0.2',
    '198.18.0.3',
    '198.18.0.5',
    '198.18.0.6',
  ])
  assert.equal(pool.size, 9)
  for (const [ip4, isIn] of [
    ['198.18.0.1', false],
    ['198.18.0.2', true],
    ['198.18.0.4', false],
    ['198.18.0.7', false],
    ['198.18.0.8', false],
  ] as const)
    assert.equal(pool.has(ip4Of(ip4)), isIn, ip4)
  assert.equal(formatIp4(kernelAddress4([prefix4Of('198.18.0.0/29')])), '198.18.0.0')
  assert.equal(formatIp4(ownAddress4([prefix4Of('198.18.0.0/29')])), '198.18.0.1')
})

test('a prefix too small for a host has none', () => {
  assert.equal(new Pool([prefix4Of('198.18.0.0/31')], []).size, 0)
  assert.deepEqual(all(new Pool([prefix4Of('198.18.0.0/30')], [])), ['198.18.0.2'])
  assert.deepEqual(all(new Pool([], [])), [])
})

test('a host is always tried with the same address first, another one with another', () => {
  const pool = new Pool([prefix4Of('10.0.0.0/8')], [])
  const first = (host: string, pref64 = '64:ff9b::/96'): number | undefined =>
    pool.find(ip6Of(host), pref64, () => true)
  assert.equal(first('fd00::1'), first('fd00::1'))
  const hosts = Array.from({ length: 1000 }, (_, index) => `fd00::${(index + 1).toString(16)}`)
  assert.ok(new Set(hosts.map((host) => first(host))).size > 990, 'neighbouring hosts start far apart')
  assert.notEqual(first('fd00::1'), first('fd00::1', '2001:db8::/96'))
})
