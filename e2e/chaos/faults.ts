import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { must } from '../harness/command.ts'
import { docker, ROOT } from '../harness/engine.ts'
import { inNetns, ip } from '../harness/netns.ts'
import type { RunningSite } from '../harness/running-site.ts'
import { SERVICES, type ServiceName } from '../harness/stack.ts'
import { poolAddress } from '../suites/pool-address.ts'
import { type Kind, KINDS } from './meters.ts'
import { CLIENT, ISP_ADDRESS, WAN_ADDRESS } from '../topologies/home.ts'

/** How long what stands still stands still, and what is away is away. */
const SPELL_MS = 8000
const MINUTES = Number(process.env['CHAOS_MINUTES'] ?? 0.5)

/** Something that goes wrong on a gateway. */
export interface Fault {
  readonly name: string
  /** What a user may lose by it, for the table: nothing else may be lost. */
  readonly expected: string
  /** Does it, and ends it where it does not mend itself; resolves when the site could be well again. */
  readonly strike: (site: RunningSite) => Promise<void>
  /** Of what answers may be missing: of nothing else. */
  readonly costs: readonly Kind[]
  /** The one connection that stays may break. */
  readonly breaksConnections?: true
  /** The gateway may say that it goes (RFC 4861 §6.2.5), since it does. */
  readonly withdraws?: true
}

const containerOf = async ({ stack }: RunningSite, service: ServiceName): Promise<string> =>
  (await stack.compose(['ps', '-q', service])).trim().split('\n')[0] ?? ''

const pidOf = async (container: string): Promise<number> =>
  Number(await docker(['inspect', '-f', '{{.State.Pid}}', container]))

/** SIGKILL from outside of Docker, as the kernel does it when memory is out: Docker then starts it anew. */
const kill = async (site: RunningSite, service: ServiceName): Promise<void> => {
  process.kill(await pidOf(await containerOf(site, service)), 'SIGKILL')
}

const volume = async (name: string): Promise<string> =>
  (await docker(['volume', 'inspect', '-f', '{{.Mountpoint}}', `sixgate_${name}`])).trim()

/** Runs a script of this directory with the machine's Node in a namespace. */
const inside = async (netns: Parameters<typeof inNetns>[0], script: string, ...words: string[]): Promise<string> =>
  await must(inNetns(netns, [process.execPath, `${ROOT}e2e/chaos/${script}`, ...words]), { deadlineS: 120 })

const client = async (): Promise<{ pid: number }> => ({ pid: await pidOf(CLIENT) })

/** A /22 of the pool that has the client's address: who has an address keeps it. */
const smallPool = async ({ home }: RunningSite): Promise<string> => {
  const [a, b, c] = (await poolAddress(home)).split('.')
  return `${a}.${b}.${Number(c) & ~3}.0/22`
}

/** What goes through the translation. */
const IPV4: readonly Kind[] = ['ping', 'udp', 'http']
const ALL: readonly Kind[] = KINDS

const killed = (service: ServiceName, expected: string, costs: readonly Kind[] = []): Fault => ({
  name: `${service} killed (SIGKILL)`,
  expected,
  costs,
  strike: (site) => kill(site, service),
})

const paused = (service: ServiceName, expected: string, costs: readonly Kind[] = []): Fault => ({
  name: `${service} stands still for ${SPELL_MS / 1000} s (SIGSTOP)`,
  expected,
  costs,
  strike: async (site) => {
    const container = await containerOf(site, service)
    await docker(['pause', container])
    await pause(SPELL_MS)
    await docker(['unpause', container])
  },
})

const WHILE_NAT64_STARTS = 'IPv4 until nat64 is back'
const WHILE_DNS64_STARTS = 'names until dns64 is back'

export const FAULTS: readonly Fault[] = [
  killed('ra-advertiser', 'nothing'),
  killed('dns64', WHILE_DNS64_STARTS, ['dns']),
  killed('nat64', WHILE_NAT64_STARTS, IPV4),
  killed('nat44-firewall', 'nothing'),
  killed('console', 'nothing'),
  killed('nats', 'nothing'),
  {
    name: 'all six killed at once',
    expected: `${WHILE_NAT64_STARTS}, ${WHILE_DNS64_STARTS}`,
    costs: ALL,
    strike: async (site) => {
      const pids = await Promise.all(SERVICES.map(async (service) => await pidOf(await containerOf(site, service))))
      for (const pid of pids) process.kill(pid, 'SIGKILL')
    },
  },
  paused('ra-advertiser', 'nothing'),
  paused('dns64', `names for ${SPELL_MS / 1000} s`, ['dns']),
  paused('nat64', `IPv4 for ${SPELL_MS / 1000} s`, IPV4),
  paused('nat44-firewall', 'nothing'),
  paused('nats', 'nothing'),
  {
    name: 'NATS loses its storage',
    expected: 'nothing',
    costs: [],
    strike: async (site) => {
      await site.stack.compose(['stop', 'nats'])
      await must(['sh', '-c', `rm -rf ${await volume('nats')}/*`])
      await site.stack.compose(['start', 'nats'])
    },
  },
  {
    name: 'NATS storage overwritten with noise',
    expected: 'nothing',
    costs: [],
    strike: async (site) => {
      await site.stack.compose(['stop', 'nats'])
      const files = (await must(['find', await volume('nats'), '-type', 'f', '-size', '+0'])).trim().split('\n')
      for (const file of files)
        await must(['dd', 'of=' + file, 'bs=64', 'seek=1', 'conv=notrunc', 'status=none'], {
          input: randomBytes(256).toString('latin1'),
        })
      await site.stack.compose(['start', 'nats'])
    },
  },
  {
    name: 'nonsense in every bucket, with the keys of the services',
    expected: 'nothing',
    costs: [],
    strike: async (site) => {
      const keys = await Promise.all(
        ['console', 'nat64', 'ra-advertiser', 'dns64'].map(async (one) => `${one}=${await volume(`keys-${one}`)}/seed`),
      )
      await inside(site.home.piNetns, 'nonsense.ts', ...keys)
    },
  },
  {
    name: `the state of nat64 has no room, and nat64 is restarted`,
    expected: WHILE_NAT64_STARTS,
    costs: IPV4,
    strike: async (site) => {
      const directory = await volume('state-nat64')
      await must(['mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', directory])
      try {
        await must(['sh', '-c', `dd if=/dev/zero of=${directory}/filler bs=4k 2>/dev/null; true`])
        await site.stack.compose(['restart', 'nat64'])
        await pause(SPELL_MS)
      } finally {
        await must(['umount', '-l', directory])
      }
      await site.stack.compose(['restart', 'nat64'])
    },
  },
  {
    name: 'LAN link down for 5 s',
    expected: 'all of it for 5 s',
    costs: ALL,
    strike: async ({ home }) => {
      await ip(home.piNetns, 'link set lan0 down')
      await pause(5000)
      await ip(home.piNetns, 'link set lan0 up')
    },
  },
  {
    name: 'the WAN address changes',
    expected: 'connections that stood; the rest for a moment',
    costs: ALL,
    breaksConnections: true,
    strike: async ({ home }) => {
      await ip(home.piNetns, `address delete ${WAN_ADDRESS}/24 dev eth0`)
      await ip(home.piNetns, `address add 203.0.113.77/24 dev eth0`)
      await ip(home.piNetns, `route replace default via ${ISP_ADDRESS}`)
    },
  },
  {
    name: 'the WAN address changes back',
    expected: 'connections that stood; the rest for a moment',
    costs: ALL,
    breaksConnections: true,
    strike: async ({ home }) => {
      await ip(home.piNetns, `address delete 203.0.113.77/24 dev eth0`)
      await ip(home.piNetns, `address add ${WAN_ADDRESS}/24 dev eth0`)
      await ip(home.piNetns, `route replace default via ${ISP_ADDRESS}`)
    },
  },
  {
    name: 'somebody deletes the link nat64 (TUN)',
    expected: 'IPv4 until it is made anew',
    costs: IPV4,
    strike: ({ home }) => ip(home.piNetns, 'link delete nat64').then(() => undefined),
  },
  {
    name: 'somebody flushes nftables (all tables, those of Docker too)',
    expected: 'IPv4 until the rules are back',
    costs: IPV4,
    strike: async ({ home }) => {
      await must(inNetns(home.piNetns, ['nft', 'flush', 'ruleset']))
    },
  },
  {
    name: `20 config changes a minute for ${MINUTES} min, a third of them bad`,
    expected: 'nothing',
    costs: [],
    strike: async (site) => {
      const good = await site.readDocument()
      const endMs = performance.now() + MINUTES * 60_000
      const bad = [
        (text: string) => text.replace('64:ff9b::/96', '64:ff9b::/72'),
        (text: string) => text.replace('pref64:\n', 'pref64: [\n'),
        (text: string) => text.replace('router: ::1', 'ruoter: ::1'),
      ]
      for (let count = 0; performance.now() < endMs; count++) {
        const changed = good.replace('linkMtu: 1500', `linkMtu: ${1500 - (count % 7)}`)
        await site.writeDocument(count % 3 === 2 ? (bad[((count / 3) % bad.length) | 0] ?? String)(changed) : changed)
        await pause(3000)
      }
      await site.writeDocument(good)
    },
  },
  {
    name: '5,000 LAN addresses want a pool address, the pool has 1,022',
    expected: 'new hosts find no address until those are given back; others nothing',
    costs: [],
    strike: async (site) => {
      const good = await site.readDocument()
      await site.writeDocument(good.replace('198.18.0.0/16', await smallPool(site)))
      await pause(3000)
      await inside(await client(), 'load.ts', 'hosts', '5000')
      await site.writeDocument(good)
    },
  },
  {
    name: '100,000 names a minute from one host, for 20 s',
    expected: 'that host is sent to TCP beyond its rate; others nothing',
    costs: [],
    strike: async () => {
      await inside(await client(), 'load.ts', 'names', '20')
    },
  },
  {
    name: 'a UDP flood from the LAN for 8 s',
    expected: 'what the CPU cannot carry',
    costs: ALL,
    strike: async () => {
      await inside(await client(), 'load.ts', 'udp', '8')
    },
  },
  {
    name: 'a flood of TCP connections (SYN) from the LAN for 8 s',
    expected: 'new flows of that host beyond its limit; others nothing',
    costs: [],
    strike: async () => {
      await inside(await client(), 'load.ts', 'syn', '8')
    },
  },
  {
    // The last one: the client's container is not started again, its namespace lives on with what measures in it.
    name: 'dockerd is restarted (SIGTERM, as an upgrade of it does)',
    expected: 'all of it until the services are back',
    costs: ALL,
    breaksConnections: true,
    // It stops all of them, as `down` does.
    withdraws: true,
    strike: async ({ home }) => {
      await must([`${ROOT}deploy/machine/engine.sh`, 'site-stop', '--keep'], { deadlineS: 120 })
      await must([`${ROOT}deploy/machine/engine.sh`, 'site-start', 'sixgate-pi', home.resolvConf], { deadlineS: 120 })
      await home.restartInternet()
    },
  },
]
