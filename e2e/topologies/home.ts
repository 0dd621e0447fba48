/*
 * A home: one Pi between an IPv6-only LAN and an IPv4-only uplink.
 *
 *  IPv6 only │                                                                                     │ IPv4 only
 *
 *  sixgate-client          sixgate-pi                  sixgate-isp          sixgate-core          sixgate-internet
 *  (container)             (namespace)                 (namespace)          (namespace)           (container)
 * ┌──────────────┐  LAN   ┌─────────────────────┐ WAN ┌──────────────┐     ┌──────────────┐      ┌─────────────────────┐
 * │         eth0 ├────────┤ lan0           eth0 ├─────┤ wan0   core0 ├─────┤ isp0    net0 ├──────┤ eth0                │
 * │  no address  │        │ no address     .2   │     │ .1      .1   │     │ .2       .1  │      │ .5  iperf3          │
 * │  given       │        │ given               │     └──────────────┘     └──────────────┘      │ .7  UDP echo        │
 * └──────────────┘        │ dockerd: the real   │  203.0.113.0/24   192.0.2.0/30   198.51.100.0/24│ .53 DNS             │
 *                         │ docker-compose.yml  │                                                │ .80 .81 .82 web     │
 *                         └─────────────────────┘                                                └─────────────────────┘
 *
 * The Pi gets what a router at home gets from its provider: one IPv4 address, a default route, a DNS server. Its LAN
 * port and the client get nothing: what they have later, the stack gave them. The Docker engine runs inside
 * sixgate-pi, so the compose file's `network_mode: host` is that namespace, and the machine's own network is never
 * touched: every cable is made straight into two namespaces. All links have MTU 1500. The LAN is untagged, because
 * the kernels this runs on have no 802.1q; in guests that have it (e2e/vm, suite site) the client is behind a VLAN.
 * Only addresses that RFC 5737 set aside for documentation are used, so nothing is private by accident.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { docker, dockerHost, startEngine, stopEngine, tryDocker } from '../harness/engine.ts'
import { onlyOne } from '../harness/only-one.ts'
import { addNetns, cable, deleteNetns, ip, type Netns, netnsExists, setSysctl } from '../harness/netns.ts'
import { containerPlace, netnsPlace, type Place } from '../harness/place.ts'
import { until, untilTrue } from '../harness/until.ts'

/** Addresses of the picture above; the DNS zones and servers in e2e/images/internet say the same. */
export const WAN_ADDRESS = '203.0.113.2'
export const ISP_ADDRESS = '203.0.113.1'
export const CORE_ADDRESS = '192.0.2.2'
export const SPEED_ADDRESS = '198.51.100.5'
export const ECHO_ADDRESS = '198.51.100.7'
export const DNS_ADDRESS = '198.51.100.53'
export const WEB_ADDRESSES = ['198.51.100.80', '198.51.100.81', '198.51.100.82'] as const
/** The last router answers for these itself: 3/1 host unreachable, 3/13 prohibited (RFC 1812 §5.2.7.1). */
export const UNREACHABLE_ADDRESS = '198.51.100.130'
export const PROHIBITED_ADDRESS = '198.51.100.200'

export const CLIENT = 'sixgate-client'
export const INTERNET = 'sixgate-internet'
/** The compose project that the demo and the tests bring up. */
export const PROJECT = 'sixgate'

const PI: Netns = { name: 'sixgate-pi' }
const ISP: Netns = { name: 'sixgate-isp' }
const CORE: Netns = { name: 'sixgate-core' }

/** Files of a run: one at a time, so the name is fixed and the next run can clear it. */
const RUN_DIR = join(tmpdir(), 'sixgate-home')
const FILES = {
  siteDir: join(RUN_DIR, 'site'),
  resolvDir: join(RUN_DIR, 'resolv'),
  resolvConf: join(RUN_DIR, 'resolv/resolv.conf'),
} as const

/** The topology while it stands. */
export interface Home extends AsyncDisposable {
  readonly client: Place
  readonly pi: Place
  readonly internet: Place
  readonly piNetns: Netns
  /** The provider's router: the far end of the WAN cable is its wan0. */
  readonly ispNetns: Netns
  readonly coreNetns: Netns
  /** Goes to compose as SIXGATE_SITE_DIR. Removed at the end. */
  readonly siteDir: string
  /** Goes to compose as SIXGATE_RESOLV_DIR: where `resolvConf` is. */
  readonly resolvDir: string
  /** The provider's name server, as a resolv.conf: what the Pi's own /etc/resolv.conf would say. */
  readonly resolvConf: string
  /** For people who want to look around: what it opens, and the command. */
  readonly doors: readonly (readonly [what: string, command: string])[]
  /** MTU of the link between the two routers, 1500 at first: a tunnel somewhere in the internet. */
  setPathMtu(bytes: number): Promise<void>
  /** Makes the client and the servers forget what they learned about path MTUs. */
  forgetPathMtu(): Promise<void>
  /** Takes the Pi's LAN port away, as if the adapter was pulled out; `connectLan` plugs it in again. */
  disconnectLan(): Promise<void>
  connectLan(): Promise<void>
  /** After the engine was restarted: the servers run again, at their cable. */
  restartInternet(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What may differ between homes. */
export interface HomeOptions {
  /** The client is in the VLAN with this id on the LAN cable (802.1Q §9.6); the Pi's lan0 is the trunk. Default: untagged. */
  readonly vlan?: number
}

/** Builds the home, clearing the remains of an earlier run first. `siteDocument` becomes site.yaml. Removes what it made when it fails. */
export async function buildHome(siteDocument: string, options: HomeOptions = {}): Promise<Home> {
  await clearHome()
  try {
    const { siteDir, resolvDir, resolvConf } = FILES
    await mkdir(RUN_DIR, { mode: 0o700 })
    await mkdir(siteDir)
    await mkdir(resolvDir)
    await writeFile(join(siteDir, 'site.yaml'), siteDocument)
    await writeFile(resolvConf, `nameserver ${DNS_ADDRESS}\n`)
    return await build(options)
  } catch (error) {
    await clearHome()
    throw error
  }
}

/**
 * The same home after a reboot of the machine that it is played on: cables, provider and internet are made again; the Pi has its files
 * and its engine, and what that starts it starts by itself.
 */
export async function rebootedHome(options: HomeOptions = {}): Promise<Home> {
  await onlyOne()
  return await build(options)
}

async function build({ vlan }: HomeOptions): Promise<Home> {
  const { siteDir, resolvDir, resolvConf } = FILES
  await addNetns('sixgate-pi')
  await startEngine('sixgate-pi', resolvConf)
  await removeContainers('label=sixgate.home')
  const pi = netnsPlace('pi', PI, siteDir)
  const internet = await buildInternet(pi)
  // It plays a whole machine, hence --privileged: it takes the engine's resolv.conf away (e2e/images/client/start).
  const client = await startContainer(CLIENT, ['--privileged', 'sixgate/e2e-client'])
  const connectLan = () => plugClientIn(client, vlan)
  await connectLan()
  await untilTrue('duplicate address detection is over on the Pi', 10, async () => {
    return (await ip(PI, '-6 address show tentative')) === ''
  })
  const host = await dockerHost()
  return {
    client: containerPlace('client', CLIENT),
    pi,
    internet: containerPlace('internet', INTERNET),
    piNetns: PI,
    ispNetns: ISP,
    coreNetns: CORE,
    siteDir,
    resolvDir,
    resolvConf,
    doors: [
      ['a shell in the client', `docker --host ${host} exec -it ${CLIENT} bash`],
      ['a shell on the internet', `docker --host ${host} exec -it ${INTERNET} bash`],
      [
        'a shell on the Pi',
        `DOCKER_HOST=${host} SIXGATE_SITE_DIR=${siteDir} SIXGATE_RESOLV_DIR=${resolvDir} nsenter --net=/run/netns/sixgate-pi bash`,
      ],
      ['the site document', `${siteDir}/site.yaml`],
    ],
    setPathMtu: async (bytes) => {
      await ip(ISP, `link set core0 mtu ${bytes}`)
      await ip(CORE, `link set isp0 mtu ${bytes}`)
    },
    forgetPathMtu: async () => {
      await ip(internet, '-4 route flush cache')
      await ip(client, '-6 route flush cache')
    },
    disconnectLan: async () => {
      await ip(PI, 'link delete lan0')
    },
    connectLan,
    restartInternet: async () => {
      await docker(['start', INTERNET])
      await plugInternet(await netnsOf(INTERNET))
    },
    [Symbol.asyncDispose]: clearHome,
  }
}

/** Removes everything a run makes, wherever that run stopped: the stack, both containers, the engine, the namespaces. */
export async function clearHome(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('the simulated site needs root: it makes network namespaces')
  await onlyOne()
  if ((await tryDocker(['version'], { deadlineS: 10 })).code === 0) {
    await removeContainers(`label=com.docker.compose.project=${PROJECT}`)
    await removeContainers('label=sixgate.home')
    const volumes = await docker(['volume', 'ls', '-q', '--filter', `label=com.docker.compose.project=${PROJECT}`])
    if (volumes !== '') await docker(['volume', 'rm', ...volumes.trim().split('\n')])
  }
  await deleteNetns('sixgate-core')
  await deleteNetns('sixgate-isp') // with it the Pi's eth0, whose other end it holds
  await rm(RUN_DIR, { recursive: true, force: true })
  if (!netnsExists('sixgate-pi')) return
  await stopEngine()
  await deleteNetns('sixgate-pi')
}

async function removeContainers(filter: string): Promise<void> {
  const ids = (await docker(['ps', '-aq', '--filter', filter])).trim()
  if (ids !== '') await docker(['rm', '-f', '-v', ...ids.split('\n')])
}

/** Routers and servers, up to the Pi's WAN port. Returns when the Pi can ask the DNS server. */
async function buildInternet(pi: Place): Promise<Netns> {
  await addNetns('sixgate-isp')
  await addNetns('sixgate-core')
  const internet = await startContainer(INTERNET, ['--cap-add', 'NET_ADMIN', 'sixgate/e2e-internet'])
  for (const netns of [ISP, CORE]) await setIpv4Only(netns)
  await setSysctl(ISP, 'ipv4/ip_forward', 1)
  await setSysctl(CORE, 'ipv4/ip_forward', 1)

  await cable({ in: PI, link: 'eth0' }, { in: ISP, link: 'wan0' })
  await cable({ in: ISP, link: 'core0' }, { in: CORE, link: 'isp0' })
  await ip(PI, `address add ${WAN_ADDRESS}/24 dev eth0`)
  await ip(PI, `route add default via ${ISP_ADDRESS}`)
  await ip(ISP, `address add ${ISP_ADDRESS}/24 dev wan0`)
  await ip(ISP, 'address add 192.0.2.1/30 dev core0')
  await ip(ISP, `route add 198.51.100.0/24 via ${CORE_ADDRESS}`)
  await ip(CORE, `address add ${CORE_ADDRESS}/30 dev isp0`)
  await ip(CORE, 'route add 203.0.113.0/24 via 192.0.2.1')
  await ip(CORE, 'route add unreachable 198.51.100.128/26')
  await ip(CORE, 'route add prohibit 198.51.100.192/26')
  await plugInternet(internet)
  await untilTrue('the internet serves DNS and the web to the Pi', 20, async () => {
    const web = await pi.type(`curl -s -m 2 http://${WEB_ADDRESSES[0]}/`)
    const dns = await pi.type(`dig +short +time=1 +tries=1 @${DNS_ADDRESS} A speed.example`)
    return web.output.includes(WAN_ADDRESS) && dns.output.trim() === SPEED_ADDRESS
  })
  return internet
}

async function setIpv4Only(netns: Netns): Promise<void> {
  await setSysctl(netns, 'ipv6/conf/all/disable_ipv6', 1)
  await setSysctl(netns, 'ipv6/conf/default/disable_ipv6', 1)
  // One ICMP error per second and peer is Linux's default; here each packet that earns one gets it.
  await setSysctl(netns, 'ipv4/icmp_ratelimit', 0)
}

/** Cable, addresses and route of the servers; a cable that is there already goes, since its far end is another container's. */
async function plugInternet(internet: Netns): Promise<void> {
  await setIpv4Only(internet)
  if ((await ip(CORE, '-brief link show')).includes('net0@')) await ip(CORE, 'link delete net0')
  await cable({ in: CORE, link: 'net0' }, { in: internet, link: 'eth0' })
  await ip(CORE, 'address add 198.51.100.1/24 dev net0')
  // The servers start when the last of these is there (e2e/images/internet/start).
  for (const address of [SPEED_ADDRESS, ...WEB_ADDRESSES, DNS_ADDRESS, ECHO_ADDRESS]) {
    await ip(internet, `address add ${address}/24 dev eth0`)
  }
  await ip(internet, 'route add default via 198.51.100.1')
}

async function startContainer(name: string, argv: readonly string[]): Promise<Netns> {
  await docker([
    'run',
    '-d',
    '--name',
    name,
    '--hostname',
    name,
    '--label',
    'sixgate.home',
    '--network',
    'none',
    ...argv,
  ])
  return await netnsOf(name)
}

async function netnsOf(container: string): Promise<Netns> {
  const pid = await until(`${container} has a process`, 10, async () => {
    const text = await docker(['inspect', '-f', '{{.State.Pid}}', container])
    return Number(text) > 0 ? Number(text) : undefined
  })
  return { pid }
}

// Fixed addresses (locally administered): the same adapter is plugged in again.
async function plugClientIn(client: Netns, vlan: number | undefined): Promise<void> {
  const port = vlan === undefined ? 'eth0' : 'port0'
  const end = { in: client, link: port, mac: '02:00:5e:00:53:02' }
  await cable({ in: PI, link: 'lan0', mac: '02:00:5e:00:53:01' }, end)
  if (vlan !== undefined) await ip(client, `link add link ${port} name eth0 up type vlan id ${vlan}`)
}
