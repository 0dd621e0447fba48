import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { formatPrefix } from '@sixgate/addr'
import { decodeAddress } from './address-codec.ts'
import { attribute, attributeText, attributeU16, attributeU32, concat, nested } from './attributes.ts'
import { IFINFOMSG, IFLA, IFLA_INFO, IFLA_VLAN, NLMSG, RTM } from './constants.ts'
import { refusalError } from './error.ts'
import { formatIp } from './ip-bytes.ts'
import { decodeLink, isVlanOf } from './link-codec.ts'
import { decodeMessages, decodeRefusal, type Message } from './message.ts'
import { decodeRoute, type NextHop } from './route-codec.ts'

/** The messages of a datagram that a kernel sent, as strace recorded it. */
const recorded = (name: string): Message[] => {
  const text = readFileSync(new URL(`../../testdata/netlink/${name}.hex`, import.meta.url), 'utf8')
  const bytes = Uint8Array.from(Buffer.from(text.replaceAll(/^#.*$/gm, '').replaceAll(/\s/g, ''), 'hex'))
  return decodeMessages(new DataView(bytes.buffer))
}

const only = (messages: readonly Message[]): Message => {
  assert.equal(messages.length, 1)
  return messages[0] ?? assert.fail()
}

test('a refusal with the request quoted in full (no NETLINK_CAP_ACK)', () => {
  const message = only(recorded('answer-refused-vlan'))
  assert.equal(message.type, NLMSG.ERROR)
  const refusal = decodeRefusal(message)
  assert.deepEqual(refusal, { errno: 95, text: 'Unknown device type' })
  assert.equal(
    refusalError('create p0.2', refusal ?? assert.fail()).message,
    'create p0.2: Operation not supported (EOPNOTSUPP; kernel: "Unknown device type")',
  )
  assert.deepEqual(decodeRefusal(only(recorded('answer-refused-address'))), {
    errno: 17,
    text: 'ipv4: Address already assigned',
  })
})

test('an acknowledgement is no refusal', () => {
  assert.equal(decodeRefusal(only(recorded('answer-acknowledged'))), undefined)
})

test('a veth that is a port of a bridge', () => {
  const link = decodeLink(only(recorded('answer-link-veth')).body)
  assert.equal(link.address?.length, 6)
  assert.deepEqual(
    { ...link, address: undefined },
    {
      index: 301,
      name: 'p1',
      kind: 'veth',
      mtu: 1500,
      up: true,
      running: true,
      carrier: true,
      operState: 'up',
      loopback: false,
      multicast: true,
      address: undefined,
      type: 1,
      masterIndex: 302,
      parentIndex: 300,
      vlanId: undefined,
    },
  )
})

// The kernels of the test machines have no 802.1q, so this answer is put together after linux/if_link.h and the request
// that iproute2 sends; a real one is in the tests of the virtual machine.
test('a VLAN link', () => {
  const fixed = new Uint8Array(IFINFOMSG.SIZE)
  fixed[IFINFOMSG.INDEX_I32] = 9
  const info = [
    attributeText(IFLA_INFO.KIND, 'vlan'),
    nested(IFLA_INFO.DATA, [
      attribute(5, Uint8Array.of(0x81, 0)),
      attributeU16(IFLA_VLAN.ID, 2),
      attribute(2, new Uint8Array(8)),
    ]),
  ]
  const bytes = concat([
    fixed,
    attributeText(IFLA.IFNAME, 'lan0.2'),
    attributeU32(IFLA.LINK, 300),
    nested(IFLA.LINKINFO, info),
  ])
  const link = decodeLink(new DataView(bytes.buffer))
  assert.deepEqual(
    [link.index, link.name, link.kind, link.vlanId, link.parentIndex, link.up],
    [9, 'lan0.2', 'vlan', 2, 300, false],
  )
  assert.deepEqual(
    [
      isVlanOf(link, 300, 2),
      isVlanOf(link, 301, 2),
      isVlanOf(link, 300, 3),
      isVlanOf({ ...link, kind: 'veth' }, 300, 2),
    ],
    [true, false, false, false],
  )
})

test('IPv6 addresses with flags and lifetimes', () => {
  const found = recorded('answer-addresses6')
    .filter((message) => message.type === RTM.NEWADDR)
    .map((message) => decodeAddress(message.body) ?? assert.fail())
    .map(({ ip, ...rest }) => ({ ip: formatIp(ip), ...rest }))
  assert.deepEqual(found, [
    {
      ip: '2001:db8::1',
      family: 6,
      ifindex: 300,
      lenBits: 64,
      scope: 0,
      tentative: false,
      dadFailed: false,
      deprecated: false,
      permanent: false,
      preferredLifetimeS: 1800,
      validLifetimeS: 3600,
    },
    {
      ip: 'fe80::ff:fe00:1',
      family: 6,
      ifindex: 300,
      lenBits: 64,
      scope: 253,
      tentative: true,
      dadFailed: false,
      deprecated: false,
      permanent: true,
      preferredLifetimeS: 0xffffffff,
      validLifetimeS: 0xffffffff,
    },
  ])
})

test('IPv4 routes: multipath default, on-link, gateway of the other family', () => {
  const hop = ({ ifindex, gateway, weight }: NextHop) =>
    `${ifindex} via ${gateway === undefined ? 'nothing' : formatIp(gateway)} weight ${weight}`
  const found = recorded('answer-routes4')
    .map((message) => decodeRoute(message.body) ?? assert.fail())
    .map((route) => [formatPrefix(route.dst), route.metric, route.protocol, route.table, ...route.nextHops.map(hop)])
  assert.deepEqual(found, [
    ['0.0.0.0/0', 7, 16, 254, '300 via 192.0.2.254 weight 3', '302 via 203.0.113.254 weight 1'],
    ['192.0.2.0/24', 0, 2, 254, '300 via nothing weight 1'],
    ['198.51.100.0/24', 0, 3, 254, '300 via fe80::9 weight 1'],
    ['203.0.113.0/24', 0, 2, 254, '302 via nothing weight 1'],
  ])
})
