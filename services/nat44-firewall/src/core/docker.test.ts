import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  argumentsOf,
  chooseChain,
  engineBackend,
  foreignDrops,
  type DockerAction,
  type FilterTable,
  type IpFamily,
  parseFilterTable,
  planDocker,
  planDockerRemoval,
  type RuleWords,
  wantedRules,
} from './docker.ts'

import type { ForwardChain } from './listing.ts'

const LINKS = { lan: 'lan0', tun: 'nat64', uplinks: ['wan0'], lan4: [], forwards: false }
const directory = new URL('../../testdata/docker/', import.meta.url)

/** Where our accepts go in each recorded state, how many are inserted and deleted there. */
const STATES: Readonly<Record<string, readonly [chain: string | undefined, inserted: number, deleted: number]>> = {
  'engine-26.ip4': ['DOCKER-USER', 3, 0],
  'engine-26.ip6': [undefined, 0, 0],
  'engine-26-forwarding-was-on.ip4': ['DOCKER-USER', 3, 0],
  'engine-26-ip6tables.ip6': ['DOCKER-USER', 6, 0],
  'engine-27.ip4': ['DOCKER-USER', 3, 0],
  'engine-27.ip6': ['DOCKER-USER', 6, 0],
  'engine-28.ip4': ['DOCKER-USER', 3, 0],
  'engine-28-forwarding-was-on.ip4': ['DOCKER-USER', 3, 0],
  'engine-28-no-drop.ip4': ['DOCKER-USER', 3, 0],
  'engine-28.ip6': ['DOCKER-USER', 6, 0],
  'engine-28-ipv6.ip6': ['DOCKER-USER', 6, 0],
  'engine-29.ip4': ['DOCKER-USER', 3, 0],
  'engine-29.ip6': ['DOCKER-USER', 6, 0],
  'engine-29-nftables-after-iptables.ip4': ['DOCKER-USER', 3, 0],
  'engine-29-nftables-drop-left.ip4': ['FORWARD', 3, 0],
  'no-docker.ip4': [undefined, 0, 0],
  'orphan-docker-user.ip4': [undefined, 0, 0],
  'orphan-docker-user-drop.ip4': ['FORWARD', 3, 0],
  'ufw.ip4': ['FORWARD', 3, 0],
  'owner-rejects.ip4': ['FORWARD', 3, 0],
  'owner-in-docker-user.ip4': ['DOCKER-USER', 3, 0],
  'stale-accepts.ip4': ['DOCKER-USER', 3, 5],
  'settled.ip4': ['DOCKER-USER', 0, 0],
  'settled.ip6': ['DOCKER-USER', 0, 0],
}

const familyOf = (name: string): IpFamily => (name.endsWith('.ip6') ? 6 : 4)

/** What iptables makes of the actions: -I puts first, -D takes the first equal rule and fails without one. */
const carryOut = (table: FilterTable, actions: readonly DockerAction[]): FilterTable => {
  const chains = new Map([...table.chains].map(([name, rules]) => [name, [...rules]]))
  for (const { operation, chain, rule } of actions) {
    const rules = chains.get(chain) ?? assert.fail(`no chain ${chain}`)
    if (operation === 'insert') {
      rules.unshift(rule)
      continue
    }
    const at = rules.findIndex((other) => other.join(' ') === rule.join(' '))
    assert.notEqual(at, -1, `nothing to delete: ${rule.join(' ')}`)
    rules.splice(at, 1)
  }
  return { ...table, chains }
}

const foreign = (table: FilterTable): unknown =>
  [...table.chains].map(([name, rules]) => [
    name,
    rules.filter((rule) => rule[rule.indexOf('--comment') + 1] !== 'sixgate' || !rule.includes('--comment')),
  ])

const check = (table: FilterTable, wanted: readonly RuleWords[]): readonly DockerAction[] => {
  const actions = planDocker(table, wanted)
  const after = carryOut(table, actions)
  assert.deepEqual(planDocker(after, wanted), [], 'a second look finds nothing to do')
  assert.deepEqual(foreign(after), foreign(table), 'rules of others stay, in their order')
  const cleaned = carryOut(after, planDockerRemoval(after))
  assert.deepEqual(foreign(cleaned), foreign(table))
  assert.deepEqual([...cleaned.chains], foreign(cleaned), 'nothing of ours is left')
  return actions
}

const read = (name: string): FilterTable => parseFilterTable(readFileSync(new URL(`${name}.txt`, directory), 'utf8'))

const forwardChain = (family: string, table: string, name: string, policy = 'accept'): ForwardChain => ({
  family,
  table,
  name,
  policy,
})

/** Chains that hook forward, as `nft list chains` has them, and the engine's backend that they tell of. */
const BACKENDS: readonly (readonly [
  what: string,
  chains: readonly ForwardChain[],
  filters: Parameters<typeof engineBackend>[1],
  backend: string | undefined,
])[] = [
  ['no engine', [], [], undefined],
  [
    'iptables of somebody else',
    [forwardChain('ip', 'filter', 'FORWARD', 'drop')],
    [['nft', read('ufw.ip4')]],
    undefined,
  ],
  ['engine 26', [forwardChain('ip', 'filter', 'FORWARD')], [['nft', read('engine-26.ip4')]], 'iptables-nft'],
  ['engine 29 with iptables-legacy', [], [['legacy', read('engine-29.ip6')]], 'iptables-legacy'],
  // By Docker's page "Docker with nftables": two tables of its own, which accept what they do not know.
  [
    'engine 29, nftables backend',
    [forwardChain('ip', 'docker-bridges', 'filter-FORWARD'), forwardChain('ip6', 'docker-bridges', 'filter-FORWARD')],
    [],
    'nftables',
  ],
  [
    'engine 29, nftables backend, after iptables',
    [forwardChain('ip', 'docker-bridges', 'filter-FORWARD'), forwardChain('ip', 'filter', 'FORWARD', 'drop')],
    [['nft', read('engine-29-nftables-after-iptables.ip4')]],
    'nftables',
  ],
]

for (const [what, chains, filters, backend] of BACKENDS)
  test(`backend of the engine: ${what}: ${backend}`, () => {
    assert.equal(engineBackend(chains, filters), backend)
    // Docker's own nft tables are no chain that would drop the site's packets.
    assert.deepEqual(foreignDrops(chains), [])
  })

test('every recorded state has its row', () => {
  const files = readdirSync(directory).filter((file) => file.endsWith('.txt'))
  assert.deepEqual(files.map((file) => file.replace(/\.txt$/, '')).toSorted(), Object.keys(STATES).toSorted())
})

for (const [name, [chain, inserted, deleted]] of Object.entries(STATES))
  test(`${name}: our accepts go to ${chain ?? 'no chain'}`, () => {
    const table = read(name)
    const wanted = wantedRules(familyOf(name), LINKS)
    assert.equal(chooseChain(table), chain)
    const actions = check(table, wanted)
    assert.equal(actions.filter(({ operation }) => operation === 'insert').length, inserted)
    assert.equal(actions.filter(({ operation }) => operation === 'delete').length, deleted)
    const after = carryOut(table, actions)
    // In the order of `wanted`, before everything that could end the chain.
    if (chain !== undefined) assert.deepEqual(after.chains.get(chain)?.slice(0, wanted.length), wanted)
  })

test('the uplink changes: old accepts go, the others stay where they are', () => {
  const table = read('settled.ip4')
  const actions = check(table, wantedRules(4, { ...LINKS, uplinks: ['wan1'] }))
  assert.deepEqual(
    actions.map(({ operation, rule }) => `${operation} ${rule.slice(0, 4).join(' ')}`),
    ['delete -i nat64 -o wan0', 'delete -i wan0 -o nat64', 'insert -i wan1 -o nat64', 'insert -i nat64 -o wan1'],
  )
})

test('inbound, only replies and echo requests are let through', () => {
  for (const family of [4, 6] as const)
    for (const rule of wantedRules(family, LINKS)) {
      const text = rule.join(' ')
      if (text.startsWith('-i wan0')) assert.match(text, /--ctstate RELATED,ESTABLISHED|--icmpv6-type 128/)
    }
})

test('forwards let in what was rewritten, IPv4 LANs get their way out and to forwarded ports', () => {
  const rules = wantedRules(4, { ...LINKS, lan4: ['eth1'], forwards: true }).map((rule) =>
    rule
      .filter((word) => !['-m', 'comment', 'conntrack', '--comment', 'sixgate', '-j', 'ACCEPT'].includes(word))
      .join(' '),
  )
  assert.deepEqual(rules, [
    '-i nat64 -o nat64',
    '-i nat64 -o wan0',
    '-i wan0 -o nat64 --ctstate RELATED,ESTABLISHED',
    '-i wan0 -o nat64 --ctstate DNAT',
    '-i eth1 -o wan0',
    '-i wan0 -o eth1 --ctstate RELATED,ESTABLISHED',
    '-i eth1 -o nat64',
    '-i nat64 -o eth1 --ctstate RELATED,ESTABLISHED',
  ])
})

test('arguments wait for the lock', () => {
  assert.equal(
    argumentsOf({ operation: 'delete', chain: 'FORWARD', rule: ['-i', 'a', '-j', 'ACCEPT'] }).join(' '),
    '-w 5 -D FORWARD -i a -j ACCEPT',
  )
})

test('any mix of chains, ours and others, ends settled in one turn', () => {
  const wanted = wantedRules(4, LINKS)
  const others: readonly RuleWords[] = [
    ['-j', 'RETURN'],
    ['-j', 'DROP'],
    ['-j', 'DOCKER-USER'],
    ['-i', 'wan0', '-j', 'DROP'],
    ['-i', 'nat64', '-o', 'eth9', '-m', 'comment', '--comment', 'sixgate', '-j', 'ACCEPT'],
  ]
  const rules = fc.array(fc.constantFrom(...wanted, ...others), { maxLength: 8 })
  fc.assert(
    fc.property(fc.constantFrom('ACCEPT', 'DROP'), rules, fc.option(rules), (forwardPolicy, forward, user) => {
      const chains = new Map([['FORWARD', forward], ...(user === null ? [] : [['DOCKER-USER', user] as const])])
      check({ forwardPolicy, chains }, wanted)
    }),
  )
})

test('what iptables prints is read whatever it is', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseFilterTable(text)
    }),
  )
  assert.deepEqual(parseFilterTable('-N A\n-A A -m comment --comment "a \\"b\\" c" -j ACCEPT\n').chains.get('A'), [
    ['-m', 'comment', '--comment', 'a \\"b\\" c', '-j', 'ACCEPT'],
  ])
})
