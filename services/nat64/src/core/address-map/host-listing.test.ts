import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asIp4 } from '@sixgate/addr'
import { ip4Of, ip6Of } from '../../testkit/core-lab.ts'
import { LONGEST_PAGE, pageOf, readHostsQuery } from './host-listing.ts'
import { sharedHosts, usageOf } from './host-usage.ts'
import { Registry } from './registry.ts'

const PREF64 = '64:ff9b::/96'

const registryOf = (count: number): Registry => {
  const registry = new Registry(sharedHosts(count))
  for (let index = count - 1; index >= 0; index--)
    registry.add(
      { ip6: ip6Of(`2001:db8::${index.toString(16)}`), pref64: PREF64 },
      asIp4(ip4Of('198.18.0.0') + index),
      7,
    )
  return registry
}

const pages = (registry: Registry, limit: number): string[][] => {
  const found: string[][] = []
  let after: string | undefined
  for (;;) {
    const query = readHostsQuery({ limit, ...(after === undefined ? {} : { after }) })
    const useOf = ({ slot }: { slot: number }) => ({ idleS: 0, typescript: registry.usageOf(slot) })
    const page = pageOf(query, registry.all(), useOf, new Map())
    found.push(page.hosts.map(({ ip4 }) => ip4))
    after = page.hosts.at(-1)?.ip4
    if (!page.more) return found
  }
}

test('pages in the order of the IPv4 addresses, none twice, none left out', () => {
  assert.deepEqual(pages(registryOf(5), 2), [
    ['198.18.0.0', '198.18.0.1'],
    ['198.18.0.2', '198.18.0.3'],
    ['198.18.0.4'],
  ])
  assert.deepEqual(pages(registryOf(4), 2), [
    ['198.18.0.0', '198.18.0.1'],
    ['198.18.0.2', '198.18.0.3'],
  ])
  assert.deepEqual(pages(registryOf(0), 2), [[]])
})

test('what both paths carried for a host, by direction', () => {
  const registry = registryOf(2)
  const [mapping] = registry.all().filter(({ ip4 }) => ip4 === ip4Of('198.18.0.1'))
  assert.ok(mapping !== undefined)
  registry.usageOf(mapping.slot).set([1, 60, 2, 120])
  const kernel = { from6: { packets: 10, bytes: 1000 }, from4: { packets: 20, bytes: 2000 } }
  const useOf = ({ slot }: { slot: number }) => ({ idleS: 3, typescript: registry.usageOf(slot) })
  const { hosts } = pageOf(readHostsQuery(undefined), registry.all(), useOf, new Map([[mapping.ip4, kernel]]))
  const none = { packets: 0, bytes: 0 }
  assert.deepEqual(hosts, [
    {
      ip6: '2001:db8::',
      ip4: '198.18.0.0',
      pref64: PREF64,
      idleS: 3,
      out: { fastPath: none, typescript: none },
      in: { fastPath: none, typescript: none },
    },
    {
      ip6: '2001:db8::1',
      ip4: '198.18.0.1',
      pref64: PREF64,
      idleS: 3,
      out: { fastPath: kernel.from6, typescript: { packets: 1, bytes: 60 } },
      in: { fastPath: kernel.from4, typescript: { packets: 2, bytes: 120 } },
    },
  ])
})

test('an answer of the longest page fits into what NATS takes', () => {
  const registry = registryOf(LONGEST_PAGE)
  const most = Float64Array.of(2 ** 53, 2 ** 53, 2 ** 53, 2 ** 53)
  const page = pageOf(readHostsQuery({}), registry.all(), () => ({ idleS: 2 ** 31, typescript: most }), new Map())
  assert.equal(page.hosts.length, LONGEST_PAGE)
  assert.ok(JSON.stringify(page).length < 900_000)
})

test('a slot that is given out again begins at nothing; a resized table keeps the numbers', () => {
  const registry = registryOf(2)
  const [first] = registry.all()
  assert.ok(first !== undefined)
  registry.usageOf(first.slot).set([1, 2, 3, 4])
  const bigger = registry.resized(sharedHosts(9))
  assert.deepEqual([...bigger.usageOf(bigger.ofIp4(first.ip4)?.slot ?? -1)], [1, 2, 3, 4])
  registry.remove(first)
  const next = registry.add({ ip6: ip6Of('2001:db8::99'), pref64: PREF64 }, first.ip4, 9)
  assert.deepEqual([...registry.usageOf(next?.slot ?? -1)], [0, 0, 0, 0])
})

test('the data plane and the main thread see the same numbers', () => {
  const registry = new Registry(sharedHosts(3))
  usageOf(registry.lastSeenS).set([5], 4)
  assert.deepEqual([...registry.usageOf(1)], [5, 0, 0, 0])
  registry.lastSeenS.fill(0xffff_ffff)
  assert.deepEqual([...registry.usageOf(0), ...registry.usageOf(2)], [0, 0, 0, 0, 0, 0, 0, 0])
})

test('questions that cannot be answered are refused with what is allowed', () => {
  for (const [body, message] of [
    [{ after: 'x' }, 'hosts: after: "x": must be an IPv4 address such as "198.18.0.7"'],
    [{ limit: 0 }, 'hosts: limit: 0: must be 1 to 1000'],
    [{ limit: '7' }, 'hosts: limit: "7": must be 1 to 1000'],
    [7, 'hosts: the question is {"after": IPv4 address, "limit": number}'],
  ] as const)
    assert.throws(() => readHostsQuery(body), { message })
})
