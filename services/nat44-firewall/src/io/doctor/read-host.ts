import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statfsSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type Prefix4, type Prefix6, prefix4Of, prefix6Of } from '@sixgate/addr'
import { addresses, link, links, Sysctls } from '@sixgate/host'
import { messageOf } from '@sixgate/obs'
import { lanLinkNames, type Site } from '@sixgate/site'
import {
  chooseChain,
  engineBackend,
  type FilterTable,
  foreignDrops,
  planDocker,
  wantedRules,
} from '../../core/docker.ts'
import { flowtableCandidates } from '../../core/flowtable.ts'
import { IP6_FORWARD, IP_FORWARD } from '../../core/forwarding.ts'
import type { HostFilter, HostLink, HostReport, PortHolder } from '../../core/doctor/host-report.ts'
import { parseListeners } from '../../core/doctor/listeners.ts'
import { findUplinks } from '../../core/uplinks.ts'
import { siteLinks, TUN_LINK } from '../../core/zones.ts'
import { takesFlowtable } from '../flowtable-self-test.ts'
import { readConntrackUse, readSysctlState, readUplinkState } from '../host-facts.ts'
import { FLAVOURS, readFilterTable, readForwardChains } from '../iptables-tool.ts'
import { isWritable } from '../is-writable.ts'
import { NftError } from '../run-tool.ts'
import { isClockSynchronised } from './clock.ts'
import { missingOptions } from './kernel-options.ts'

/** Where to look, and what is known already. */
export interface Lookout {
  readonly site: Site | string
  readonly isRunning: boolean
  readonly sysctlRoot: string
  readonly stateDir: string
  readonly remembered: readonly string[]
}

const networksOf = (): ReadonlyMap<number, readonly (Prefix4 | Prefix6)[]> => {
  const found = new Map<number, (Prefix4 | Prefix6)[]>()
  for (const address of addresses()) {
    const network =
      address.family === 4 ? prefix4Of(address.ip, address.lenBits) : prefix6Of(address.ip, address.lenBits)
    found.set(address.ifindex, [...(found.get(address.ifindex) ?? []), network])
  }
  return found
}

const readLinks = (): readonly HostLink[] => {
  const networks = networksOf()
  return links().map(({ index, name, mtu, up, kind }) => ({
    name,
    mtuBytes: mtu,
    isUp: up,
    isBridge: kind === 'bridge',
    networks: networks.get(index) ?? [],
  }))
}

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** linux/capability.h: bit numbers of the effective set. */
const CAP_NET_ADMIN = 12n
const CAP_NET_RAW = 13n

const readCapabilities = (): HostReport['capabilities'] => {
  const [, hex = '0'] = /^CapEff:\s*([0-9a-f]+)/m.exec(readText('/proc/self/status') ?? '') ?? []
  const effective = BigInt(`0x${hex}`)
  const has = (bit: bigint): boolean => ((effective >> bit) & 1n) === 1n
  return { netAdmin: has(CAP_NET_ADMIN), netRaw: has(CAP_NET_RAW) }
}

/** In a container the device is there only for nat64; the TUN itself can be seen by all. */
const readTun = (hostLinks: readonly HostLink[]): boolean | undefined => {
  if (hostLinks.some(({ name }) => name === TUN_LINK)) return true
  if (existsSync('/dev/net/tun')) return statSync('/dev/net/tun').isCharacterDevice()
  // Misc devices that the kernel knows; the same list in every container.
  const misc = readText('/proc/misc')
  return misc === undefined ? undefined : /\btun$/m.test(misc)
}

/** The configuration that the kernel was built with, where it can be seen. */
const kernelConfig = (): string | undefined => {
  try {
    return gunzipSync(readFileSync('/proc/config.gz')).toString()
  } catch {
    return readText(`/boot/config-${readText('/proc/sys/kernel/osrelease')?.trim()}`)
  }
}

const has8021q = (): boolean | undefined => {
  if (existsSync('/proc/net/vlan/config') || existsSync('/sys/module/8021q')) return true
  const config = kernelConfig()
  return config === undefined ? undefined : /^CONFIG_VLAN_8021Q=[ym]/m.test(config)
}

const programOf = (inode: string): string | undefined => {
  const wanted = `socket:[${inode}]`
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      if (readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === wanted))
        return readText(`/proc/${pid}/comm`)?.trim()
    } catch {
      // Gone meanwhile, or of somebody else.
    }
  return undefined
}

const readPort = (port: number, tables: readonly string[]): readonly PortHolder[] => {
  const rows = tables.flatMap((table) => parseListeners(readText(`/proc/net/${table}`) ?? '', port))
  const byAddress = new Map(rows.map((row) => [row.address, row.inode]))
  return [...byAddress].map(([address, inode]) => ({ address, program: programOf(inode) }))
}
const DNS_PORT = 53
const TCP = ['tcp', 'tcp6'] as const
const UDP = ['udp', 'udp6'] as const

const readWebPort = (site: Site | string): HostReport['webPort'] => {
  if (typeof site === 'string' || !site.console.web) return undefined
  const { port } = site.console
  return { port, holders: readPort(port, TCP) }
}

const readClock = (): HostReport['clock'] => {
  const unixMs = Date.now()
  return { unixMs, text: `${new Date(unixMs).toISOString().slice(0, 19)}Z`, isSynchronised: isClockSynchronised() }
}

const readDisk = (path: string): HostReport['disk'] => {
  try {
    accessSync(path, constants.W_OK)
    const { bavail, blocks, bsize } = statfsSync(path)
    return { path, freeBytes: bavail * bsize, sizeBytes: blocks * bsize }
  } catch (error) {
    return `${path} cannot be written: ${messageOf(error)}`
  }
}

const readSysctls = (root: string, uplinks: readonly string[]): HostReport['sysctls'] => {
  const sysctls = new Sysctls(root)
  const state = readSysctlState(sysctls, uplinks)
  const bridge = (name: string): boolean => sysctls.read(`bridge/bridge-nf-call-${name}`) === '1'
  return {
    ipForward: sysctls.read(IP_FORWARD),
    ip6Forward: sysctls.read(IP6_FORWARD),
    acceptRa: new Map([...state.acceptRa].filter(([name]) => state.routesByRa.includes(name))),
    bridgeNf: { ip4: bridge('iptables'), ip6: bridge('ip6tables') },
    isWritable: isWritable(join(root, IP_FORWARD)),
  }
}

/** Filter tables with a chain FORWARD, and what they would do to the packets of the site. Throws NftError. */
const readFilters = async (site: Site | string, uplinks: readonly string[]) => {
  const chains = await readForwardChains()
  const filters: HostFilter[] = []
  const tables: (readonly [flavour: 'nft' | 'legacy', table: FilterTable])[] = []
  for (const flavour of FLAVOURS) {
    const table = await readFilterTable(flavour, chains)
    if (table.forwardPolicy === undefined) continue
    tables.push([flavour.backend, table])
    const links = typeof site === 'string' ? undefined : siteLinks(site, lanLinkNames(site), uplinks)
    const actions = links === undefined ? [] : planDocker(table, wantedRules(flavour.family, links))
    filters.push({
      tool: flavour.tool,
      backend: flavour.backend,
      policy: table.forwardPolicy,
      target: chooseChain(table),
      missing: actions.filter(({ operation }) => operation === 'insert').length,
    })
  }
  const engine = engineBackend(chains, tables)
  return {
    filters,
    engine,
    foreign: foreignDrops(chains).map(({ family, table, name }) => `${family} ${table} ${name}`),
  }
}

const readUplinks = (site: Site | string, remembered: readonly string[]) => {
  const state = readUplinkState(remembered)
  if (typeof site !== 'string') return findUplinks(site, lanLinkNames(site), state)
  return { names: [...new Set([...state.defaultRoutes4, ...state.defaultRoutes6])], problem: undefined }
}

/** On those links of the site that are there. Throws NftError. */
const tryFlowtable = async (site: Site | string, uplinks: readonly string[]): Promise<HostReport['flowtable']> => {
  if (typeof site === 'string') return undefined
  const present = flowtableCandidates(site, lanLinkNames(site), uplinks).filter((name) => link(name) !== undefined)
  if (present.length < 2) return undefined
  return { links: present, isTaken: await takesFlowtable(present) }
}

/** Looks at everything that the checks need. Changes nothing. Throws HostError or NetlinkError. */
export const readHost = async ({ site, isRunning, sysctlRoot, stateDir, remembered }: Lookout): Promise<HostReport> => {
  const hostLinks = readLinks()
  const { names, problem } = readUplinks(site, remembered)
  let nftProblem: string | undefined
  let seen: Awaited<ReturnType<typeof readFilters>> = { filters: [], engine: undefined, foreign: [] }
  let missing: readonly string[] = []
  try {
    seen = await readFilters(site, names)
    missing = await missingOptions()
  } catch (error) {
    if (!(error instanceof NftError)) throw error
    nftProblem = error.message
  }
  return {
    isRunning,
    site,
    links: hostLinks,
    uplinks: names,
    uplinkProblem: problem,
    sysctls: readSysctls(sysctlRoot, names),
    filters: seen.filters,
    engine: seen.engine,
    foreignDrops: seen.foreign,
    nftProblem,
    missingOptions: missing,
    capabilities: readCapabilities(),
    tun: readTun(hostLinks),
    has8021q: has8021q(),
    port53: readPort(DNS_PORT, [...TCP, ...UDP]),
    webPort: readWebPort(site),
    clock: readClock(),
    disk: readDisk(stateDir),
    flowtable: nftProblem === undefined ? await tryFlowtable(site, names) : undefined,
    conntrack: readConntrackUse(new Sysctls(sysctlRoot)),
  }
}
