import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { formatPrefix, type Ip4, type Ip6, parseIp4, parseIp6, parsePrefix4, parsePrefix6 } from '@sixgate/addr'
import { AS_NOBODY, enterNamespace, Namespace } from '@sixgate/testkit'
import { addAddress, addresses, deleteAddress } from './addresses.ts'
import { NetlinkError } from './error.ts'
import { formatIp } from './ip-bytes.ts'
import { createVlan, deleteLink, isLinkName, link, links, setAddrGenMode, setLinkMtu, setLinkUp } from './links.ts'
import { neighbours6 } from './neighbours.ts'
import { addRoute, defaultRoute, deleteRoute, pickDefault, routes } from './routes.ts'

/*
 * Against the kernel, in a namespace of its own, compared with what iproute2 says:
 *
 *     p0 (index 300) ══ veth ══ p1 (301)
 */
const skip = enterNamespace()
const here = (): Namespace => Namespace.here()
const ip4 = (text: string): Ip4 => parseIp4(text) ?? assert.fail(text)
const ip6 = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const prefix4 = (text: string) => parsePrefix4(text) ?? assert.fail(text)
const prefix6 = (text: string) => parsePrefix6(text) ?? assert.fail(text)
const P0 = 300
const P1 = 301

const cable = ({ up = true } = {}): void => {
  here().ip('link add p0 index 300 type veth peer name p1 index 301')
  if (!up) return
  for (const name of ['p0', 'p1']) here().ip(`link set ${name} up`)
  for (const name of ['p0', 'p1']) here().waitUp(name)
}

afterEach(() => {
  if (skip === false) here().runSync('ip', 'link', 'delete', 'p0')
})

test('IPv6 neighbours as iproute2 lists them, of one interface', { skip }, () => {
  cable()
  here().ip('-6 neigh add fd00::2 lladdr 02:00:5e:00:00:02 dev p0 nud reachable router')
  here().ip('-6 neigh add fe80::2 lladdr 02:00:5e:00:00:02 dev p0 nud stale')
  here().ip('-6 neigh add fd00::3 lladdr 02:00:5e:00:00:03 dev p1 nud permanent')
  const found = neighbours6(P0)
    .map(({ ip, mac, state, isRouter }) => [formatIp(ip), Buffer.from(mac ?? []).toString('hex'), state, isRouter])
    .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))
  assert.deepEqual(found, [
    ['fd00::2', '02005e000002', 'reachable', true],
    ['fe80::2', '02005e000002', 'stale', false],
  ])
  assert.ok(neighbours6(P0).every(({ confirmedMsAgo = -1 }) => confirmedMsAgo >= 0))
  assert.deepEqual(neighbours6(9999), [])
})

test('links as iproute2 lists them', { skip }, () => {
  cable()
  here().ip('link add br0 index 302 type bridge')
  here().ip('link set p1 master br0')
  interface Row {
    ifindex: number
    ifname: string
    mtu: number
    flags: string[]
    operstate: string
    address: string
    linkinfo?: { info_kind: string }
  }
  const rows = JSON.parse(here().ip('-j -d link show')) as Row[]
  const hex = (bytes: Uint8Array | undefined): string =>
    Array.from(bytes ?? [], (octet) => octet.toString(16).padStart(2, '0')).join(':')
  assert.deepEqual(
    links().map((found) => [
      found.index,
      found.name,
      found.mtu,
      found.up,
      found.loopback,
      found.operState,
      hex(found.address),
      found.kind,
    ]),
    rows.map((row) => [
      row.ifindex,
      row.ifname,
      row.mtu,
      row.flags.includes('UP'),
      row.flags.includes('LOOPBACK'),
      row.operstate.toLowerCase(),
      row.address,
      row.linkinfo?.info_kind,
    ]),
  )
  assert.equal(link('p1')?.masterIndex, 302)
  assert.equal(link(P0)?.parentIndex, P1)
  here().ip('link delete br0')
})

test('looking up a link that is not there', { skip }, () => {
  for (const name of ['p0', '', 'a-name-longer-than-15', 'with/slash', '..', 'white space', 'p\0'])
    assert.equal(link(name), undefined, name)
  assert.equal(link(4711), undefined)
  assert.deepEqual(['eth0.2', 'a', '.', 'x'.repeat(15), 'x'.repeat(16), 'ü'.repeat(8)].map(isLinkName), [
    true,
    true,
    false,
    true,
    false,
    false,
  ])
})

test('switching a link, its MTU and its address generation', { skip }, () => {
  cable({ up: false })
  assert.equal(setLinkUp('p0', true), true)
  assert.equal(setLinkUp('p0', true), false)
  assert.equal(link('p0')?.up, true)
  assert.equal(link('p0')?.carrier, false)
  setLinkUp('p1', true)
  here().waitUp('p0')
  assert.equal(link('p0')?.running, true)
  assert.equal(setLinkUp('p0', false), true)
  assert.equal(link('p0')?.up, false)

  assert.equal(setLinkMtu('p0', 1280), true)
  assert.equal(setLinkMtu('p0', 1280), false)
  assert.equal(link('p0')?.mtu, 1280)
  assert.throws(() => setLinkMtu('p0', 10), {
    name: 'NetlinkError',
    code: 'EINVAL',
    message: 'set the MTU of p0 to 10: Invalid argument (EINVAL; kernel: "mtu less than device minimum")',
  })

  setAddrGenMode('p0', 'none')
  assert.match(here().ip('-d link show p0'), /addrgenmode none/)
  setLinkUp('p0', true)
  assert.deepEqual(addresses(6, P0), [])
  for (const attempt of [() => setLinkUp('p9', true), () => setLinkMtu('p9', 1500), () => setAddrGenMode('p9', 'none')])
    assert.throws(attempt, { name: 'NetlinkError', code: 'ENODEV', message: /there is no interface p9 \(ENODEV\)$/ })
})

test('removing a link', { skip }, () => {
  cable()
  assert.equal(deleteLink('p0'), true)
  assert.equal(link('p1'), undefined)
  assert.equal(deleteLink('p0'), false)
})

test('a VLAN on a kernel without 802.1q is refused in words that help', { skip }, (t) => {
  cable()
  const spec = { parent: 'p0', id: 2, name: 'p0.2' }
  if (here().runSync('ip', 'link', 'add', 'link', 'p0', 'name', 'p0.9', 'type', 'vlan', 'id', '9').status === 0) {
    t.diagnostic('this kernel has 802.1q')
    assert.equal(createVlan(spec), true)
    assert.equal(createVlan(spec), false)
    assert.deepEqual([link('p0.2')?.kind, link('p0.2')?.vlanId, link('p0.2')?.parentIndex], ['vlan', 2, P0])
    assert.throws(() => createVlan({ ...spec, id: 3 }), { code: 'EEXIST', message: /is there already as VLAN 2 on p0/ })
  } else {
    assert.throws(() => createVlan(spec), {
      name: 'NetlinkError',
      code: 'EOPNOTSUPP',
      message:
        'this kernel has no 802.1q support (CONFIG_VLAN_8021Q): cannot create p0.2 (VLAN 2 on p0); load the module on the host (modprobe 8021q) or give the LAN an interface of its own',
    })
  }
  assert.throws(() => createVlan({ ...spec, name: 'p1' }), {
    code: 'EEXIST',
    message: 'create p1 (VLAN 2 on p0): p1 is there already as a veth interface; rename or remove it',
  })
  assert.throws(() => createVlan({ ...spec, parent: 'p9' }), {
    code: 'ENODEV',
    message: 'create p0.2 (VLAN 2 on p9): there is no interface p9 (ENODEV)',
  })
})

test('addresses are added and removed once', { skip }, () => {
  cable()
  const own4 = { ifindex: P0, ip: ip4('192.0.2.1'), lenBits: 24 }
  const own6 = { ifindex: P0, ip: ip6('2001:db8::1'), lenBits: 64, noDad: true }
  for (const own of [own4, own6]) {
    assert.equal(addAddress(own), true)
    assert.equal(addAddress(own), false)
  }
  const shown = addresses(undefined, P0).map((address) => [
    `${formatIp(address.ip)}/${address.lenBits}`,
    address.permanent,
    address.tentative,
  ])
  assert.deepEqual(
    shown.filter(([text]) => !String(text).startsWith('fe80:')),
    [
      ['192.0.2.1/24', true, false],
      ['2001:db8::1/64', true, false],
    ],
  )
  assert.deepEqual(
    addresses(4).map((address) => formatIp(address.ip)),
    ['127.0.0.1', '192.0.2.1'],
  )
  // IPv4 knows one address with two prefix lengths as two addresses, IPv6 does not.
  assert.equal(addAddress({ ...own4, lenBits: 25 }), true)
  assert.throws(() => addAddress({ ...own6, lenBits: 128 }), {
    code: 'EEXIST',
    message: 'add address 2001:db8::1/128 to p0: it has that address already as /64; remove it first',
  })
  for (const own of [own4, { ...own4, lenBits: 25 }, own6]) {
    assert.equal(deleteAddress(own), true)
    assert.equal(deleteAddress(own), false)
  }
  assert.deepEqual(addresses(4, P0), [])
})

test('an address without duplicate address detection is usable at once, one with it is tentative first', {
  skip,
}, () => {
  cable()
  addAddress({ ifindex: P0, ip: ip6('2001:db8::1'), lenBits: 64 })
  addAddress({ ifindex: P0, ip: ip6('2001:db8::2'), lenBits: 64, noDad: true, noPrefixRoute: true })
  const state = Object.fromEntries(addresses(6, P0).map((address) => [formatIp(address.ip), address.tentative]))
  assert.equal(state['2001:db8::1'], true)
  assert.equal(state['2001:db8::2'], false)
})

test('addresses of an interface that has gone', { skip }, () => {
  assert.deepEqual(addresses(6, 4711), [])
  const gone = { ifindex: 4711, ip: ip6('2001:db8::1'), lenBits: 64 }
  assert.equal(deleteAddress(gone), false)
  assert.throws(() => addAddress(gone), {
    code: 'ENODEV',
    message: /^add address 2001:db8::1\/64 to interface 4711: No such device \(ENODEV/,
  })
})

test('no IPv6 on the interface', { skip }, () => {
  cable()
  here().sysctl('ipv6/conf/p0/disable_ipv6', 1)
  assert.throws(() => addAddress({ ifindex: P0, ip: ip6('2001:db8::1'), lenBits: 64 }), {
    code: 'EACCES',
    message:
      /^add address 2001:db8::1\/64 to p0: Permission denied \(EACCES; kernel: ".*IPv6 is disabled on this device"\)$/,
  })
})

test('routes are added and removed once', { skip }, () => {
  cable()
  const pool4 = { dst: prefix4('198.51.100.0/24'), ifindex: P0 }
  const pref64 = { dst: prefix6('64:ff9b::/96'), ifindex: P0 }
  for (const spec of [pool4, pref64]) {
    assert.equal(addRoute(spec), true)
    assert.equal(addRoute(spec), false)
  }
  assert.match(here().ip('-4 route show 198.51.100.0/24'), /^198.51.100.0\/24 dev p0 proto static scope link \n$/)
  assert.match(here().ip('-6 route show 64:ff9b::/96'), /^64:ff9b::\/96 dev p0 proto static metric 1024 pref medium\n$/)
  const found = [...routes({ family: 4 }), ...routes({ family: 6 })]
    .filter((route) => route.protocol === 4)
    .map((route) => [formatPrefix(route.dst), route.metric, route.nextHops.map((hop) => hop.ifindex)])
  assert.deepEqual(found, [
    ['198.51.100.0/24', 0, [P0]],
    ['64:ff9b::/96', 1024, [P0]],
  ])
  for (const spec of [pool4, pref64]) {
    assert.equal(deleteRoute(spec), true)
    assert.equal(deleteRoute(spec), false)
  }
})

test("another's route of the same prefix is not taken for ours", { skip }, () => {
  cable()
  here().ip('-4 route add 198.51.100.0/24 dev p1')
  here().ip('-6 route add 64:ff9b::/96 dev p1')
  assert.throws(() => addRoute({ dst: prefix4('198.51.100.0/24'), ifindex: P0 }), {
    code: 'EEXIST',
    message: 'add route 198.51.100.0/24 on p0: there is another route of that prefix and metric: it leads to p1',
  })
  assert.throws(() => addRoute({ dst: prefix6('64:ff9b::/96'), ifindex: P0 }), {
    code: 'EEXIST',
    message: 'add route 64:ff9b::/96 on p0: there is another route of that prefix and metric: it leads to p1',
  })
  assert.equal(addRoute({ dst: prefix4('198.51.100.0/24'), ifindex: P0, metric: 5 }), true)
  assert.equal(deleteRoute({ dst: prefix4('198.51.100.0/24'), ifindex: P0 }), true)
  assert.match(here().ip('-4 route show 198.51.100.0/24'), /dev p1/)
  here().ip('-4 route add blackhole 203.0.113.0/24')
  assert.throws(() => addRoute({ dst: prefix4('203.0.113.0/24'), ifindex: P0 }), {
    code: 'EEXIST',
    message: /it leads nowhere$/,
  })
  here().ip('-4 route del blackhole 203.0.113.0/24')
})

test('routes that the kernel cannot have', { skip }, () => {
  cable({ up: false })
  const spec = { dst: prefix4('198.51.100.0/24'), ifindex: P0 }
  assert.throws(() => addRoute(spec), {
    code: 'ENETDOWN',
    message: /^add route 198.51.100.0\/24 on p0: Network is down/,
  })
  assert.throws(() => addRoute({ ...spec, ifindex: 4711 }), { code: 'ENODEV' })
  assert.equal(deleteRoute({ ...spec, ifindex: 4711 }), false)
  setLinkUp('p0', true)
  assert.throws(() => addRoute({ ...spec, gateway: ip4('192.0.2.254') }), {
    code: 'ENETUNREACH',
    message: /^add route 198.51.100.0\/24 via 192.0.2.254 on p0: .*kernel: "Nexthop has invalid gateway"/,
  })
})

test('a table of its own, and one that does not exist', { skip }, () => {
  cable()
  for (const dst of [prefix4('198.51.100.0/24'), prefix6('2001:db8:5::/48')]) {
    assert.deepEqual(routes({ family: dst.family, table: 1000 }), [])
    assert.equal(addRoute({ dst, ifindex: P0, table: 1000 }), true)
    assert.equal(addRoute({ dst, ifindex: P0, table: 1000 }), false)
    assert.deepEqual(
      routes({ family: dst.family, table: 1000 }).map((route) => formatPrefix(route.dst)),
      [formatPrefix(dst)],
    )
    assert.ok(routes({ family: dst.family }).every((route) => route.table === 254))
    assert.ok(routes({ family: dst.family, table: 0 }).some((route) => route.table === 1000))
    assert.equal(deleteRoute({ dst, ifindex: P0, table: 1000 }), true)
  }
})

const shownDefault = (family: 4 | 6) => {
  const found = defaultRoute(family)
  return found && [found.ifindex, found.gateway && formatIp(found.gateway), found.metric]
}

test('the default route is the one with the lowest metric whose link is on', { skip }, () => {
  cable()
  assert.equal(defaultRoute(4), undefined)
  assert.equal(defaultRoute(6), undefined)
  addAddress({ ifindex: P0, ip: ip4('192.0.2.1'), lenBits: 24 })
  addAddress({ ifindex: P1, ip: ip4('203.0.113.1'), lenBits: 24 })
  addRoute({ dst: prefix4('0.0.0.0/0'), ifindex: P0, gateway: ip4('192.0.2.254'), metric: 200 })
  assert.deepEqual(shownDefault(4), [P0, '192.0.2.254', 200])
  addRoute({ dst: prefix4('0.0.0.0/0'), ifindex: P1, gateway: ip4('203.0.113.254'), metric: 100 })
  assert.deepEqual(shownDefault(4), [P1, '203.0.113.254', 100])
  here().ip('route add unreachable default metric 50')
  assert.deepEqual(shownDefault(4), [P1, '203.0.113.254', 100])
  here().ip('route del unreachable default metric 50')
  here().ip(
    'route replace default metric 100 nexthop via 192.0.2.9 dev p0 weight 1 nexthop via 203.0.113.9 dev p1 weight 7',
  )
  assert.deepEqual(shownDefault(4), [P1, '203.0.113.9', 100])
  setLinkUp('p1', false)
  assert.deepEqual(shownDefault(4), [P0, '192.0.2.9', 100])
  setLinkUp('p0', false)
  assert.equal(shownDefault(4), undefined)
})

test('the IPv6 default route: on-link, with gateway, several', { skip }, () => {
  cable()
  addAddress({ ifindex: P0, ip: ip6('2001:db8::1'), lenBits: 64, noDad: true })
  addRoute({ dst: prefix6('::/0'), ifindex: P1, metric: 4000 })
  assert.deepEqual(shownDefault(6), [P1, undefined, 4000])
  addRoute({ dst: prefix6('::/0'), ifindex: P0, gateway: ip6('fe80::9') })
  assert.deepEqual(shownDefault(6), [P0, 'fe80::9', 1024])
  here().ip('-6 route add default metric 9 nexthop via fe80::7 dev p1 weight 1 nexthop via fe80::8 dev p0 weight 2')
  assert.deepEqual(shownDefault(6), [P0, 'fe80::8', 9])
})

test('RFC 4191 §2.1: of equal metrics the preferred router, reserved read as medium', () => {
  const withPreference = (preference: number, ifindex: number) => ({
    family: 6 as const,
    dst: prefix6('::/0'),
    table: 254,
    metric: 1024,
    protocol: 9,
    scope: 0,
    type: 1,
    preference,
    cloned: false,
    nextHops: [{ ifindex, gateway: undefined, weight: 1, dead: false, linkDown: false }],
  })
  const [low, reserved, medium, high] = [
    withPreference(3, 1),
    withPreference(2, 2),
    withPreference(0, 3),
    withPreference(1, 4),
  ]
  assert.equal(pickDefault([low, medium, high])?.ifindex, 4)
  assert.equal(pickDefault([low, medium])?.ifindex, 3)
  assert.equal(pickDefault([low, reserved, medium])?.ifindex, 2)
  assert.equal(pickDefault([low])?.ifindex, 1)
})

test('a dump of many links and routes while they change is whole', { skip, timeout: 60_000 }, async () => {
  cable()
  const batch = Array.from({ length: 4000 }, (_, index) => `route add 10.${index >> 8}.${index & 255}.0/24 dev p0`)
  const adding = here().spawn('ip', ['-batch', '-'])
  adding.child.stdin?.end(batch.join('\n'))
  assert.equal(await adding.ended, 0)
  const flapping = here().spawn('sh', [
    '-c',
    'while :; do ip route add 172.16.0.0/24 dev p1; ip route del 172.16.0.0/24; done',
  ])
  for (let turn = 0; turn < 30; turn++) {
    const seen = new Set(routes({ family: 4 }).map((route) => formatPrefix(route.dst)))
    assert.equal([...seen].filter((text) => text.startsWith('10.')).length, 4000)
  }
  await flapping.stop()
})

test('without CAP_NET_ADMIN the error says what is missing', { skip }, async () => {
  cable()
  const script = `
    import { setLinkUp, NetlinkError, links } from ${JSON.stringify(new URL('../index.ts', import.meta.url).pathname)}
    try { console.log(links().length > 0); setLinkUp('p0', false) } catch (error) { console.log(error instanceof NetlinkError, error.code, error.message) }`
  const { stdout, stderr } = await here().run(
    'setpriv',
    ...AS_NOBODY,
    process.execPath,
    '--input-type=module',
    '-e',
    script,
  )
  assert.equal(
    stdout,
    'true\ntrue EPERM switch p0 off: Operation not permitted (EPERM): the process needs CAP_NET_ADMIN (compose: cap_add: [NET_ADMIN])\n',
    stderr,
  )
  assert.ok(new NetlinkError('EPERM', 'x') instanceof Error)
})
