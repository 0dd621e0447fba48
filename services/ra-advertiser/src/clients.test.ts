import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, afterEach, test } from 'node:test'
import { enterNamespace } from '@sixgate/testkit'
import { GatewayLab, natsWith, siteOf } from './testkit/gateway-lab.ts'
import { until } from './testkit/until.ts'

/** systemd-networkd as a host: it reads Router Advertisements by itself, the kernel is told not to. */

const NETWORKD = '/lib/systemd/systemd-networkd'
const skip = enterNamespace() || (existsSync(NETWORKD) ? false : `needs ${NETWORKD} (Debian: systemd)`)
const lab = skip === false ? await GatewayLab.create() : ({} as GatewayLab)
const { host } = lab
afterEach(async () => await lab.killAll())
after(async () => await lab.close())

/**
 * In a mount namespace of its own: with a /sys that is read-only it does not wait for udev, and /run and its
 * configuration are its own.
 */
const RUN_NETWORKD = `
set -e
mount -t sysfs -o ro sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /etc/systemd
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
cat > /run/systemd/network/10-eth0.network <<E
[Match]
Name=eth0
[Network]
IPv6AcceptRA=yes
LinkLocalAddressing=ipv6
[IPv6AcceptRA]
UseDomains=yes
E
chown -R systemd-network /run/systemd
SYSTEMD_LOG_LEVEL=debug exec ${NETWORKD}
`

test('systemd-networkd: address, default route with its preference, route, MTU, DNS server and search domain', {
  skip,
}, async (t) => {
  // The kernel would be faster.
  host.sysctl('ipv6/conf/eth0/accept_ra', 0)
  lab.cable()
  lab.uplink(true)
  const ra = { preference: 'high', dnssl: ['lan.example'], linkMtu: 1400, routes: [{ prefix: '2001:db8:5::/48' }] }
  const nats = await natsWith(siteOf(ra))
  t.after(async () => await nats[Symbol.asyncDispose]())
  const { health } = lab.start(nats, 'a')
  await until('state ok', () => health().state === 'ok')
  const networkd = host.spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', RUN_NETWORKD])
  t.after(async () => await networkd.stop())
  const index = host.ip('-o link show dev eth0').split(':')[0] ?? ''
  const routes = (): string => host.ip('-6 route show dev eth0')
  await until('a default route by networkd', () =>
    /^default nhid.* proto ra|^default via fe80::\S+ proto ra/m.test(routes()),
  )
  assert.match(routes(), /^default .*pref high$/m)
  await until('the other route', () => /^2001:db8:5::\/48 .*proto ra/m.test(routes()))
  await until('an address', () => /inet6 fd00:1:2:3:\S+\/64 scope global/.test(host.ip('-6 address show dev eth0')))
  const state = (): string =>
    host.runSync('nsenter', '-t', String(networkd.child.pid), '-m', 'cat', `/run/systemd/netif/links/${index}`).stdout
  await until('its DNS server', () => /^DNS=.*fd00:1:2:3::1/m.test(state()))
  await until('its search domain', () => /^DOMAINS=.*lan\.example|^ROUTE_DOMAINS=.*lan\.example/m.test(state()))
  await until('the MTU on its route', () => /^default .* mtu 1400 pref high$/m.test(routes()))
})
