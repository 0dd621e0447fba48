import assert from 'node:assert/strict'
import { after, afterEach, type TestContext, test } from 'node:test'
import { asIp6, formatIp6 } from '@sixgate/addr'
import { enterNamespace } from '@sixgate/testkit'
import { GatewayLab, natsWith, siteOf } from './testkit/gateway-lab.ts'
import { MACHINES_NETWORKD, Networkd, TRIXIES_NETWORKD } from './testkit/networkd.ts'
import { until } from './testkit/until.ts'

/** systemd-networkd as a host: it reads Router Advertisements by itself, the kernel is told not to. */

const skip = enterNamespace()
const lab = skip === false ? await GatewayLab.create() : ({} as GatewayLab)
const { host } = lab
afterEach(async () => await lab.killAll())
after(async () => await lab.close())

/** A gateway that is well, with `ra` in its document. */
const gatewayWith = async (ra: Readonly<Record<string, unknown>>, t: TestContext, more = {}) => {
  host.sysctl('ipv6/conf/eth0/accept_ra', 0)
  lab.cable()
  lab.uplink(true)
  const nats = await natsWith(siteOf(ra, more))
  t.after(async () => await nats[Symbol.asyncDispose]())
  const instance = lab.start(nats, 'a', { ON_STOP: 'remove' })
  await until('state ok', () => instance.health().state === 'ok')
  return instance
}

for (const [version, networkd] of [
  ['252', MACHINES_NETWORKD],
  ['257', TRIXIES_NETWORKD],
] as const)
  test(`systemd-networkd ${version}: address, default route with its preference, route, MTU, DNS server and search domain`, {
    skip: skip || networkd.missing,
  }, async (t) => {
    const routesWanted = [{ prefix: '2001:db8:5::/48' }]
    await gatewayWith({ preference: 'high', dnssl: ['lan.example'], linkMtu: 1400, routes: routesWanted }, t)
    const client = new Networkd(host, networkd)
    t.after(async () => await client.process.stop())
    const routes = (): string => host.ip('-6 route show dev eth0')
    await until('a default route by networkd', () => /^default (nhid|via fe80::\S+).* proto ra/m.test(routes()))
    assert.match(routes(), /^default .*pref high$/m)
    await until('the other route', () => /^2001:db8:5::\/48 .*proto ra/m.test(routes()))
    await until('an address', () => /inet6 fd00:1:2:3:\S+\/64 scope global/.test(host.ip('-6 address show dev eth0')))
    await until('its DNS server', () => /^DNS=.*fd00:1:2:3::1/m.test(client.state()))
    await until('its search domain', () => /^(ROUTE_)?DOMAINS=.*lan\.example/m.test(client.state()))
    // 252 puts it on the route, 257 says it to the kernel for the whole link.
    const mtu = (): string => host.sh('cat', '/proc/sys/net/ipv6/conf/eth0/mtu').trim()
    await until('the MTU', () => /^default .* mtu 1400 pref high$/m.test(routes()) || mtu() === '1400')
  })

/** What networkd says of the link, as far as it is looked at here. */
interface Described {
  readonly CaptivePortal?: string
  readonly DNR?: readonly {
    readonly Priority: number
    readonly ServerName: string
    readonly Transports: readonly string[]
  }[]
  readonly NDisc?: {
    readonly PREF64?: readonly { readonly Prefix: readonly number[]; readonly PrefixLength: number }[]
  }
}

test('systemd-networkd 257: NAT64 prefixes, encrypted resolver, captive portal; down takes the first two back', {
  skip: skip || TRIXIES_NETWORKD.missing,
}, async (t) => {
  const ra = {
    captivePortal: 'https://portal.example/api',
    dnr: [{ name: 'dns.example', alpn: ['dot', 'h2'], dohPath: '/dns-query{?dns}', priority: 3 }],
  }
  const pref64 = ['64:ff9b::/96', '2001:db8:64::/48']
  const { process: gateway } = await gatewayWith(ra, t, { pref64 })
  const client = new Networkd(host, TRIXIES_NETWORKD, 'UsePREF64=yes\nUseDNR=yes\nUseCaptivePortal=yes')
  t.after(async () => await client.process.stop())
  const described = (): Described => JSON.parse(client.describe() || '{}') as Described
  const nat64Prefixes = ({ NDisc }: Described): string[] =>
    (NDisc?.PREF64 ?? [])
      .map(({ Prefix, PrefixLength }) => `${formatIp6(asIp6(Uint8Array.from(Prefix)))}/${PrefixLength}`)
      .toSorted()
  const known = await until('all of it', () => {
    const now = described()
    return (
      nat64Prefixes(now).length === pref64.length && now.DNR !== undefined && now.CaptivePortal !== undefined && now
    )
  })
  assert.deepEqual(nat64Prefixes(known), pref64.toSorted())
  assert.deepEqual(
    known.DNR?.map(({ Priority, ServerName, Transports }) => [Priority, ServerName, Transports.toSorted()]),
    [[3, 'dns.example', ['dot', 'h2']]],
  )
  assert.equal(known.CaptivePortal, ra.captivePortal)
  assert.match(client.state(), /^DNS=fd00:1:2:3::1#dns\.example /m)

  await gateway.stop('SIGTERM')
  await until('the prefixes and the resolver gone', () => {
    const now = described()
    return nat64Prefixes(now).length === 0 && (now.DNR ?? []).length === 0
  })
})
