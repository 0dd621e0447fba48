import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp6, type Ip6, parseIp6 } from '@sixgate/addr'
import {
  type AddressFacts,
  type HostView,
  LINK_LOCAL_GRACE_MS,
  type LanPlan,
  type LanWish,
  type LinkFacts,
  planLan,
} from './lan-plan.ts'

const ip6 = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const MAC = Uint8Array.of(0x02, 0x00, 0x5e, 0x10, 0x00, 0x01)
const LINK_LOCAL = 'fe80::5eff:fe10:1'

const ETH0: LinkFacts = {
  index: 2,
  name: 'eth0',
  kind: undefined,
  vlanId: undefined,
  parentIndex: undefined,
  masterIndex: undefined,
  up: true,
  running: true,
  loopback: false,
  multicast: true,
  mtu: 1500,
  address: MAC,
}
const LO: LinkFacts = { ...ETH0, index: 1, name: 'lo', loopback: true, address: undefined }
const VLAN: LinkFacts = { ...ETH0, index: 5, name: 'eth0.2', kind: 'vlan', vlanId: 2, parentIndex: 2 }

const UNTAGGED: LanWish = { parent: 'eth0', vlan: undefined, link: 'eth0', router: ip6('fd00::1') }
const TAGGED: LanWish = { ...UNTAGGED, vlan: 2, link: 'eth0.2' }

const address = (text: string, flags: Partial<AddressFacts> = {}): AddressFacts => ({
  ip: ip6(text),
  lenBits: 64,
  tentative: false,
  dadFailed: false,
  ...flags,
})
const BOTH = [address(LINK_LOCAL), address('fd00::1')]

const QUIET: Readonly<Record<string, string>> = { accept_ra: '0', disable_ipv6: '0' }
const view = (
  links: readonly LinkFacts[],
  addresses: readonly AddressFacts[] = BOTH,
  sysctls: Readonly<Record<string, string>> = QUIET,
): HostView => ({ links: [LO, ...links], addresses, runningForMs: 60_000, sysctl: (name) => sysctls[name] })

const ready = (lan: LinkFacts, routerPending = false) => ({
  ifindex: lan.index,
  name: lan.name,
  linkLocal: ip6(LINK_LOCAL),
  mac: MAC,
  mtuBytes: 1500,
  routerPending,
})

test('a host that is as the document wants it: nothing to do, ready', () => {
  assert.deepEqual(planLan(UNTAGGED, view([ETH0])), { steps: [], problems: [], ready: ready(ETH0) })
  assert.deepEqual(planLan(TAGGED, view([ETH0, VLAN])), { steps: [], problems: [], ready: ready(VLAN) })
})

test('a bare host, step by step: parent on, VLAN, sysctls, link on, addresses', () => {
  const off = { up: false, running: false }
  const steps = (links: readonly LinkFacts[], addresses: readonly AddressFacts[], sysctls = QUIET) => {
    const plan = planLan(TAGGED, view(links, addresses, sysctls))
    assert.deepEqual([plan.problems, plan.ready], [[], undefined])
    return plan.steps
  }
  assert.deepEqual(steps([{ ...ETH0, ...off }], []), [
    { do: 'switch-on', name: 'eth0', ifindex: 2 },
    { do: 'create-vlan', parent: 'eth0', id: 2, name: 'eth0.2' },
  ])
  assert.deepEqual(steps([ETH0, { ...VLAN, ...off }], [], { accept_ra: '1', disable_ipv6: '1' }), [
    { do: 'set-sysctl', path: 'ipv6/conf/eth0.2/disable_ipv6', value: '0' },
    { do: 'set-sysctl', path: 'ipv6/conf/eth0.2/accept_ra', value: '0' },
    { do: 'switch-on', name: 'eth0.2', ifindex: 5 },
  ])
  assert.deepEqual(steps([ETH0, VLAN], []), [
    { do: 'add-address', name: 'eth0.2', ifindex: 5, ip: ip6(LINK_LOCAL) },
    { do: 'add-address', name: 'eth0.2', ifindex: 5, ip: ip6('fd00::1') },
  ])
})

test('an untagged LAN that is off is switched on once', () => {
  const plan = planLan(UNTAGGED, view([{ ...ETH0, up: false, running: false }], []))
  assert.deepEqual(plan.steps, [{ do: 'switch-on', name: 'eth0', ifindex: 2 }])
})

test('accept_ra 2, which accepts even while forwarding, is set to 0 too', () => {
  const plan = planLan(UNTAGGED, view([ETH0], BOTH, { accept_ra: '2', disable_ipv6: '0' }))
  assert.deepEqual(plan.steps, [{ do: 'set-sysctl', path: 'ipv6/conf/eth0/accept_ra', value: '0' }])
})

test('a link in a VRF is as good as any', () => {
  const vrf = { ...ETH0, index: 9, name: 'red', kind: 'vrf' }
  assert.notEqual(planLan(UNTAGGED, view([{ ...ETH0, masterIndex: 9 }, vrf])).ready, undefined)
})

test('a removed address is added again; a link-local one of any kind is enough', () => {
  const add = (ip: string) => ({ do: 'add-address', name: 'eth0', ifindex: 2, ip: ip6(ip) })
  assert.deepEqual(planLan(UNTAGGED, view([ETH0], [address(LINK_LOCAL)])).steps, [add('fd00::1')])
  assert.deepEqual(planLan(UNTAGGED, view([ETH0], [address('fd00::1')])).steps, [add(LINK_LOCAL)])
  assert.deepEqual(planLan(UNTAGGED, view([ETH0], [address('fd00::1'), address('fe80::7')])).steps, [])
})

test('a link that has just got carrier: the kernel is left time to make its link-local address, unless it makes none', () => {
  const fresh = (addresses: readonly AddressFacts[], more: Readonly<Record<string, string>> = {}): HostView => ({
    ...view([ETH0], addresses, { ...QUIET, ...more }),
    runningForMs: 10,
  })
  const made = (plan: LanPlan): string[] =>
    plan.steps.map((step) => (step.do === 'add-address' ? formatIp6(step.ip) : step.do))
  assert.deepEqual(made(planLan(UNTAGGED, fresh([]))), ['fd00::1'])
  const waiting = planLan(UNTAGGED, fresh([address('fd00::1')]))
  assert.deepEqual(waiting, { steps: [], problems: [], ready: undefined })
  const overdue = { ...fresh([address('fd00::1')]), runningForMs: LINK_LOCAL_GRACE_MS }
  assert.deepEqual(made(planLan(UNTAGGED, overdue)), [LINK_LOCAL])
  assert.deepEqual(made(planLan(UNTAGGED, fresh([address('fd00::1')], { addr_gen_mode: '1' }))), [LINK_LOCAL])
  assert.notEqual(planLan(UNTAGGED, fresh(BOTH)).ready, undefined)
})

test('a link without carrier: only the router address is added, the kernel makes the link-local one when carrier comes', () => {
  const plan = planLan(UNTAGGED, view([{ ...ETH0, running: false }], []))
  assert.deepEqual(plan.steps, [{ do: 'add-address', name: 'eth0', ifindex: 2, ip: ip6('fd00::1') }])
  assert.deepEqual(
    plan.problems.map(({ code }) => code),
    ['lan-link-no-carrier'],
  )
  assert.equal(plan.ready, undefined)
})

test('RFC 4862 §5.4: a tentative link-local address is no source; a tentative router address is told', () => {
  const tentative = { tentative: true }
  const waiting = planLan(UNTAGGED, view([ETH0], [address(LINK_LOCAL, tentative), address('fd00::1')]))
  assert.deepEqual(waiting, { steps: [], problems: [], ready: undefined })
  const pending = planLan(UNTAGGED, view([ETH0], [address(LINK_LOCAL), address('fd00::1', tentative)]))
  assert.deepEqual(pending, { steps: [], problems: [], ready: ready(ETH0, true) })
})

test('of several link-local addresses always the same usable one is the source', () => {
  const plan = (...ips: AddressFacts[]) => planLan(UNTAGGED, view([ETH0], [...ips, address('fd00::1')])).ready
  assert.deepEqual(plan(address('fe80::9'), address('fe80::7'))?.linkLocal, ip6('fe80::7'))
  assert.deepEqual(plan(address('fe80::7'), address('fe80::9'))?.linkLocal, ip6('fe80::7'))
  assert.deepEqual(plan(address('fe80::7', { tentative: true }), address('fe80::9'))?.linkLocal, ip6('fe80::9'))
  assert.deepEqual(
    plan(address('fe80::7', { tentative: true, dadFailed: true }), address('fe80::9'))?.linkLocal,
    ip6('fe80::9'),
  )
})

const failed = { tentative: true, dadFailed: true }

/** What is in the way, the problem's code, and what its message must name. */
const PROBLEMS: readonly (readonly [string, LanWish, HostView, string, RegExp])[] = [
  [
    'no such interface',
    { ...UNTAGGED, parent: 'lan0', link: 'lan0' },
    view([ETH0, VLAN]),
    'lan-link-missing',
    /"lan0" \(lan\.interface\) does not exist; there are: eth0, eth0\.2\./,
  ],
  [
    'no interface at all',
    { ...TAGGED, parent: 'lan0', link: 'lan0.2' },
    view([]),
    'lan-link-missing',
    /"lan0" .* there is no other one/,
  ],
  [
    'the name is taken by another kind',
    TAGGED,
    view([ETH0, { ...VLAN, kind: 'bridge', vlanId: undefined }]),
    'lan-link-conflict',
    /"eth0\.2" exists as a bridge interface, but the site document wants VLAN 2 on eth0/,
  ],
  [
    'the name is taken by a VLAN with another identifier',
    TAGGED,
    view([ETH0, { ...VLAN, vlanId: 3 }]),
    'lan-link-conflict',
    /exists as VLAN 3 on eth0/,
  ],
  [
    'the name is taken by a VLAN on another interface',
    TAGGED,
    view([ETH0, { ...ETH0, index: 3, name: 'eth1' }, { ...VLAN, parentIndex: 3 }]),
    'lan-link-conflict',
    /exists as VLAN 2 on eth1/,
  ],
  [
    'no multicast',
    UNTAGGED,
    view([{ ...ETH0, multicast: false }]),
    'lan-link-unsuitable',
    /"eth0" carries no multicast/,
  ],
  [
    'no address to make a link-local one from',
    UNTAGGED,
    view([{ ...ETH0, address: undefined }], [address('fd00::1')]),
    'lan-link-local-missing',
    /eth0 has no link-local address/,
  ],
  [
    'another node has the router address',
    UNTAGGED,
    view([ETH0], [address(LINK_LOCAL), address('fd00::1', failed)]),
    'lan-address-duplicate',
    /fd00::1 \(lan\.router\) is used by another node on eth0/,
  ],
  [
    'the router address has another length',
    UNTAGGED,
    view([ETH0], [address(LINK_LOCAL), address('fd00::1', { lenBits: 48 })]),
    'lan-address-length',
    /prefix length 48, it must be 64/,
  ],
  [
    'another node has the link-local address',
    UNTAGGED,
    view([ETH0], [address(LINK_LOCAL, failed), address('fd00::1')]),
    'lan-link-local-duplicate',
    /fe80::5eff:fe10:1 on eth0 is used by another node/,
  ],
]

for (const [name, wish, host, code, message] of PROBLEMS) {
  test(`problem: ${name}`, () => {
    const plan = planLan(wish, host)
    assert.deepEqual(plan.steps, [])
    assert.deepEqual(
      plan.problems.map((problem) => problem.code),
      [code],
    )
    assert.match(plan.problems[0]?.message ?? '', message)
  })
}

test('problems that leave the link usable do not silence it', () => {
  const usable = (...addresses: AddressFacts[]) => planLan(UNTAGGED, view([ETH0], addresses)).ready !== undefined
  assert.ok(usable(address(LINK_LOCAL), address('fd00::1', failed)))
  assert.ok(usable(address(LINK_LOCAL), address('fd00::1', { lenBits: 48 })))
  assert.ok(!usable(address(LINK_LOCAL, failed), address('fd00::1')))
})
