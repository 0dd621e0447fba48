import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asIp4, formatPrefix, mask4 } from '@sixgate/addr'
import {
  addressMapConfig,
  eam,
  HOST_A,
  ip4Of,
  ip6Of,
  type LabOptions,
  pref64Of,
  prefix4Of,
} from '../testkit/core-lab.ts'
import { offsetOf } from './fast-path-layout.ts'
import { fastPathPlan, takesHost } from './fast-path-plan.ts'
import { DEFAULT_SETTINGS } from './xlate.ts'

const planOf = (map: LabOptions['map'] = {}) => fastPathPlan(addressMapConfig({ map }), DEFAULT_SETTINGS, 1500)
const hostA = { ip6: ip6Of(HOST_A.ip6), ip4: asIp4(ip4Of(HOST_A.ip4)), pref: 0 }

test('prefixes of 96 bits have a place, the others are left to TypeScript', () => {
  const pref64 = ['2001:db8::/32', '64:ff9b::/96', '2001:db8:64::/64', '2001:db8:64::/96'].map(pref64Of)
  const plan = planOf({ pref64 })
  assert.deepEqual(plan.places, [-1, 0, -1, 1])
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((pref) => takesHost(plan, { ...hostA, pref })),
    [false, true, false, true, false],
  )
})

test('no more prefixes than the program has room for', () => {
  const pref64 = Array.from({ length: 10 }, (_, index) => pref64Of(`2001:db8:${index}::/96`))
  assert.deepEqual(planOf({ pref64 }).places, [0, 1, 2, 3, 4, 5, 6, 7, -1, -1])
})

test('an explicit map that reaches into a prefix goes first: the prefix is left to TypeScript', () => {
  for (const prefix6 of ['64:ff9b::c000:200/120', '64:ff9b::/64'])
    assert.deepEqual(planOf({ eams: [eam(prefix6, '198.51.100.0/24')] }).places, [-1], prefix6)
  assert.deepEqual(planOf({ eams: [eam('2001:db8::/120', '198.51.100.0/24')] }).places, [0])
})

test('a host that an explicit map covers, on either side, is left to TypeScript', () => {
  for (const one of [eam(`${HOST_A.ip6}/128`, '198.51.100.1/32'), eam('2001:db8:2::/120', '198.18.0.0/24')])
    assert.equal(takesHost(planOf({ eams: [one] }), hostA), false)
  assert.equal(takesHost(planOf({ eams: [eam('2001:db8:2::/128', '198.51.100.1/32')] }), hostA), true)
})

/** As bpf/lib/maps.h does it. */
const isMarked = (config: Uint8Array, ip4: number): boolean => {
  const net = (ip4 >>> 24) | (((ip4 >>> 16) & 0xff) << 8)
  const word = new DataView(config.buffer).getUint32(offsetOf('config', 'special_nets') + (net >>> 5) * 4, true)
  return ((word >>> (net & 31)) & 1) === 1
}

test('the /16 that the list of special addresses reaches into are marked, and no others', () => {
  const forbidden4 = ['203.0.113.1/32', '10.0.0.0/8', '192.168.128.0/17', '172.16.0.0/12'].map(prefix4Of)
  const { config, special4 } = planOf({ forbidden4 })
  for (let net = 0; net < 65_536; net++) {
    const isReached = special4.some(({ addr, lenBits }) => {
      const mask = mask4(Math.min(16, lenBits))
      return (((net << 16) ^ addr) & mask) === 0
    })
    assert.equal(
      isMarked(config, (net << 16) >>> 0),
      isReached,
      formatPrefix(prefix4Of(`${net >>> 8}.${net & 255}.0.0/16`)),
    )
  }
})

test('addresses that only TypeScript may judge', () => {
  const specialOf = (map: LabOptions['map']) => planOf(map).special4.map(formatPrefix)
  const always = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4']
  assert.deepEqual(specialOf({}), [...always, '198.18.0.0/24', '198.18.0.1/32'])
  const forbidden4 = [prefix4Of('203.0.113.1/32')]
  const special = specialOf({ forbidden4, eams: [eam('2001:db8::/120', '198.51.100.0/24')] })
  assert.deepEqual(special, [...always, '203.0.113.1/32', '198.18.0.0/24', '198.18.0.1/32', '198.51.100.0/24'])
  assert.ok(specialOf({ wellKnownPrefixPolicy: 'strict' }).includes('10.0.0.0/8'))
  assert.ok(!specialOf({ wellKnownPrefixPolicy: 'allow-private' }).includes('10.0.0.0/8'))
  // RFC 6052 §3.1 is about 64:ff9b::/96 only.
  const own = specialOf({ wellKnownPrefixPolicy: 'strict', pref64: [pref64Of('2001:db8:64::/96')] })
  assert.ok(!own.includes('10.0.0.0/8'))
})
