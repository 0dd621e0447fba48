import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SCENARIOS } from '../testkit/scenarios.ts'
import { parseListing } from './listing.ts'
import { cutsLoopback } from './loopback.ts'
import { buildRuleset } from './ruleset.ts'
import { createTable } from './transaction.ts'

/** As nft lists what a transaction made; `keep`: which rules stand. */
const listed = (ruleset: ReturnType<typeof buildRuleset>, keep: (comment: string) => boolean) => {
  const { nftables } = createTable(ruleset, new Map())
  const objects = nftables.flatMap(({ add }) => (typeof add === 'object' && add !== null ? [add] : []))
  const rule = (object: object) => ('rule' in object ? (object.rule as { comment: string }) : undefined)
  return parseListing(JSON.stringify({ nftables: objects.filter((object) => keep(rule(object)?.comment ?? '')) }))
}

test('no ruleset cuts off loopback; each does once the rule for it, or every rule, is gone', () => {
  for (const { name, site, facts } of SCENARIOS) {
    const ruleset = buildRuleset(site, facts)
    assert.equal(cutsLoopback(listed(ruleset, () => true)), false, name)
    assert.equal(cutsLoopback(listed(ruleset, (comment) => comment === '')), true, name)
    assert.equal(cutsLoopback(listed(ruleset, (comment) => !comment.startsWith('other-input: '))), true, name)
  }
})

test('no table, and a chain that takes everything, cut off nothing', () => {
  assert.equal(cutsLoopback(undefined), false)
  const base = { family: 'inet', table: 'sixgate', name: 'input', type: 'filter', hook: 'input', prio: 0 }
  assert.equal(
    cutsLoopback(parseListing(JSON.stringify({ nftables: [{ chain: { ...base, policy: 'accept' } }] }))),
    false,
  )
})
