import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPrefix } from '@sixgate/addr'
import { parseSite } from '@sixgate/site'
import { planFrom } from './plan.ts'

const sources = (nat64: Readonly<Record<string, unknown>>): string[] => {
  const site = parseSite({
    lan: { interface: 'lan0', prefix: 'fd00:1::/64' },
    lans: [{ interface: 'lan0', vlan: 7, prefix: 'fd00:7::/64' }],
    pref64: ['64:ff9b::/96'],
    nat64: { pool4: ['198.18.0.0/16'], ...nat64 },
  })
  return planFrom(site, []).map.sources6.map(formatPrefix)
}

test('sources: auto is the prefixes of all LANs; a list is taken as written', () => {
  assert.deepEqual(sources({}), ['fd00:1::/64', 'fd00:7::/64'])
  assert.deepEqual(sources({ sources: ['2001:db8::/32'] }), ['2001:db8::/32'])
})

const lansFor = (fastPath: string, firewall = {}): readonly unknown[] => {
  const site = parseSite({
    lan: { interface: 'lan0', prefix: 'fd00:1::/64' },
    lans: [{ interface: 'lan0', vlan: 7, prefix: 'fd00:7::/64' }],
    pref64: ['64:ff9b::/96'],
    nat64: { pool4: ['198.18.0.0/16'], fastPath },
    firewall,
  })
  const { fastPathLans, notAtLans } = planFrom(site, [])
  return [fastPathLans, notAtLans]
}

test('the fast path at the LANs: when it is asked for, and nobody is blocked', () => {
  assert.deepEqual(lansFor('auto'), [[], undefined])
  assert.deepEqual(lansFor('off'), [[], undefined])
  assert.deepEqual(lansFor('lan'), [['lan0', 'lan0.7'], undefined])
  const blocks = [{ host: '00:00:5e:00:53:01' }]
  assert.deepEqual(lansFor('lan', { blocks }), [['lan0', 'lan0.7'], 'firewall.blocks has entries'])
})
