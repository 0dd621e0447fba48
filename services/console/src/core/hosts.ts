import { looksLikeClat } from './clat.ts'
import { withPrefix } from './si.ts'

/** The hosts of the site as instances of nat64 list them (question `hosts`), put together. */

export interface Carried {
  readonly packets: number
  readonly bytes: number
}

/** By path: in the kernel, or in nat64's own process. */
export interface ByPath {
  readonly fastPath: Carried
  readonly typescript: Carried
}

/** A host that has an IPv4 address of the pool. */
export interface Host {
  readonly ip6: string
  readonly ip4: string
  readonly pref64: string
  /** Seconds since its last packet. */
  readonly idleS: number
  /** Towards the IPv4 network, and back. */
  readonly out: ByPath
  readonly in: ByPath
}

/** What one instance answers to `{after}`: hosts behind that address, in the order of the IPv4 addresses. */
export interface HostsPage {
  readonly hosts: readonly Host[]
  readonly more: boolean
}

/** The number that an IPv4 address is. */
const order = (ip4: string): number => ip4.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)

const add = (a: Carried, b: Carried): Carried => ({ packets: a.packets + b.packets, bytes: a.bytes + b.bytes })
const addPaths = (a: ByPath, b: ByPath): ByPath => ({
  fastPath: add(a.fastPath, b.fastPath),
  typescript: add(a.typescript, b.typescript),
})

/** The same host as two instances know it: each counts what it carried itself. */
const merge = (a: Host, b: Host): Host => ({
  ...a,
  idleS: Math.min(a.idleS, b.idleS),
  out: addPaths(a.out, b.out),
  in: addPaths(a.in, b.in),
})

/**
 * One page of the site out of the same page of every instance: `hosts` as far as all of them told, and where to go on
 * (`after`); undefined: that was all.
 */
export const mergePages = (pages: readonly HostsPage[]): { hosts: Host[]; after: string | undefined } => {
  const ends = pages.flatMap(({ hosts, more }) => (more ? [hosts.at(-1)?.ip4 ?? ''] : []))
  const after = ends.toSorted((a, b) => order(a) - order(b))[0]
  const hosts = new Map<string, Host>()
  for (const host of pages.flatMap((page) => page.hosts)) {
    if (after !== undefined && order(host.ip4) > order(after)) continue
    const key = `${host.ip4} ${host.ip6}`
    const known = hosts.get(key)
    hosts.set(key, known === undefined ? host : merge(known, host))
  }
  return { hosts: [...hosts.values()].toSorted((a, b) => order(a.ip4) - order(b.ip4)), after }
}

/** What ra-advertiser answers to `hosts-seen`, as far as it is used here: a host with all its addresses. */
interface HostSeen {
  readonly mac: string
  readonly addresses: readonly string[]
  readonly isRouter?: boolean
}

export const isHostSeen = (entry: unknown): entry is HostSeen =>
  typeof entry === 'object' &&
  entry !== null &&
  'mac' in entry &&
  typeof entry.mac === 'string' &&
  'addresses' in entry &&
  Array.isArray(entry.addresses) &&
  entry.addresses.every((address) => typeof address === 'string')

/** Link-layer addresses by IPv6 address; what is not as expected (another version) leaves its column empty. */
export const macsOf = (answers: readonly unknown[]): Map<string, string> =>
  new Map(
    answers
      .flat()
      .filter(isHostSeen)
      .flatMap(({ mac, addresses }) => addresses.map((address) => [address, mac] as const)),
  )

const bytesOf = ({ fastPath, typescript }: ByPath): number => fastPath.bytes + typescript.bytes
const packetsOf = ({ fastPath, typescript }: ByPath): number => fastPath.packets + typescript.packets

/** Part of the packets that the kernel carried, in percent; `-` when there were none. */
const fastPart = ({ out, in: back }: Host): string => {
  const all = packetsOf(out) + packetsOf(back)
  return all === 0 ? '-' : `${Math.floor(((out.fastPath.packets + back.fastPath.packets) / all) * 100)} %`
}

/** Head and a row for each host, for columns. `showAge`: a duration for people. */
export const hostRows = (
  hosts: readonly Host[],
  macs: ReadonlyMap<string, string>,
  showAge: (ms: number) => string,
): string[][] => [
  ['IPV6', 'MAC', 'IPV4', 'PREF64', 'CLAT', 'OUT', 'IN', 'IN KERNEL', 'LAST SEEN'],
  ...hosts.map((host) => [
    host.ip6,
    macs.get(host.ip6) ?? '-',
    host.ip4,
    host.pref64,
    looksLikeClat(host.ip6, host.pref64) ? 'likely' : '-',
    `${packetsOf(host.out)} (${withPrefix(bytesOf(host.out), 'B')})`,
    `${packetsOf(host.in)} (${withPrefix(bytesOf(host.in), 'B')})`,
    fastPart(host),
    `${showAge(host.idleS * 1000)} ago`,
  ]),
]
