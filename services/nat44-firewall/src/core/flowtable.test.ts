import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testFacts, testSite } from '../testkit/scenarios.ts'
import { fastRules, flowtable, flowtableCandidates } from './flowtable.ts'
import { buildRuleset } from './ruleset.ts'
import type { SiteChanges } from '../testkit/scenarios.ts'
import { USER_CHAINS, type UserRules } from './user-rules.ts'
import type { Facts } from './zones.ts'

const ALL = ['lan0', 'nat64', 'wan0']
const LEGS = ['fast-nat64-out', 'fast-nat64-in', 'fast-lan-out', 'fast-lan-in']
const OWNERS = (chain: string): UserRules => ({ chains: [chain], objects: [] })

const CASES: readonly (readonly [
  what: string,
  site: SiteChanges,
  facts: Partial<Facts>,
  legs: readonly string[],
  devices: readonly string[] | undefined,
])[] = [
  ['a kernel that takes none', {}, { flowtableLinks: [] }, [], undefined],
  ['all links', {}, { flowtableLinks: ALL }, LEGS, ALL],
  ['all links, and no eBPF program', { nat64: { fastPath: 'off' } }, { flowtableLinks: ALL }, LEGS, ALL],
  ['no translator yet', {}, { flowtableLinks: ['lan0', 'wan0'] }, ['fast-lan-out', 'fast-lan-in'], ['lan0', 'wan0']],
  ['no uplink', {}, { uplinks: [], flowtableLinks: ['lan0', 'nat64'] }, [], undefined],
  [
    'no uplink, and no eBPF program',
    { nat64: { fastPath: 'off' } },
    { uplinks: [], flowtableLinks: ['lan0', 'nat64'] },
    ['fast-lan-out', 'fast-lan-in'],
    ['lan0', 'nat64'],
  ],
  [
    'a block cuts known flows of the LAN: only the other leg is short',
    { firewall: { blocks: [{ host: 'fd00:1:2:3::66' }] } },
    { flowtableLinks: ALL },
    ['fast-nat64-out', 'fast-nat64-in'],
    ['nat64', 'wan0'],
  ],
  [
    'an IPv4 LAN is an inner link',
    { firewall: { lan4: [{ interface: 'eth1', prefix: '192.168.8.0/24' }] } },
    { flowtableLinks: ['eth1', ...ALL] },
    LEGS,
    ['eth1', ...ALL],
  ],
]

for (const [what, changes, facts, legs, devices] of CASES)
  test(`which flows may skip the rules: ${what}`, () => {
    const [site, known] = [testSite(changes), testFacts(facts)]
    const none = { chains: [], objects: [] }
    assert.deepEqual(
      fastRules(site, known, none).map(({ id }) => id),
      legs,
    )
    assert.deepEqual(flowtable(site, known, none)?.devices, devices)
  })

test("chains of the owner that are promised known flows keep everybody's packets in the rules", () => {
  const facts = testFacts({ flowtableLinks: ALL })
  const sees = Object.keys(USER_CHAINS).filter((chain) => flowtable(testSite(), facts, OWNERS(chain)) === undefined)
  assert.deepEqual(sees, ['user_arrivals', 'user_forward', 'user_departures'])
})

test('what the eBPF program may give back goes to the LAN by the chains; a flowtable that had such flows goes with them', () => {
  const facts = testFacts({ flowtableLinks: ALL })
  const none = { chains: [], objects: [] }
  const tables = (['auto', 'off'] as const).map((fastPath) => {
    const site = testSite({ nat64: { fastPath } })
    const legs = fastRules(site, facts, none).filter(({ id }) => id.startsWith('fast-lan'))
    assert.equal(legs.length, 2)
    for (const leg of legs) assert.equal(JSON.stringify(leg.matches).includes('"nat64"'), fastPath === 'off', leg.id)
    return flowtable(site, facts, none)
  })
  assert.notEqual(tables[0]?.name, tables[1]?.name)
})

test('the document says off: the kernel is not even asked', () => {
  assert.deepEqual(flowtableCandidates(testSite({ firewall: { flowtable: 'off' } }), 'lan0', ['wan0']), [])
  assert.deepEqual(flowtableCandidates(testSite(), ['lan1', 'lan0'], ['wan0']), ['lan0', 'lan1', 'nat64', 'wan0'])
})

test('a packet that goes back to the link that it came from is on no leg, and what cuts known flows comes before', () => {
  const { chains } = buildRuleset(
    testSite({ firewall: { blocks: [{ host: 'fd00:1:2:3::66' }] } }),
    testFacts({ flowtableLinks: ALL }),
  )
  const ids = chains.find(({ name }) => name === 'forward')?.rules.map(({ id }) => id) ?? []
  const at = (id: string): number => ids.indexOf(id)
  assert.ok(at('forward-rh0') < at('fast-nat64-out') && at('block-1') < at('fast-nat64-out'))
  assert.equal(at('fast-nat64-in') + 1, at('forward-established'))
  for (const rule of fastRules(testSite(), testFacts({ flowtableLinks: ALL }), { chains: [], objects: [] })) {
    const [from, to] = rule.matches.map((match) => JSON.stringify(match))
    for (const link of ALL) assert.ok(!(from?.includes(`"${link}"`) && to?.includes(`"${link}"`)), rule.id)
  }
})
