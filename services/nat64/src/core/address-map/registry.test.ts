import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp6 } from '@sixgate/addr'
import { ip4Of, ip6Of, prefix4Of } from '../../testkit/core-lab.ts'
import { Pool } from './pool.ts'
import { type HostId, Registry } from './registry.ts'

const PREF64 = '64:ff9b::/96'
const host = (number: number, pref64 = PREF64): HostId => ({ ip6: ip6Of(`fd00::${number.toString(16)}`), pref64 })
const LIFETIMES = { guaranteedS: 100, keptS: 1000 }

test('each host and each address once; slots are given out again', () => {
  const registry = new Registry(new Uint32Array(2))
  const one = registry.add(host(1), ip4Of('198.18.0.2'), 5) ?? assert.fail()
  assert.equal(registry.add(host(1), ip4Of('198.18.0.3'), 5), undefined, 'host taken')
  assert.equal(registry.add(host(2), ip4Of('198.18.0.2'), 5), undefined, 'address taken')
  assert.ok(registry.add(host(1, '2001:db8::/96'), ip4Of('198.18.0.4'), 5), 'another prefix, another mapping')
  assert.equal(registry.add(host(3), ip4Of('198.18.0.5'), 5), undefined, 'no slot')
  registry.remove(one)
  registry.remove(one)
  assert.equal(registry.holds(one), false)
  assert.equal(registry.ofHost(host(1)), undefined)
  assert.equal(registry.ofIp4(ip4Of('198.18.0.2')), undefined)
  assert.equal(registry.add(host(3), ip4Of('198.18.0.5'), 5)?.slot, one.slot)
  assert.equal(registry.size, 2)
})

test('no candidate when addresses or slots are used up', () => {
  const pool = new Pool([prefix4Of('198.18.0.0/29')], [])
  const registry = new Registry(new Uint32Array(4))
  for (let number = 1; number <= 4; number++) {
    const ip4 = registry.candidate(pool, host(number), new Set()) ?? assert.fail()
    assert.ok(registry.add(host(number), ip4, 0))
  }
  assert.equal(registry.candidate(pool, host(5), new Set()), undefined)
})

test('the longest unused mapping may be reclaimed, but nobody within his guaranteed time', () => {
  const registry = new Registry(new Uint32Array(3))
  const seen = [950, 870, 880]
  for (const [index, seenS] of seen.entries()) registry.add(host(index), ip4Of(`198.18.0.${index + 2}`), seenS)
  assert.equal(registry.reclaimable(960, LIFETIMES), undefined, '90 s idle at most')
  assert.equal(formatIp6(registry.reclaimable(985, LIFETIMES)?.ip6 ?? ip6Of('::')), 'fd00::1')
})

test('mappings are kept for so long, then they expire', () => {
  const registry = new Registry(new Uint32Array(2))
  registry.add(host(1), ip4Of('198.18.0.2'), 0)
  registry.add(host(2), ip4Of('198.18.0.3'), 500)
  assert.equal(registry.expired(1000, LIFETIMES).length, 0)
  assert.deepEqual(
    registry.expired(1001, LIFETIMES).map((mapping) => formatIp6(mapping.ip6)),
    ['fd00::1'],
  )
})

test('tells which hosts were seen since they were last told', () => {
  const registry = new Registry(new Uint32Array(2))
  const one = registry.add(host(1), ip4Of('198.18.0.2'), 100) ?? assert.fail()
  registry.add(host(2), ip4Of('198.18.0.3'), 100)
  registry.lastSeenS[one.slot] = 126
  assert.deepEqual(registry.untold(25), [one])
  one.toldSeenS = 126
  assert.deepEqual(registry.untold(25), [])
})

test('resized: the same mappings, as far as there are slots', () => {
  const registry = new Registry(new Uint32Array(3))
  for (let number = 0; number < 3; number++) registry.add(host(number), ip4Of(`198.18.0.${number + 2}`), number, number)
  const larger = registry.resized(new Uint32Array(9))
  assert.equal(larger.size, 3)
  const two = larger.ofHost(host(2)) ?? assert.fail()
  assert.deepEqual([two.revision, larger.lastSeenS[two.slot]], [2, 2])
  assert.equal(registry.resized(new Uint32Array(1)).size, 1)
})
