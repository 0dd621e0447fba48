import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { hasRulesOf } from '../core/listing.ts'
import { accept, ip6, is, type Ruleset } from '../core/nft.ts'
import { buildRuleset } from '../core/ruleset.ts'
import { SCENARIOS, testFacts, testSite } from '../testkit/scenarios.ts'
import { NO_USER_RULES } from '../core/user-rules.ts'
import { takesFlowtable } from './flowtable-self-test.ts'
import { nftGeneration } from './nft-generation.ts'
import { NftTool } from './nft-tool.ts'
import { NftError } from './run-tool.ts'

const skip = enterNamespace()
const directory = mkdtempSync(join(tmpdir(), 'sixgate-nft-'))
after(() => rmSync(directory, { recursive: true }))
const nft = new NftTool(join(directory, 'ruleset.json'))
const goldens = fileURLToPath(new URL('../../testdata/rulesets', import.meta.url))

/** A flowtable is on links, which have to be there. */
const LINKS = ['lan0', 'nat64', 'wan0']
let hasFlowtables = false
before(async () => {
  if (skip !== false) return
  for (const name of LINKS) Namespace.here().ip(`link add ${name} type veth peer name ${name}-far`)
  hasFlowtables = await takesFlowtable(LINKS)
})

for (const file of readdirSync(goldens))
  test(`nft -c takes the golden ruleset ${file}`, { skip }, () => {
    const { status, stderr } = Namespace.here().runSync('nft', '-c', '-j', '-f', join(goldens, file))
    // nft itself reads it well, and only then asks the kernel.
    if (file.startsWith('flowtable') && !hasFlowtables)
      assert.match(stderr, /^internal:0:0-0: Error: Could not process rule/)
    else assert.equal(status, 0, stderr)
  })

for (const { name, site, facts } of SCENARIOS)
  test(`the kernel lists what was loaded: ${name}`, { skip }, async (t) => {
    const ruleset = buildRuleset(site, facts)
    if (ruleset.flowtable !== undefined && !hasFlowtables) {
      t.skip('this kernel has no flowtables; make e2e-vm SUITE=firewall has some that do')
      return
    }
    await nft.load(ruleset, new Map(), undefined)
    const first = (await nft.list()) ?? assert.fail('no table')
    assert.ok(hasRulesOf(first, ruleset))
    // Loaded a second time over the first: one table, the same rules, only handles and counters differ.
    await nft.load(ruleset, new Map([['masquerade', { packets: 3, bytes: 180 }]]), first)
    const second = (await nft.list()) ?? assert.fail('no table')
    assert.equal(second.fingerprint, first.fingerprint)
    if (facts.uplinks.length > 0) assert.deepEqual(second.counts.get('masquerade'), { packets: 3, bytes: 180 })
  })

test("what packets put into the sets of the table is nobody's change, and stays when the rules are replaced", {
  skip,
}, async () => {
  const ruleset = buildRuleset(testSite({ lan: { prefix: '2001:db8:1:2::/64' } }), testFacts())
  await nft.load(ruleset, new Map(), undefined)
  const before = (await nft.list()) ?? assert.fail('no table')
  assert.equal(before.sets.length, 2)
  const flow = '{ 2001:db8:ffff::1 . 2001:db8:1:2::10 . 4000 . 22 }'
  for (const { name } of before.sets) Namespace.here().sh('nft', 'add', 'element', 'inet', 'sixgate', name, flow)
  const filled = (await nft.list()) ?? assert.fail('no table')
  assert.equal(filled.fingerprint, before.fingerprint)
  await nft.load(ruleset, new Map(), filled)
  assert.match(Namespace.here().sh('nft', 'list', 'set', 'inet', 'sixgate', 'unsolicited_seen'), /4000 \. 22/)
})

test('a link name that ends in * stands for one link, not for all that begin so', { skip }, async () => {
  await nft.load(
    buildRuleset(testSite({ lan: { interface: 'lan*' } }), testFacts({ lan: 'lan*' })),
    new Map(),
    undefined,
  )
  // In nft's own words the escaped star is no wildcard.
  assert.match(Namespace.here().sh('nft', 'list', 'chain', 'inet', 'sixgate', 'forward'), /iifname "lan\\\*"/)
})

const BROKEN: Ruleset = {
  user: NO_USER_RULES,
  helpers: [],
  sets: [],
  flowtable: undefined,
  chains: [
    {
      name: 'forward',
      base: undefined,
      rules: [
        {
          id: 'broken',
          text: 'no such thing',
          matches: [{ match: { op: '==', left: { meta: { key: 'mtu' } }, right: 1 } }],
          verdict: { accept: null },
        },
      ],
    },
  ],
}

test('10,000 rules come in one transaction, and go in one', { skip }, async () => {
  const rules = Array.from({ length: 10_000 }, (_, index) => ({
    id: `many-${index}`,
    text: 'one of many',
    matches: [is(ip6.saddr, [`fd00::${index.toString(16)}`])],
    verdict: accept,
  }))
  const base = { type: 'filter', hook: 'forward', prio: 0, policy: 'accept' } as const
  const many: Ruleset = {
    user: NO_USER_RULES,
    helpers: [],
    sets: [],
    flowtable: undefined,
    chains: [{ name: 'forward', base, rules }],
  }
  const generation = (): number => nftGeneration() ?? assert.fail('the kernel does not tell')
  await nft.unload()
  for (const ruleset of [many, buildRuleset(testSite(), testFacts())]) {
    const standing = await nft.list()
    const before = generation()
    await nft.load(ruleset, new Map(), standing)
    // The kernel counts each transaction once.
    assert.equal(generation(), before + 1)
    assert.ok(hasRulesOf((await nft.list()) ?? assert.fail('no table'), ruleset))
  }
})

test('a ruleset that nft refuses changes nothing', { skip }, async () => {
  await nft.load(buildRuleset(testSite(), testFacts()), new Map(), await nft.list())
  const before = (await nft.list())?.fingerprint
  await assert.rejects(nft.load(BROKEN, new Map(), await nft.list()), (error) => {
    assert.ok(error instanceof NftError)
    assert.equal(error.code, 'refused')
    assert.match(error.message, /^nft refused the rules: /)
    return true
  })
  assert.equal((await nft.list())?.fingerprint, before)
})

/** Numbered queues need CONFIG_NFT_QUEUE, which the kernel of the build machines lacks; elsewhere the rule is taken. */
const NEEDS_QUEUE: Ruleset = {
  user: NO_USER_RULES,
  helpers: [],
  sets: [],
  flowtable: undefined,
  chains: [
    {
      name: 'forward',
      base: { type: 'filter', hook: 'forward', prio: 0, policy: 'accept' },
      rules: [{ id: 'queue', text: 'to a program', matches: [], verdict: { queue: { num: 1 } } }],
    },
  ],
}

test('a kernel without an option: nothing changes, and the message says which option to look for', {
  skip,
}, async (t) => {
  await nft.load(buildRuleset(testSite(), testFacts()), new Map(), await nft.list())
  const before = (await nft.list())?.fingerprint
  try {
    await nft.load(NEEDS_QUEUE, new Map(), await nft.list())
    t.skip('this kernel has CONFIG_NFT_QUEUE')
  } catch (error) {
    assert.ok(error instanceof NftError)
    assert.equal(error.code, 'unsupported')
    assert.match(error.message, /^this kernel lacks something that nft needs \(CONFIG_NF_TABLES_INET;/)
    assert.equal((await nft.list())?.fingerprint, before)
  }
})

/** What may stand under our name, and whether its base chains can stay. */
const STANDING: readonly (readonly [what: string, script: string, kept: boolean])[] = [
  [
    'the rules of another version, one chain more',
    'add chain inet sixgate old; add rule inet sixgate old accept',
    true,
  ],
  ['a chain less', 'flush chain inet sixgate forward; delete chain inet sixgate forward', true],
  ['another policy', 'chain inet sixgate forward { policy accept; }', false],
  [
    'another priority',
    'delete chain inet sixgate nat; add chain inet sixgate nat { type nat hook postrouting priority 99; }',
    false,
  ],
  ['a set', 'add set inet sixgate s { type ipv4_addr; }', false],
  ['a sleeping table', 'add table inet sixgate { flags dormant; }', false],
]

for (const [what, script, kept] of STANDING)
  test(`over ${what}: the same rules in the end, base chains ${kept ? 'stay' : 'come anew'}`, { skip }, async () => {
    const ruleset = buildRuleset(testSite(), testFacts())
    await nft.load(ruleset, new Map(), undefined)
    const wanted = Namespace.here().sh('nft', '-s', 'list', 'table', 'inet', 'sixgate').split('\n').toSorted()
    if (what === 'another priority') Namespace.here().sh('nft', 'flush chain inet sixgate nat')
    Namespace.here().sh('nft', script)
    const handle = (): string | undefined =>
      /table inet sixgate \{ # handle (\d+)/.exec(
        Namespace.here().sh('nft', '-a', 'list', 'table', 'inet', 'sixgate'),
      )?.[1]
    const before = handle()
    await nft.load(ruleset, new Map(), await nft.list())
    // Chains may be listed in another order.
    assert.deepEqual(
      Namespace.here().sh('nft', '-s', 'list', 'table', 'inet', 'sixgate').split('\n').toSorted(),
      wanted,
    )
    assert.equal(handle() === before, kept)
  })

test('the table goes, also when it is gone already', { skip }, async () => {
  await nft.load(buildRuleset(testSite(), testFacts()), new Map(), await nft.list())
  await nft.unload()
  assert.equal(await nft.list(), undefined)
  await nft.unload()
  assert.equal(Namespace.here().sh('nft', 'list', 'ruleset'), '')
})
