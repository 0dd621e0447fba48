import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enterNamespace, Lab, Namespace } from '@sixgate/testkit'
import { solicit } from './testkit/solicit.ts'
import { until } from './testkit/until.ts'

/**
 * LANs that are VLANs (IEEE 802.1Q) of a real kernel, three of one gateway, each with its host:
 *
 *     gateway: lan0 ──────────────────────── eth0 :plain
 *              trunk0, trunk0.2, trunk0.3 ── cable0: the other end of the trunk, at a switch
 *                                              cable0 VLAN 2 = eth0 :two     cable0 VLAN 3 = eth0 :three
 *
 * Few kernels of test machines know VLANs: `make e2e-vm SUITE=vlans`.
 */

const inside = enterNamespace()
const gateway = inside === false ? Namespace.here('gateway') : ({} as Namespace)
const why = (): string | false => {
  if (inside !== false) return inside
  const { status } = gateway.runSync(
    'sh',
    '-c',
    'ip link add probe0 type veth peer name p && ip link add link p type vlan id 9',
  )
  if (status !== 0) return 'this kernel has no 802.1q: make e2e-vm SUITE=vlans'
  gateway.ip('link delete probe0')
  return existsSync('/usr/sbin/rdnssd') ? false : 'needs rdnssd, which changes a machine: make e2e-vm SUITE=vlans'
}
const skip = why()
const lab = new Lab()
const directory = mkdtempSync(join(tmpdir(), 'sixgate-ra-vlans-'))
after(async () => {
  // A service that a failed test left running would keep this process from ending.
  if (skip === false) await gateway.close()
  await lab.close()
  rmSync(directory, { recursive: true })
})
const SITE = join(directory, 'site.yaml')
const HEALTH = join(directory, 'health.json')
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

/** There is no uplink here; on a slow machine the test lasts longer than that is borne. */
const HEALTH_RULES = 'health: { uplink: false }'
const TWO = `{ interface: trunk0, vlan: 2, prefix: 'fd00:1:2:2::/64', router: '::53',
  ra: { linkMtu: 1400, managed: true, preference: high, dnssl: [two.example], curHopLimit: 33, ${HEALTH_RULES} } }`
const THREE = `{ interface: trunk0, vlan: 3, prefix: 'fd00:1:2:3::/64',
  ra: { linkMtu: 1300, otherConfig: true, preference: low, routerLifetimeS: 9000, rdnss: ['fd00:1:2:3::1', '2001:db8::53'], ${HEALTH_RULES} } }`
const document = (...lans: readonly string[]): string => `
lan: { interface: lan0, prefix: 'fd00:1:2:1::/64' }
lans: [${lans.join(', ')}]
pref64: ['64:ff9b::/96', '2001:db8:64::/48']
nat64: { pool4: [192.168.64.0/24] }
ra: { dnssl: [plain.example], ${HEALTH_RULES} }
`

const health = (): { state: string; problems: readonly string[] } => {
  try {
    return JSON.parse(readFileSync(HEALTH, 'utf8'))
  } catch {
    return { state: 'none yet', problems: [] }
  }
}
const has = (link: string): boolean => gateway.runSync('ip', 'link', 'show', link).status === 0
const route = (host: Namespace): string => host.ip('-6 route show default').trim()

/** What a host has after it heard the messages of its LAN, and none of the others. */
interface Expected {
  readonly prefix: string
  /** The end of its default route. */
  readonly route: RegExp
  readonly nameservers: readonly string[]
  readonly rdisc6: readonly RegExp[]
}

const PREF64 = [
  /NAT64 prefix +: +64:ff9b::\S*\/96\n +NAT64 prefix lifetime +: +\d+ /,
  /NAT64 prefix +: +2001:db8:64:\S*\/48\n +NAT64 prefix lifetime +: +\d+ /,
]
const EXPECTED: Readonly<Record<'plain' | 'two' | 'three', Expected>> = {
  plain: {
    prefix: 'fd00:1:2:1:',
    route: / mtu 1500 hoplimit 64 pref medium$| hoplimit 64 pref medium$/,
    nameservers: ['fd00:1:2:1::1'],
    rdisc6: [
      /Hop limit +: +64 /,
      /Stateful address conf\. +: +No/,
      /Stateful other conf\. +: +No/,
      /Router preference +: +medium/,
      /Router lifetime +: +1800 /,
      /Prefix +: fd00:1:2:1::\/64/,
      /Recursive DNS server +: fd00:1:2:1::1/,
      /DNS search list +: plain\.example/,
    ],
  },
  two: {
    prefix: 'fd00:1:2:2:',
    route: / mtu 1400 hoplimit 33 pref high$/,
    nameservers: ['fd00:1:2:2::53'],
    rdisc6: [
      /Hop limit +: +33 /,
      /Stateful address conf\. +: +Yes/,
      /Stateful other conf\. +: +No/,
      /Router preference +: +high/,
      /Router lifetime +: +1800 /,
      /MTU +: +1400 bytes/,
      /Prefix +: fd00:1:2:2::\/64/,
      /Recursive DNS server +: fd00:1:2:2::53/,
      /DNS search list +: two\.example/,
    ],
  },
  three: {
    prefix: 'fd00:1:2:3:',
    route: / mtu 1300 hoplimit 64 pref low$/,
    nameservers: ['fd00:1:2:3::1', '2001:db8::53'],
    rdisc6: [
      /Hop limit +: +64 /,
      /Stateful address conf\. +: +No/,
      /Stateful other conf\. +: +Yes/,
      /Router preference +: +low/,
      /Router lifetime +: +9000 /,
      /MTU +: +1300 bytes/,
      /Prefix +: fd00:1:2:3::\/64/,
      /Recursive DNS server +: fd00:1:2:3::1/,
      /Recursive DNS server +: 2001:db8::53/,
    ],
  },
}
const NAMES = Object.keys(EXPECTED) as (keyof typeof EXPECTED)[]

/** Cables the gateway's port to the hosts of the VLANs, which are told apart by the tags alone. */
const cableTrunk = (two: Namespace, three: Namespace): void => {
  gateway.ip('link add trunk0 type veth peer name cable0')
  gateway.sysctl('ipv6/conf/cable0/disable_ipv6', 1)
  gateway.ip('link set cable0 up')
  for (const [host, id] of [
    [two, 2],
    [three, 3],
  ] as const) {
    gateway.ip(`link add link cable0 name host${id} type vlan id ${id}`)
    gateway.ip(`link set host${id} netns ${host.pid} name eth0`)
    host.ip('link set eth0 up')
  }
}

test('a plain LAN and two VLANs on one port: each has its own link and settings, and hosts get those of their own', {
  skip,
}, async (t) => {
  const hosts = {
    plain: await lab.namespace('plain'),
    two: await lab.namespace('two'),
    three: await lab.namespace('three'),
  }
  gateway.sysctl('ipv6/conf/all/forwarding', 1)
  for (const end of [gateway, ...Object.values(hosts)]) end.sysctl('ipv6/conf/default/accept_dad', 0)
  const resolver = (name: string): string => join(directory, `${name}.resolv.conf`)
  for (const name of NAMES) {
    const files = ['--resolv-file', resolver(name), '--pidfile', join(directory, `${name}.pid`)]
    hosts[name].spawn('rdnssd', ['--foreground', '--user', 'root', '--merge-hook', '/bin/true', ...files])
  }
  gateway.ip(`link add lan0 type veth peer name eth0 netns ${hosts.plain.pid}`)
  hosts.plain.ip('link set eth0 up')
  cableTrunk(hosts.two, hosts.three)
  const found = gateway.ip('-o -6 address show dev trunk0')
  const tagged = gateway.spawn('tcpdump', ['-lnei', 'cable0', '-Z', 'root', 'vlan and icmp6'])
  await tagged.waitFor(/listening on cable0/)

  writeFileSync(SITE, document(TWO, THREE))
  const environment = { SITE: `file:${SITE}`, STATE_DIR: join(directory, 'state'), HEALTH_FILE: HEALTH }
  const service = gateway.spawn(process.execPath, [MAIN], environment)
  const untilOk = async (): Promise<void> => {
    try {
      await until('state ok', () => health().state === 'ok')
    } catch (error) {
      throw new Error(`${JSON.stringify(health())}\n${service.output.stdout}${service.output.stderr}`, { cause: error })
    }
  }
  await untilOk()
  assert.match(gateway.ip('-d link show trunk0.2'), /vlan protocol 802\.1Q id 2 /)
  assert.match(gateway.ip('-d link show trunk0.3'), /vlan protocol 802\.1Q id 3 /)

  const hasAll = async (name: keyof typeof EXPECTED): Promise<void> => {
    const [host, expected] = [hosts[name], EXPECTED[name]]
    const routeNow = await until(`default route of ${name}`, () => route(host) || undefined)
    assert.match(routeNow, expected.route, name)
    const addresses = await until(`address of ${name}`, () => {
      const text = host.ip('-o -6 address show dev eth0 scope global')
      return text.includes(expected.prefix) ? text : undefined
    })
    assert.equal(addresses.trim().split('\n').length, 1, addresses)
    await until(`DNS of ${name}`, () => {
      const text = existsSync(resolver(name)) ? readFileSync(resolver(name), 'utf8') : ''
      const servers = [...text.matchAll(/^nameserver (\S+)$/gm)].map(([, server]) => server)
      return (
        servers.length === expected.nameservers.length && expected.nameservers.every((one) => servers.includes(one))
      )
    })
    const stdout = await solicit(host)
    t.diagnostic(`${name}: ${routeNow}\n${addresses}${stdout}`)
    for (const line of [...expected.rdisc6, ...PREF64]) assert.match(stdout, line, name)
    assert.equal(stdout.match(/^ Prefix /gm)?.length, 1, stdout)
    host.sh('ping', '-6', '-c', '1', '-W', '10', expected.nameservers[0] ?? '')
  }
  for (const name of NAMES) await hasAll(name)
  // On the wire by their tags, from the link-local address of the port.
  await tagged.waitFor(/vlan 2, .*> ff02::1: ICMP6, router advertisement/)
  await tagged.waitFor(/vlan 3, .*> ff02::1: ICMP6, router advertisement/)
  await tagged.stop('SIGTERM')

  // One VLAN's link is deleted: it is made anew, and its host has a router again; the other one is not touched.
  const other = gateway.ip('-o link show trunk0.3').split(':')[0]
  gateway.ip('link delete trunk0.2')
  await until('the link again', () => has('trunk0.2') && health().state === 'ok')
  assert.equal(gateway.ip('-o link show trunk0.3').split(':')[0], other)
  hosts.two.sh('ping', '-6', '-c', '1', '-W', '10', 'fd00:1:2:2::53')

  // The port itself goes and comes back: said with its name, then both VLANs are made anew.
  gateway.ip('link delete trunk0')
  await until('the trouble', () => health().problems.some((problem) => /"trunk0"/.test(problem)))
  assert.match(await solicit(hosts.plain), /Router lifetime +: +1800 /)
  cableTrunk(hosts.two, hosts.three)
  await untilOk()
  for (const name of ['two', 'three'] as const) await hasAll(name)

  // One VLAN leaves the document: it is withdrawn there only, and its link taken away.
  writeFileSync(SITE, document(TWO))
  await until('no route of three', () => route(hosts.three) === '')
  await until('no link of three', () => !has('trunk0.3'))
  assert.match(route(hosts.two), EXPECTED.two.route)
  assert.match(route(hosts.plain), EXPECTED.plain.route)

  // Down: everywhere, and the port is as it was found.
  assert.equal(await service.stop('SIGTERM'), 0)
  for (const host of [hosts.two, hosts.plain]) assert.equal(route(host), '')
  assert.equal(has('trunk0.2'), false)
  assert.equal(gateway.ip('-o -6 address show dev trunk0'), found)
})
