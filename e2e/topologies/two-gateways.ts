/*
 * Two gateways on one LAN, behind one router of a provider, and a third machine beside them that keeps NATS alive when one is gone.
 *
 *   sixgate-client   sixgate-switch    sixgate-pi    "a"          sixgate-isp
 *  ┌──────────┐     ┌────────────┐    ┌──────────────────────┐   ┌───────────────────┐
 *  │     eth0 ├─────┤ client     │    │                      │   │                   │
 *  └──────────┘     │  br0   a   ├────┤ lan0   .2       eth0 ├───┤ wan0  home0  .1   │
 *                   │            │    └──────────────────────┘   │       (bridge)    ├── internet, as in home.ts
 *                   │            │     sixgate-pi-b  "b"         │                   │
 *                   │        b   │    ┌──────────────────────┐   │                   │
 *                   │            ├────┤ lan0   .3       eth0 ├───┤ wan1              │
 *                   └────────────┘    └──────────────────────┘   │                   │
 *                                      sixgate-pi-c  "c"         │                   │
 *                                     ┌──────────────────────┐   │                   │
 *                                     │ NATS alone .4   eth0 ├───┤ wan2              │
 *                                     └──────────────────────┘   └───────────────────┘
 *
 * It is the home of home.ts with other cables. The engine in sixgate-pi runs the containers of all three machines: those of b and c
 * are in the namespace of a container that only sleeps, where they would be in the host's, and otherwise as the compose files say.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../harness/command.ts'
import { docker, ROOT } from '../harness/engine.ts'
import { addNetns, cable, deleteNetns, ip, type Netns } from '../harness/netns.ts'
import { Stack } from '../harness/stack.ts'
import { until } from '../harness/until.ts'
import { buildHome, clearHome, CLIENT, type Home, ISP_ADDRESS, PROJECT, WAN_ADDRESS } from './home.ts'

/** One of the three machines. */
export interface Machine {
  readonly name: 'a' | 'b' | 'c'
  readonly netns: Netns
  readonly address: string
  readonly stack: Stack
}

export interface TwoGateways extends AsyncDisposable {
  readonly home: Home
  readonly client: Netns
  readonly a: Machine
  readonly b: Machine
  readonly c: Machine
  /** The power goes: every container of the machine is killed, its cables are dead. Returns when that was, on this process's clock. */
  powerOff(machine: Machine): Promise<number>
  /** Its cables work again; the containers are the caller's to start. */
  powerOn(machine: Machine): Promise<void>
}

const ADDRESSES = { a: WAN_ADDRESS, b: '203.0.113.3', c: '203.0.113.4' } as const
const LAN_MACS = { a: '02:00:5e:00:53:0a', b: '02:00:5e:00:53:0b' } as const
const SWITCH = 'sixgate-switch'
const SERVICES = ['nats', 'ra-advertiser', 'dns64', 'nat64', 'nat44-firewall', 'console'] as const

const holderOf = (name: string): string => `sixgate-pi-${name}`

/** A machine of its own: a namespace that a sleeping container keeps. */
const startHolder = async (name: 'b' | 'c'): Promise<Netns> => {
  const holder = holderOf(name)
  const options = ['--name', holder, '--label', 'sixgate.home', '--network', 'none', '--entrypoint', 'sleep']
  await docker(['run', '-d', '--init', ...options, 'sixgate/e2e-client', 'infinity'])
  const pid = Number(await docker(['inspect', '-f', '{{.State.Pid}}', holder]))
  return { pid }
}

/** The containers of a machine are in its namespace instead of the engine's. */
const overrideFor = (name: 'b' | 'c'): string =>
  `services:\n${SERVICES.map((service) => `  ${service}:\n    network_mode: "container:${holderOf(name)}"\n`).join('')}`

const connectWan = async (isp: Netns, machine: Netns, port: string, address: string): Promise<void> => {
  await cable({ in: machine, link: 'eth0' }, { in: isp, link: port })
  await ip(isp, `link set ${port} master home0`)
  await ip(machine, `address add ${address}/24 dev eth0`)
  await ip(machine, `route add default via ${ISP_ADDRESS}`)
}

/** Builds it; `documentOf` makes site.yaml. Removes what it made when it fails. */
export async function buildTwoGateways(siteDocument: string): Promise<TwoGateways> {
  await clearTwoGateways()
  const home = await buildHome(siteDocument)
  try {
    return await build(home, siteDocument)
  } catch (error) {
    await clearTwoGateways()
    throw error
  }
}

async function build(home: Home, siteDocument: string): Promise<TwoGateways> {
  const { ispNetns: isp, piNetns, siteDir, resolvDir } = home
  const client = await until('the client has a process', 10, async () => {
    const pid = Number(await docker(['inspect', '-f', '{{.State.Pid}}', CLIENT]))
    return pid > 0 ? { pid } : undefined
  })
  // The provider's router has a switch inside.
  await ip(isp, `address delete ${ISP_ADDRESS}/24 dev wan0`)
  await ip(isp, 'link add home0 up type bridge')
  await ip(isp, 'link set wan0 master home0')
  await ip(isp, `address add ${ISP_ADDRESS}/24 dev home0`)
  const netns = { a: piNetns, b: await startHolder('b'), c: await startHolder('c') }
  await connectWan(isp, netns.b, 'wan1', ADDRESSES.b)
  await connectWan(isp, netns.c, 'wan2', ADDRESSES.c)

  await home.disconnectLan()
  const lan = await addNetns(SWITCH)
  await ip(lan, 'link add br0 up type bridge')
  await cable({ in: lan, link: 'to-client' }, { in: client, link: 'eth0', mac: '02:00:5e:00:53:02' })
  for (const name of ['a', 'b'] as const)
    await cable({ in: lan, link: `to-${name}` }, { in: netns[name], link: 'lan0', mac: LAN_MACS[name] })
  for (const port of ['client', 'a', 'b']) await ip(lan, `link set to-${port} master br0`)

  const certificates = join(siteDir, '../certificates')
  const names = ['a', 'b', 'c'] as const
  await must([`${ROOT}deploy/cluster-keys.sh`, certificates, ...names.map((name) => `${name}=${ADDRESSES[name]}`)])
  const machineOf = async (name: 'a' | 'b' | 'c'): Promise<Machine> => {
    const ownDir = name === 'a' ? siteDir : join(siteDir, `../site-${name}`)
    await mkdir(ownDir, { recursive: true })
    await writeFile(join(ownDir, 'site.yaml'), siteDocument)
    const variables = {
      SIXGATE_GATEWAY: name,
      SIXGATE_PUBLISH: name === 'a' ? 'yes' : 'no',
      SIXGATE_CLUSTER_DIR: join(certificates, name),
      SIXGATE_ROUTES: names.map((one) => `nats-route://${ADDRESSES[one]}:6222`).join(),
    }
    const files = ['docker-compose.yml', 'deploy/compose.two.yml']
    if (name !== 'a') {
      const override = join(siteDir, `../compose.${name}.yml`)
      await writeFile(override, overrideFor(name))
      files.push(override)
    }
    const project = name === 'a' ? PROJECT : `${PROJECT}-${name}`
    const stack = new Stack(project, { siteDir: ownDir, resolvDir, variables }, files)
    return { name, netns: netns[name], address: ADDRESSES[name], stack }
  }
  const [a, b, c] = [await machineOf('a'), await machineOf('b'), await machineOf('c')]
  // The far ends of its cables: a service that still runs for a moment cannot set them up again.
  const setCables = async ({ name }: Machine, state: 'up' | 'down'): Promise<void> => {
    if (name !== 'c') await ip(lan, `link set to-${name} ${state}`)
    await ip(isp, `link set ${{ a: 'wan0', b: 'wan1', c: 'wan2' }[name]} ${state}`)
  }
  return {
    home,
    client,
    a,
    b,
    c,
    powerOff: async (machine) => {
      const ids = (await machine.stack.compose(['ps', '-q'])).trim().split('\n')
      await setCables(machine, 'down')
      const atMs = performance.now()
      await docker(['kill', ...ids])
      return atMs
    },
    powerOn: async (machine) => await setCables(machine, 'up'),
    [Symbol.asyncDispose]: clearTwoGateways,
  }
}

/** Removes everything a run makes, wherever that run stopped. */
export async function clearTwoGateways(): Promise<void> {
  await clearHome()
  await deleteNetns(SWITCH)
}
