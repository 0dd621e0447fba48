import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ip6, parseIp6 } from '@sixgate/addr'
import type { LanStep, LanWish, LinkFacts } from './lan-plan.ts'
import {
  isNothing,
  NOTHING_OWNED,
  type Owned,
  ownedAfter,
  ownedFromJson,
  ownedToJson,
  stillOwned,
  surplus,
  without,
} from './ownership.ts'

const ip6 = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const ROUTER = ip6('fd00::1')
const LINK_LOCAL = ip6('fe80::1')

const link = (name: string, index: number, kind?: string): LinkFacts => ({
  index,
  name,
  kind,
  vlanId: kind === 'vlan' ? 2 : undefined,
  parentIndex: undefined,
  masterIndex: undefined,
  up: true,
  running: true,
  loopback: false,
  multicast: true,
  mtu: 1500,
  address: undefined,
})

const FULL: Owned = {
  created: [{ name: 'eth0.2', ifindex: 5 }],
  switchedOn: [
    { name: 'eth0', ifindex: 2 },
    { name: 'eth0.2', ifindex: 5 },
  ],
  addresses: [
    { name: 'eth0.2', ifindex: 5, ip: ROUTER },
    { name: 'eth0.2', ifindex: 5, ip: LINK_LOCAL },
  ],
}
const WISH: LanWish = { parent: 'eth0', vlan: 2, link: 'eth0.2', router: ROUTER }

test('each step adds what it makes, doing it again adds nothing', () => {
  const steps: LanStep[] = [
    { do: 'switch-on', name: 'eth0', ifindex: 2 },
    { do: 'create-vlan', parent: 'eth0', id: 2, name: 'eth0.2' },
    { do: 'set-sysctl', path: 'ipv6/conf/eth0.2/accept_ra', value: '0' },
    { do: 'switch-on', name: 'eth0.2', ifindex: 5 },
    { do: 'add-address', name: 'eth0.2', ifindex: 5, ip: ROUTER },
    { do: 'add-address', name: 'eth0.2', ifindex: 5, ip: LINK_LOCAL },
  ]
  const once = steps.reduce(ownedAfter, NOTHING_OWNED)
  assert.deepEqual(once, { ...FULL, created: [{ name: 'eth0.2', ifindex: undefined }] })
  assert.deepEqual(steps.reduce(ownedAfter, once), once)
})

test('a creation that was under way is owned when its VLAN is there, and only then', () => {
  const underWay = ownedAfter(NOTHING_OWNED, { do: 'create-vlan', parent: 'eth0', id: 2, name: 'eth0.2' })
  assert.deepEqual(stillOwned(underWay, [link('eth0', 2), link('eth0.2', 7, 'vlan')]).created, [
    { name: 'eth0.2', ifindex: 7 },
  ])
  assert.ok(isNothing(stillOwned(underWay, [link('eth0', 2)])))
  assert.ok(isNothing(stillOwned(underWay, [link('eth0', 2), link('eth0.2', 7, 'bridge')])))
})

test('what somebody else made anew under the same name is not owned', () => {
  assert.deepEqual(stillOwned(FULL, [link('eth0', 2), link('eth0.2', 5, 'vlan')]), FULL)
  assert.deepEqual(stillOwned(FULL, [link('eth0', 2), link('eth0.2', 6, 'vlan')]), {
    created: [],
    switchedOn: [{ name: 'eth0', ifindex: 2 }],
    addresses: [],
  })
  assert.ok(isNothing(stillOwned(FULL, [])))
})

test('with the same document nothing is surplus, without one everything is', () => {
  assert.ok(isNothing(surplus(FULL, [WISH])))
  assert.deepEqual(surplus(FULL, []), FULL)
})

test('another router address: only the old one is surplus', () => {
  assert.deepEqual(surplus(FULL, [{ ...WISH, router: ip6('fd00::2') }]), {
    created: [],
    switchedOn: [],
    addresses: [{ name: 'eth0.2', ifindex: 5, ip: ROUTER }],
  })
})

test('another VLAN on the same interface: the interface stays on', () => {
  assert.deepEqual(surplus(FULL, [{ ...WISH, vlan: 3, link: 'eth0.3' }]), {
    ...FULL,
    switchedOn: [{ name: 'eth0.2', ifindex: 5 }],
  })
})

test('another interface: everything is surplus', () => {
  assert.deepEqual(surplus(FULL, [{ ...WISH, parent: 'eth1', link: 'eth1.2' }]), FULL)
})

test('without takes a part away', () => {
  assert.ok(isNothing(without(FULL, FULL)))
  const part = surplus(FULL, [{ ...WISH, router: ip6('fd00::2') }])
  assert.deepEqual(without(FULL, part), { ...FULL, addresses: [{ name: 'eth0.2', ifindex: 5, ip: LINK_LOCAL }] })
})

test('the file holds what was owned; anything else is refused', () => {
  for (const owned of [FULL, NOTHING_OWNED, { ...FULL, created: [{ name: 'eth0.2', ifindex: undefined }] }])
    assert.deepEqual(ownedFromJson(JSON.parse(JSON.stringify(ownedToJson(owned)))), owned)
  for (const text of [
    'null',
    '[]',
    '{"created":[],"switchedOn":[]}',
    '{"created":[{"name":1}],"switchedOn":[],"addresses":[]}',
    '{"created":[],"switchedOn":[{"name":"a","ifindex":"2"}],"addresses":[]}',
    '{"created":[],"switchedOn":[],"addresses":[{"name":"a","ifindex":2,"ip":"nonsense"}]}',
  ])
    assert.equal(ownedFromJson(JSON.parse(text)), undefined, text)
})
