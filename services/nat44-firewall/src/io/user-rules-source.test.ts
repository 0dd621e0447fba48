import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { buildRuleset } from '../core/ruleset.ts'
import { testFacts, testSite } from '../testkit/scenarios.ts'
import { NftTool } from './nft-tool.ts'
import { UserRulesSource } from './user-rules-source.ts'

const skip = enterNamespace()
const base = mkdtempSync(join(tmpdir(), 'sixgate-user-rules-'))
after(() => rmSync(base, { recursive: true }))

let directories = 0
const source = (files: Readonly<Record<string, string>>) => {
  const directory = join(base, `nft.d-${directories++}`)
  mkdirSync(directory)
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text)
  for (const [name, text] of Object.entries(files)) write(name, text)
  return { directory, write, rules: new UserRulesSource(directory) }
}

const GOOD = `
set blocked {
  type ipv6_addr
  elements = { fd00:1:2:3::66 }
}
chain user_forward {
  ip6 saddr @blocked counter drop comment "not after ten"
  iifname "lan0" tcp dport vmap { 25 : drop, 465 : jump mail }
  meta hour "22:00"-"23:00" jump mail
}
chain mail {
  limit rate 5/second log prefix "mail " accept
}
`

test('files are read, loaded with ours, and leave no draft behind', { skip }, async () => {
  const { rules } = source({ '10-good.nft': GOOD, 'README.md': 'not read' })
  await rules.read(0)
  assert.equal(rules.complaint, undefined)
  assert.deepEqual(rules.rules.chains, ['user_forward', 'mail'])
  assert.doesNotMatch(Namespace.here().sh('nft', 'list', 'tables'), /draft/)
  const nft = new NftTool(join(base, 'ruleset.json'))
  const ruleset = buildRuleset(testSite(), testFacts(), rules.rules)
  for (let turn = 0; turn < 2; turn++) await nft.load(ruleset, new Map(), await nft.list())
  const text = Namespace.here().sh('nft', '-s', 'list', 'table', 'inet', 'sixgate')
  assert.match(text, /chain forward \{\n.*\n\t\tcounter jump user_forward comment "user-forward: the owner's rules"/)
  assert.match(text, /ip6 saddr @blocked counter drop comment "not after ten"/)
  assert.match(text, /elements = \{ fd00:1:2:3::66 \}/)
  await nft.unload()
})

/** What is wrong, and what the owner is told. */
const MISTAKES: readonly (readonly [what: string, text: string, complaint: RegExp])[] = [
  ['a syntax error', 'chain user_forward {\n  ip6 saddr drop\n}\n', /20-bad\.nft:2:\d+-\d+: Error: syntax error/],
  ['an unknown set', 'chain user_forward {\n  ip saddr @nosuch drop\n}\n', /20-bad\.nft:2:.*/],
  [
    'a hook',
    'chain x { type filter hook input priority 0; policy drop; }\n',
    /20-bad\.nft:1: a chain must have no hook/,
  ],
  ['a name that nothing jumps to', 'chain user_ouput { drop; }\n', /chain user_ouput: nothing jumps there/],
  ['a name of ours', 'chain forward { drop; }\n', /chain forward: this name is taken/],
  ['a set of ours', 'set unsolicited_seen { type ipv6_addr; }\n', /set unsolicited_seen: this name is taken/],
  [
    'an expression that nft prints but does not read',
    'chain user_forward {\n  meta l4proto udp ct original proto-dst { 5, 6 } accept\n}\n',
    /Could not resolve service/,
  ],
]

for (const [what, text, complaint] of MISTAKES)
  test(`${what}: said with its place, and the rules before it stay`, { skip }, async () => {
    const { rules, write } = source({ '10-good.nft': GOOD })
    await rules.read(0)
    const before = rules.rules
    write('20-bad.nft', text)
    await rules.read(0)
    assert.match(rules.complaint ?? 'no complaint', complaint)
    assert.equal(rules.rules, before)
    assert.equal(Namespace.here().sh('nft', 'list', 'ruleset'), '', 'nothing was loaded')
    write('20-bad.nft', '')
    await rules.read(0)
    assert.equal(rules.complaint, undefined)
  })

test('no directory, and files that go, mean no rules', { skip }, async () => {
  const nowhere = new UserRulesSource(join(base, 'nowhere'))
  await nowhere.read(0)
  assert.deepEqual(nowhere.rules.objects, [])
  const { rules, directory } = source({ '10-good.nft': GOOD })
  await rules.read(0)
  assert.notDeepEqual(rules.rules.objects, [])
  rmSync(join(directory, '10-good.nft'))
  await rules.read(0)
  assert.deepEqual(rules.rules.objects, [])
})
