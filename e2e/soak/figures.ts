/** What a soak looks at once a minute, and by how much each may grow. */
import { readdir, readFile } from 'node:fs/promises'
import { KINDS, type Latencies } from '../chaos/meters.ts'
import { docker } from '../harness/engine.ts'
import { type Netns, runIn } from '../harness/netns.ts'
import type { RunningSite } from '../harness/running-site.ts'
import { SERVICES } from '../harness/stack.ts'
import type { Allowance } from './flat.ts'

/** Figures by name; one that could not be read is not there. */
export type Figures = Readonly<Record<string, number>>

export type Group = 'memory' | 'descriptors' | 'entries' | 'latency' | 'tail'

/** Memory is that of V8's heaps, which breathe. `tail`: the slowest percent of answers, which is mostly what else the machine does. */
export const ALLOWANCES: Readonly<Record<Group, Allowance>> = {
  memory: { share: 0.05, least: 4 },
  descriptors: { share: 0, least: 2 },
  entries: { share: 0.05, least: 5 },
  latency: { share: 0.25, least: 1 },
  tail: { share: 1, least: 10 },
}

const UNITS: Readonly<Record<Group, string>> = {
  memory: 'MiB',
  descriptors: '',
  entries: '',
  latency: 'ms',
  tail: 'ms',
}

/** `memory nat64` → the group, and what is shown. */
export const groupOf = (figure: string): Group => (figure.split(' ')[0] ?? '') as Group
export const unitOf = (figure: string): string => UNITS[groupOf(figure)]

/** A process and all below it. */
const treeOf = async (pid: number): Promise<number[]> => {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  const below = await Promise.all(
    children
      .split(' ')
      .filter(Boolean)
      .map(async (child) => await treeOf(Number(child))),
  )
  return [pid, ...below.flat()]
}

const residentMiB = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Resident memory and open descriptors of every service's container, with the init process that each has. */
const processes = async ({ stack }: RunningSite): Promise<Figures> => {
  const perService = SERVICES.map(async (service) => {
    const ids = (await stack.compose(['ps', '-q', service])).trim().split('\n')
    const pids = await Promise.all(
      ids.map(async (id) => await treeOf(Number(await docker(['inspect', '-f', '{{.State.Pid}}', id])))),
    )
    const all = pids.flat()
    const memory = sum(await Promise.all(all.map(residentMiB)))
    const descriptors = sum(await Promise.all(all.map(async (pid) => (await readdir(`/proc/${pid}/fd`)).length)))
    return [
      [`memory ${service}`, memory],
      [`descriptors ${service}`, descriptors],
    ] as const
  })
  return Object.fromEntries((await Promise.all(perService)).flat())
}

/** Gauges of the services, by the names that Prometheus has. */
const GAUGES: Readonly<Record<string, string>> = {
  sixgate_nat64_hosts: 'pool addresses given out',
  sixgate_nat64_alg_flows: 'connections followed for FTP and SIP',
  sixgate_nat64_fast_path_hosts: 'hosts in the map of the fast path',
  sixgate_dns64_cache_entries: 'answers in the cache of dns64',
  sixgate_dns64_lookups_in_flight: 'lookups under way in dns64',
  sixgate_nat44_firewall_conntrack_entries: 'flows in conntrack',
}

interface Sample {
  readonly name: string
  readonly value: number
}

const gauges = async ({ stack }: RunningSite): Promise<Figures> => {
  const { stdout } = await stack.sixgate(['metrics', '--json'])
  const { samples } = JSON.parse(stdout) as { readonly samples: readonly Sample[] }
  const known = samples.flatMap(({ name, value }) =>
    GAUGES[name] === undefined ? [] : [[GAUGES[name], value] as const],
  )
  return Object.fromEntries(known.map(([words, value]) => [`entries ${words}`, value]))
}

const listedHosts = async ({ stack }: RunningSite): Promise<Figures> => {
  const { stdout } = await stack.sixgate(['hosts', '--json'])
  return { 'entries hosts that sixgate lists': (JSON.parse(stdout) as { hosts: unknown[] }).hosts.length }
}

const neighbours = async (netns: Netns): Promise<Figures> => {
  const { stdout } = await runIn(netns, ['ip', '-6', 'neighbour', 'show'])
  return { 'entries neighbours in the kernel': stdout.split('\n').length - 1 }
}

const latencyFigures = (latencies: Latencies): Figures =>
  Object.fromEntries(
    KINDS.flatMap((kind) => {
      const { p50Ms, p99Ms } = latencies[kind]
      return [
        ...(p50Ms === undefined ? [] : [[`latency ${kind} p50`, p50Ms] as const]),
        ...(p99Ms === undefined ? [] : [[`tail ${kind} p99`, p99Ms] as const]),
      ]
    }),
  )

/** All figures now; latencies since they were read last. */
export const readFigures = async (site: RunningSite, latencies: Latencies): Promise<Figures> => ({
  ...(await processes(site)),
  ...(await gauges(site)),
  ...(await listedHosts(site)),
  ...(await neighbours(site.home.piNetns)),
  ...latencyFigures(latencies),
})
