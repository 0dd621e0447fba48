import assert from 'node:assert/strict'
import { test } from 'node:test'
import { METERS } from './nft.ts'
import { buildRuleset, OWN_CHAINS, OWN_SETS } from './ruleset.ts'
import { SCENARIOS, testFacts, testSite } from '../testkit/scenarios.ts'
import { changeTable, createTable } from './transaction.ts'
import { adoptDraft, precheck, type UserChain, type UserRules } from './user-rules.ts'

const PRECHECKS: readonly (readonly [text: string, complaint: RegExp | undefined])[] = [
  ['', undefined],
  ['chain user_forward {\n  ip6 saddr fd00::1 drop\n}\n', undefined],
  ['# } in a comment\nchain user_input { tcp dport 1 drop comment "} {" }\n', undefined],
  ['set s { type ipv4_addr; elements = { 192.0.2.1,\n 192.0.2.2 }; }\n', undefined],
  [
    'chain x {\n type filter hook forward priority 0; policy drop;\n}\n',
    /^a\.nft:2: a chain must have no hook of its own/,
  ],
  ['chain x { type  nat   hook prerouting priority 0; }', /^a\.nft:1: a chain must have no hook/],
  ['chain x { drop }\n}\ntable inet y {\n', /^a\.nft:2: a "\}" too many/],
  ['chain x {\n drop\n', /^a\.nft: a "\}" is missing/],
  ['flush ruleset\n', /^a\.nft:1: only sets, maps and chains/],
  ['chain x { drop }\n  table ip y { }', /^a\.nft:2: only sets/],
  ['include "/etc/nftables.conf"', /^a\.nft:1: only sets/],
]

test('what must not be in a file is found before nft reads it', () => {
  for (const [text, complaint] of PRECHECKS) {
    const found = precheck('a.nft', text)
    if (complaint === undefined) assert.equal(found, undefined, text)
    else assert.match(found ?? 'nothing', complaint)
  }
})

const listed = (...names: readonly string[]): readonly unknown[] => [
  { metainfo: { version: '1.0.6' } },
  { table: { family: 'inet', name: 'sixgate_draft', handle: 1 } },
  ...names.map((name, index) => ({ chain: { family: 'inet', table: 'sixgate_draft', name, handle: index } })),
  { rule: { family: 'inet', table: 'sixgate_draft', chain: names[0] ?? '', handle: 9, expr: [{ drop: null }] } },
  { set: { family: 'inet', table: 'sixgate_draft', name: 's', type: 'ipv4_addr', handle: 3 } },
]

const adopt = (...names: readonly string[]): UserRules => {
  const adopted = adoptDraft(listed(...names), { chains: OWN_CHAINS, sets: OWN_SETS })
  assert.ok(adopted.ok)
  return adopted.rules
}

test('what nft lists of the draft becomes part of our table: sets, chains, rules, without handles', () => {
  assert.deepEqual(adopt('user_input', 'helper'), {
    chains: ['user_input', 'helper'],
    objects: [
      { set: { family: 'inet', table: 'sixgate', name: 's', type: 'ipv4_addr' } },
      { chain: { family: 'inet', table: 'sixgate', name: 'user_input' } },
      { chain: { family: 'inet', table: 'sixgate', name: 'helper' } },
      { rule: { family: 'inet', table: 'sixgate', chain: 'user_input', expr: [{ drop: null }] } },
    ],
  })
})

test('names that are taken, and names that nothing jumps to, are refused', () => {
  const complaint = (name: string): string => {
    const adopted = adoptDraft(listed(name), { chains: OWN_CHAINS, sets: OWN_SETS })
    return adopted.ok ? '' : adopted.complaint
  }
  assert.match(complaint('forward'), /^chain forward: this name is taken/)
  assert.match(complaint('user_foward'), /^chain user_foward: nothing jumps there; .*user_forward/)
  assert.equal(complaint('my_helper'), '')
})

test('the names of our chains and sets are all taken', () => {
  const names = SCENARIOS.flatMap(({ site, facts }) =>
    buildRuleset(site, facts, adopt('user_dnat')).chains.map(({ name }) => name),
  )
  const sets = SCENARIOS.flatMap(({ site, facts }) => buildRuleset(site, facts).sets.map(({ name }) => name))
  assert.deepEqual([...new Set(names)].toSorted(), OWN_CHAINS.toSorted())
  assert.deepEqual([...new Set([...sets, ...METERS])].toSorted(), OWN_SETS.toSorted())
})

/** Where the jump stands: our chain, and how many of our rules come before it. */
const PLACES: Readonly<Record<UserChain, readonly [chain: string, before: number]>> = {
  user_arrivals: ['arrivals', 1],
  user_input: ['input', 0],
  user_forward: ['forward', 0],
  user_departures: ['departures', 1],
  user_dnat: ['dnat', 0],
  user_snat: ['nat', 0],
}

test('each of the named chains is jumped to, and only when it is there', () => {
  for (const [name, [chain, before]] of Object.entries(PLACES)) {
    const { chains } = buildRuleset(testSite(), testFacts(), adopt(name))
    const jumps = chains.flatMap((own) =>
      own.rules.flatMap(({ verdict }, index) =>
        JSON.stringify(verdict).includes(`"${name}"`) ? [[own.name, index] as const] : [],
      ),
    )
    assert.deepEqual(jumps, [[chain, before]])
  }
  const without = JSON.stringify(buildRuleset(testSite(), testFacts()).chains)
  assert.doesNotMatch(without, /"target":"user_/)
})

test('sets of the owner are never added to a table that has them', () => {
  const ruleset = buildRuleset(testSite(), testFacts(), adopt('user_input'))
  const chains = new Map(ruleset.chains.map(({ name, base }) => [name, base]))
  const { nftables } = changeTable(ruleset, new Map(), { chains, plain: true, helpers: [], flowtables: [], sets: [] })
  assert.deepEqual(nftables, createTable(ruleset, new Map()).nftables)
})
