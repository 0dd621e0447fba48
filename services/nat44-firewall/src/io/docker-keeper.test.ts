import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { beforeEach, test } from 'node:test'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { DockerKeeper } from './docker-keeper.ts'

const skip = enterNamespace()
const LINKS = { lan: 'lan0', tun: 'nat64', uplinks: ['wan0'], lan4: ['eth1'], forwards: true }
const directory = new URL('../../testdata/docker/', import.meta.url)
const here = (): Namespace => Namespace.here()
let docker = new DockerKeeper()

beforeEach(() => {
  docker = new DockerKeeper()
  if (skip !== false) return
  here().sh('nft', 'flush', 'ruleset')
  for (const tool of ['iptables-legacy', 'ip6tables-legacy']) {
    here().sh(tool, '-P', 'FORWARD', 'ACCEPT')
    here().sh(tool, '-F')
    here().sh(tool, '-X')
  }
})

/** Plays `iptables -S` back. Chains of other rules are made first, as they are listed first. */
const load = (tool: string, file: string): void => {
  const lines = readFileSync(new URL(file, directory), 'utf8').split('\n')
  for (const line of lines.filter((text) => text.startsWith('-'))) here().sh('sh', '-c', `${tool} -w ${line}`)
}

const dump = (tool: string): string => here().sh(tool, '-S')

for (const backend of ['nft', 'legacy'])
  for (const file of readdirSync(directory))
    test(`${backend}: ${file}: accepts come, settle and go without a trace`, { skip }, async () => {
      const tool = `${file.endsWith('.ip6.txt') ? 'ip6tables' : 'iptables'}-${backend}`
      load(tool, file)
      const before = dump(tool)
      const isOurs = (line: string): boolean => / --comment sixgate /.test(line)
      const others = before.split('\n').filter((line) => !isOurs(line))

      await docker.keep(LINKS)
      const kept = dump(tool)
      assert.deepEqual(
        kept.split('\n').filter((line) => !isOurs(line)),
        others,
      )
      for (const keeper of [docker, new DockerKeeper()])
        assert.deepEqual((await keeper.keep(LINKS)).changes, [], 'a second look finds nothing to do')
      assert.equal(dump(tool), kept)

      await docker.remove()
      assert.deepEqual(dump(tool).split('\n'), others)
    })

test('both flavours and both families at once', { skip }, async () => {
  for (const tool of ['iptables-nft', 'ip6tables-nft', 'iptables-legacy', 'ip6tables-legacy'])
    here().sh(tool, '-P', 'FORWARD', 'DROP')
  const tools = new Set((await docker.keep(LINKS)).changes.map(({ tool }) => tool))
  assert.equal(tools.size, 4)
  await docker.remove()
})

test('where no iptables table is, none is made', { skip }, async () => {
  // iptables-legacy keeps a table for ever once it was asked for, so this is looked at in a fresh namespace.
  const script = `
    import { DockerKeeper } from ${JSON.stringify(new URL('docker-keeper.ts', import.meta.url).href)}
    await new DockerKeeper().keep(${JSON.stringify(LINKS)})`
  const out = here().sh(
    'unshare',
    '--net',
    'sh',
    '-c',
    '"$1" --input-type=module -e "$2" && nft list ruleset && cat /proc/net/ip_tables_names /proc/net/ip6_tables_names',
    'sh',
    process.execPath,
    script,
  )
  assert.equal(out, '')
})

test('a table that nft itself filled is left to its owner', { skip }, async () => {
  here().sh(
    'nft',
    'add table ip filter; add chain ip filter forward { type filter hook forward priority 0; policy accept; }',
  )
  here().sh('nft', 'add rule ip filter forward iifname "eth9" limit rate 5/second log prefix "a" drop')
  const before = here().sh('nft', '-s', 'list', 'ruleset')
  await docker.keep(LINKS)
  await docker.remove()
  assert.equal(here().sh('nft', '-s', 'list', 'ruleset'), before)
})

test('an iptables table that only nft can read: said so, and the other tables are looked after', { skip }, async () => {
  here().sh('iptables-nft', '-P', 'FORWARD', 'DROP')
  here().sh('ip6tables-nft', '-P', 'FORWARD', 'DROP')
  here().sh('nft', 'add rule ip filter FORWARD ct state vmap { established : accept }')
  const { changes, failures } = await docker.keep(LINKS)
  assert.deepEqual(
    failures.map(({ code }) => code),
    ['incompatible'],
  )
  assert.match(failures[0]?.message ?? '', /nft list table ip filter/)
  assert.ok(changes.length > 0 && changes.every(({ tool }) => tool === 'ip6tables-nft'))
})

test('chains of others that drop are named, those of iptables and our own are not', { skip }, async () => {
  here().sh(
    'nft',
    'add table inet firewalld; add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy drop; }',
  )
  here().sh('nft', 'add table bridge x; add chain bridge x f { type filter hook forward priority 0; policy drop; }')
  here().sh(
    'nft',
    'add table inet sixgate; add chain inet sixgate forward { type filter hook forward priority 0; policy drop; }',
  )
  here().sh('iptables-nft', '-P', 'FORWARD', 'DROP')
  const { foreign } = await docker.keep(LINKS)
  assert.deepEqual(foreign, [{ family: 'inet', table: 'firewalld', name: 'filter_FORWARD', policy: 'drop' }])
})
