import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testSite } from '../testkit/virtual-server.ts'
import { isOurs, listenAddresses, loopIn, upstreamsOf } from './addressing.ts'
import { holdsAddress, makePolicy, showPrefixes } from './policy.ts'
import { nameserversOf } from './resolv-conf.ts'

test('listen: auto is the router’s own address and loopback; a list is taken as written, once each', () => {
  const addresses = (listen: unknown) => listenAddresses(testSite({ dns64: { listen } }), 53).map((e) => e.address)
  assert.deepEqual(addresses('auto'), ['fd00:64::1', '127.0.0.1', '::1'])
  const lans = [{ interface: 'lan1', prefix: 'fd00:65::/64', router: '::53' }]
  assert.deepEqual(
    listenAddresses(testSite({ lans }), 53).map((e) => e.address),
    ['fd00:64::1', 'fd00:65::53', '127.0.0.1', '::1'],
  )
  assert.deepEqual(addresses(['FD00:64:0::2', 'fd00:64::2', '192.0.2.1']), ['fd00:64::2', '192.0.2.1'])
})

test('hosts of every LAN may ask, of no other network', () => {
  const site = testSite({ lans: [{ interface: 'lan1', prefix: 'fd00:65::/64' }] })
  const policy = makePolicy(site, { hasIp6Uplink: true, hasPrivateUpstream: false })
  const may = (source: string): boolean => holdsAddress(policy.clients, source)
  assert.deepEqual(['fd00:64::9', 'fd00:65::9', 'fd00:66::9'].map(may), [true, true, false])
})

test('resolv.conf(5)', () => {
  const text = `# comment
domain example.net
nameserver 192.0.2.1
  nameserver\t2001:db8::53  # the second
nameserver fe80::1%eth0
nameserver 192.0.2.1
;nameserver 192.0.2.9
nameserver
options edns0
`
  assert.deepEqual(nameserversOf(text), ['192.0.2.1', '2001:db8::53', 'fe80::1%eth0'])
  assert.deepEqual(nameserversOf(''), [])
})

test('upstreams: auto leaves out ourselves; the port counts', () => {
  const site = testSite({ dns64: { upstreams: 'auto' } })
  const nameservers = ['127.0.0.1', '::1', 'fd00:64:0::1', '127.0.0.53', '192.0.2.53']
  const addresses = (port: number) => upstreamsOf(site, nameservers, listenAddresses(site, port)).map((u) => u.address)
  assert.deepEqual(addresses(53), ['127.0.0.53', '192.0.2.53'])
  assert.deepEqual(addresses(5353), nameservers)
})

test('an upstream that is ourselves is found', () => {
  const own = [{ address: '::1', port: 53 }]
  assert.deepEqual(loopIn(testSite({ dns64: { upstreams: ['192.0.2.53', '::1'] } }), own), { address: '::1', port: 53 })
  assert.equal(loopIn(testSite({ dns64: { upstreams: ['[::1]:5353'] } }), own), undefined)
  assert.equal(isOurs({ address: '0:0:0:0:0:0:0:1', port: 53 }, own), true)
  assert.equal(isOurs({ address: '127.0.0.1', port: 53 }, [{ address: '0.0.0.0', port: 53 }]), true)
  assert.equal(isOurs({ address: '192.0.2.1', port: 53 }, [{ address: '0.0.0.0', port: 53 }]), false)
})

test('exclude: auto is ::/0 without IPv6 uplink and nothing with one; ::ffff:0:0/96 always', () => {
  const exclude = (value: unknown, uplink: boolean) =>
    showPrefixes(
      makePolicy(testSite({ dns64: { exclude: value } }), { hasIp6Uplink: uplink, hasPrivateUpstream: false }).rules[0]
        ?.exclude ?? [],
    )
  assert.equal(exclude('auto', false), '::ffff:0.0.0.0/96 ::/0')
  assert.equal(exclude('auto', true), '::ffff:0.0.0.0/96')
  assert.equal(exclude(['2001:db8::/32'], false), '::ffff:0.0.0.0/96 2001:db8::/32')
})
