/** That no rule is without its packets: the ids of all generated rules, against the ids that the tests with packets name. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { buildRuleset } from './core/ruleset.ts'
import { SCENARIOS } from './testkit/scenarios.ts'

const PACKET_TESTS = [
  'packets',
  'policy-packets',
  'passage-packets',
  'known-flow-packets',
  'unsolicited-packets',
  'flowtable-packets',
]

/** Rules of one kind differ by numbers: ports, and which of several it is. */
const kindOf = (id: string): string => id.replaceAll(/-\d+/g, '')

const named = new Set(
  PACKET_TESTS.flatMap((file) => {
    const text = readFileSync(new URL(`${file}.test.ts`, import.meta.url), 'utf8')
    return [...text.matchAll(/'([a-z][a-z0-9-]+)'/g)].map(([, id = '']) => kindOf(id))
  }),
)

test('every kind of rule has a test that sends packets to it', () => {
  const kinds = SCENARIOS.flatMap(({ site, facts }) =>
    buildRuleset(site, facts).chains.flatMap(({ rules }) => rules.map(({ id }) => kindOf(id))),
  )
  assert.ok(new Set(kinds).size > 100)
  assert.deepEqual(
    [...new Set(kinds)].filter((kind) => !named.has(kind)),
    [],
  )
})
