import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { formatPrefix, parsePref64, parsePrefix4, parsePrefix6 } from '@sixgate/addr'
import fc from 'fast-check'
import { embedPrefix } from './chain-forward.ts'
import { COMMENT_MAX_BYTES, type Rule, type Ruleset } from './nft.ts'
import { buildRuleset } from './ruleset.ts'
import { SCENARIOS, testFacts, testSite } from '../testkit/scenarios.ts'
import { commentOf, idOfComment, createTable } from './transaction.ts'
import { isGlobal } from './zones.ts'

/** `UPDATE_GOLDEN=1 node --test …` writes the files anew: look at the diff before committing it. */
const UPDATE = process.env['UPDATE_GOLDEN'] === '1'

const golden = (name: string): URL => new URL(`../../testdata/rulesets/${name}.json`, import.meta.url)

/** One object of the transaction per line, so that diffs are readable. */
const layOut = (ruleset: Ruleset): string =>
  `{"nftables":[\n${createTable(ruleset, new Map())
    .nftables.map((object) => JSON.stringify(object))
    .join(',\n')}\n]}\n`

for (const { name, site, facts } of SCENARIOS)
  test(`golden ruleset: ${name}`, () => {
    const text = layOut(buildRuleset(site, facts))
    if (UPDATE) writeFileSync(golden(name), text)
    assert.equal(text, readFileSync(golden(name), 'utf8'))
  })

const rulesOf = (ruleset: Ruleset): readonly Rule[] => ruleset.chains.flatMap((chain) => chain.rules)

test('every rule has an id of its own, and a comment that nft takes and that gives the id back', () => {
  for (const { name, site, facts } of SCENARIOS) {
    const rules = rulesOf(buildRuleset(site, facts))
    assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length, name)
    for (const rule of rules) {
      assert.ok(Buffer.byteLength(commentOf(rule)) <= COMMENT_MAX_BYTES, commentOf(rule))
      assert.equal(idOfComment(commentOf(rule)), rule.id)
    }
  }
})

test('every rule that is loaded bears a comment and one counter, before its verdict', () => {
  for (const { name, site, facts } of SCENARIOS) {
    const { nftables } = createTable(buildRuleset(site, facts), new Map())
    const rules = nftables.flatMap(({ add }) =>
      typeof add === 'object' && add !== null && 'rule' in add ? [add.rule as { comment: string; expr: object[] }] : [],
    )
    assert.ok(rules.length > 50, name)
    for (const { comment, expr } of rules) {
      assert.ok(idOfComment(comment) !== undefined, comment)
      assert.deepEqual(
        expr.flatMap((statement, index) => ('counter' in statement ? [index - expr.length] : [])),
        [-2],
        comment,
      )
    }
  }
})

test('a chain stands before the chains that jump to it', () => {
  for (const { site, facts } of SCENARIOS) {
    const known = new Set<string>()
    for (const chain of buildRuleset(site, facts).chains) {
      for (const { verdict } of chain.rules)
        for (const [, target = ''] of JSON.stringify(verdict).matchAll(/"target":"(\w+)"/g))
          assert.ok(known.has(target))
      known.add(chain.name)
    }
  }
})

test('what may be forwarded or taken by the gateway is listed: the policies are drop', () => {
  for (const { site, facts } of SCENARIOS)
    for (const { base } of buildRuleset(site, facts).chains) if (base?.prio === 0) assert.equal(base.policy, 'drop')
})

test('counters go on counting where a rule keeps its id', () => {
  const { nftables } = createTable(
    buildRuleset(testSite(), testFacts()),
    new Map([['masquerade', { packets: 7, bytes: 9 }]]),
  )
  const text = JSON.stringify(nftables)
  assert.equal(text.match(/"packets":7,"bytes":9/g)?.length, 1)
  assert.match(text, /masquerade: [^{]*"expr":[^]*?\{"counter":\{"packets":7,"bytes":9\}\},\{"masquerade":null\}/)
})

/** RFC 6052 §2.2: where the 32 bits stand, by prefix length; the u-octet is no part of them. */
const EMBEDDED: readonly (readonly [pref64: string, pool4: string, embedded: string])[] = [
  ['2001:db8::/32', '192.0.2.0/24', '2001:db8:c000:200::/56'],
  ['2001:db8:100::/40', '192.0.2.0/24', '2001:db8:1c0:2::/64'],
  ['2001:db8:100::/40', '192.0.2.32/27', '2001:db8:1c0:2:20::/75'],
  ['2001:db8:122::/48', '192.0.0.0/16', '2001:db8:122:c000::/64'],
  ['2001:db8:122::/48', '192.0.2.0/24', '2001:db8:122:c000:2::/80'],
  ['2001:db8:122:300::/56', '192.0.0.0/8', '2001:db8:122:3c0::/64'],
  ['2001:db8:122:300::/56', '192.0.0.0/16', '2001:db8:122:3c0::/80'],
  ['2001:db8:122:344::/64', '192.0.2.0/24', '2001:db8:122:344:c0:2::/96'],
  ['64:ff9b::/96', '192.0.2.0/24', '64:ff9b::c000:200/120'],
]

test('RFC 6052 §2.2: a pool inside each prefix length', () => {
  for (const [pref64Text, pool4Text, embedded] of EMBEDDED) {
    const result = parsePref64(pref64Text)
    assert.ok(result.ok)
    const pool4 = parsePrefix4(pool4Text) ?? assert.fail(pool4Text)
    assert.equal(formatPrefix(embedPrefix(result.pref64, pool4)), embedded)
  }
})

test('RFC 4291 §2.4, 4193: which LAN prefixes may be seen outside', () => {
  for (const [text, global] of [
    ['2000::/64', true],
    ['3fff:ffff:ffff:ffff::/64', true],
    ['4000::/64', false],
    ['fd00:1:2:3::/64', false],
    ['fc00::/64', false],
    ['64:ff9b:1:1::/64', false],
  ] as const)
    assert.equal(isGlobal(parsePrefix6(text) ?? assert.fail(text)), global, text)
})

test('rules depend on nothing but document and facts', () => {
  const linkName = fc.stringMatching(/^[a-z0-9.*-]{1,15}$/).filter((name) => name !== '.' && name !== '..')
  fc.assert(
    fc.property(fc.uniqueArray(linkName, { minLength: 1, maxLength: 4 }), fc.boolean(), ([lan, ...uplinks], routed) => {
      const facts = testFacts({ lan: lan ?? '', uplinks, routedBefore: { ip4: routed, ip6: !routed } })
      assert.equal(layOut(buildRuleset(testSite(), facts)), layOut(buildRuleset(testSite(), facts)))
      // No pattern but Docker's: a `*` at the end of a name stands escaped.
      for (const [quoted] of layOut(buildRuleset(testSite(), facts)).matchAll(/"[^"\\]+\*"/g))
        assert.ok(quoted === '"docker*"' || quoted === '"br-*"', quoted)
    }),
  )
})

test('the page of the console is for the first LAN alone, on its port, and can be off', () => {
  const lans = [{ interface: 'lan1', prefix: 'fd00:1:2:4::/64' }]
  const facts = testFacts({ lan: ['lan0', 'lan1'] })
  const ruleOf = (console: unknown): string | undefined => {
    const rule = rulesOf(buildRuleset(testSite({ lans, console }), facts)).find(({ id }) => id === 'lan-web')
    return rule && JSON.stringify(rule.matches)
  }
  const rule = ruleOf({ port: 9443 })
  assert.ok(rule?.includes('"lan0"') && rule.includes('9443') && !rule.includes('lan1'), rule ?? 'no rule')
  assert.equal(ruleOf({ web: false }), undefined)
})
