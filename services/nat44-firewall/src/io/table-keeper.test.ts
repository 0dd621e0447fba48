/** What somebody changes in the very moment in which rules are loaded: between the load and the look that remembers how nft lists them. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { buildRuleset } from '../core/ruleset.ts'
import { testFacts, testSite } from '../testkit/scenarios.ts'
import { nftGeneration, nextGeneration } from './nft-generation.ts'
import { NftTool } from './nft-tool.ts'
import { TableKeeper } from './table-keeper.ts'

const skip = enterNamespace()
const directory = mkdtempSync(join(tmpdir(), 'sixgate-keeper-'))
after(() => rmSync(directory, { recursive: true }))
afterEach(() => {
  if (skip === false) Namespace.here().sh('nft', 'flush', 'ruleset')
})

const RULES = buildRuleset(testSite(), testFacts())
const table = (): string => Namespace.here().sh('nft', '-s', 'list', 'table', 'inet', 'sixgate')
/** Base chains that come anew may be listed in another order. */
const sorted = (text: string): string => text.split('\n').toSorted().join('\n')

/** nft, and somebody who is there first: before the load, or behind it. */
class Raced extends NftTool {
  readonly #commands: string[]
  readonly #when: 'before' | 'behind'
  loads = 0

  constructor(when: 'before' | 'behind', ...commands: readonly string[]) {
    super(join(directory, 'ruleset.json'))
    this.#when = when
    this.#commands = [...commands]
  }

  override async load(...args: Parameters<NftTool['load']>): Promise<void> {
    const command = this.#commands.shift()
    if (command !== undefined && this.#when === 'before') Namespace.here().sh('sh', '-c', command)
    await super.load(...args)
    this.loads++
    if (command !== undefined && this.#when === 'behind') Namespace.here().sh('sh', '-c', command)
  }
}

const HANDLE = `nft -a list chain inet sixgate forward | sed -n 's/.*forward-established.* # handle //p'`
const BEHIND: readonly (readonly [what: string, command: string])[] = [
  ['a policy', 'nft chain inet sixgate forward "{ policy accept; }"'],
  [
    'a rule that keeps its comment',
    `nft replace rule inet sixgate forward handle $(${HANDLE}) counter drop comment '"forward-established: known flows"'`,
  ],
  ['a set more', 'nft add set inet sixgate s "{ type ipv4_addr; }"'],
  ['a table that sleeps', 'nft add table inet sixgate "{ flags dormant; }"'],
  ['a rule less', `nft delete rule inet sixgate forward handle $(${HANDLE})`],
]

for (const [what, command] of BEHIND)
  test(`changed right behind the load: ${what}: mended by the next look, and said`, { skip }, async () => {
    await new TableKeeper(new Raced('behind')).keep(RULES)
    const wanted = sorted(table())
    Namespace.here().sh('nft', 'flush', 'ruleset')
    const keeper = new TableKeeper(new Raced('behind', command))
    assert.equal(await keeper.keep(RULES), 'loaded')
    assert.notEqual(sorted(table()), wanted)
    assert.equal(await keeper.keep(RULES), 'repaired')
    assert.equal(sorted(table()), wanted)
    assert.equal(await keeper.keep(RULES), 'unchanged')
  })

test('changed right before the load: a table that sleeps from then on is woken by the next look, and said', {
  skip,
}, async () => {
  const first = new TableKeeper(new Raced('before'))
  await first.keep(RULES)
  const wanted = sorted(table())
  // Over what a predecessor left.
  const keeper = new TableKeeper(new Raced('before', 'nft add table inet sixgate "{ flags dormant; }"'))
  assert.equal(await keeper.keep(RULES), 'loaded')
  assert.match(table(), /flags dormant/)
  assert.equal(await keeper.keep(RULES), 'repaired')
  assert.equal(sorted(table()), wanted)
})

test('another table changed meanwhile: loaded once more to be certain, and nobody is accused', { skip }, async () => {
  const nft = new Raced('behind', 'nft add table inet somebodys')
  const keeper = new TableKeeper(nft)
  assert.equal(await keeper.keep(RULES), 'loaded')
  assert.equal(await keeper.keep(RULES), 'unchanged')
  assert.equal(nft.loads, 2)
  assert.equal(await keeper.keep(RULES), 'unchanged')
  assert.equal(nft.loads, 2)
})

test('nobody changed anything meanwhile: loaded once', { skip }, async () => {
  const nft = new Raced('behind')
  const keeper = new TableKeeper(nft)
  assert.equal(await keeper.keep(RULES), 'loaded')
  assert.equal(await keeper.keep(RULES), 'unchanged')
  assert.equal(nft.loads, 1)
})

test('the kernel counts each transaction once; after the highest number comes 1', { skip }, () => {
  const before = nftGeneration() ?? assert.fail()
  Namespace.here().sh('nft', 'add table inet a; add chain inet a b; delete table inet a')
  assert.equal(nftGeneration(), nextGeneration(before))
  assert.equal(nextGeneration(0xffff_ffff), 1)
})
