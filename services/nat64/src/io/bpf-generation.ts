import { asIp4, type Ip4, type Prefix6 } from '@sixgate/addr'
import { libc } from '@sixgate/host'
import { LAYOUT_VERSION, offsetOf, sizeOf, TOTALS } from '../core/fast-path-layout.ts'
import {
  type FastPathHost,
  type FastPathPlan,
  host4Entry,
  host6Entry,
  special4Key,
  takesHost,
} from '../core/fast-path-plan.ts'
import { BpfMap, createMap, hasLayout } from './bpf-map.ts'
import type { BpfObject, LanObjects, MapDefinition } from './bpf-object.ts'
import { loadProgram, programId } from './bpf-program.ts'
import { BpfError } from './bpf-syscall.ts'

/** What was carried for a host or a verdict. */
export interface Usage {
  readonly packets: number
  readonly bytes: number
}

/** What was carried for a host, and the second (CLOCK_MONOTONIC) of its last packet; 0: none yet. */
export interface HostUsage {
  readonly from6: Usage
  readonly from4: Usage
  readonly seenS: number
}

const NOTHING: Usage = { packets: 0, bytes: 0 }
const ZERO_KEY = new Uint8Array(4)
const PRESENT = Uint8Array.of(1, 0, 0, 0)
const PROGRAM = 'nat64'
const LAN_PROGRAMS = { from: 'nat64_from_lan', to: 'nat64_to_lan' } as const
/** Flows of LANs that are remembered: 144 octets each. */
const FLOWS = 16_384
/** Hosts whose entries are made and written together: V8 is rid of them before they grow old, and its heap stays small. */
const AT_ONCE = 256

/** Below 2⁵³: octets of 285 years at 1 Tbit/s. */
const u64 = (view: DataView, o: number): number => view.getUint32(o + 4, true) * 0x1_0000_0000 + view.getUint32(o, true)

const usageAt = (view: DataView, name: 'host6' | 'host4'): Usage => ({
  packets: u64(view, offsetOf(name, 'packets')),
  bytes: u64(view, offsetOf(name, 'bytes')),
})

const secondAt = (view: DataView, name: 'host6' | 'host4'): number =>
  Math.floor(u64(view, offsetOf(name, 'seen_ns')) / 1e9)

/** Entries of a host in the two maps. */
interface Place {
  readonly host: FastPathHost
  readonly place: number
  readonly prefix: Prefix6
}

/** What not every generation has. */
export interface GenerationOptions {
  /** The programs for LANs, of the same object file. */
  readonly lan?: LanObjects | undefined
  /** Whether the kernel is asked to work on many entries at once. */
  readonly knowsBatches?: boolean
  /** Descriptors of programs and maps, as `parts` names them, that an earlier process made; not closed when this throws. */
  readonly kept?: ReadonlyMap<string, number> | undefined
}

/** Names under which `parts` has programs; maps have those of their definitions. */
const PARTS = { PROGRAM: 'program', FROM_LAN: 'from_lan_program', TO_LAN: 'to_lan_program' } as const

/** A program that is loaded. */
export interface Loaded {
  readonly fd: number
  /** The number by which the kernel names it. */
  readonly id: number
}

/** What stands at a LAN's link. */
export interface LanPrograms {
  /** At its ingress. */
  readonly from: Loaded
  /** At its egress. */
  readonly to: Loaded
}

const loaded = (fd: number): Loaded => ({ fd, id: programId(fd) })

/** Whether two keys or values are the same, `from` here on. */
const isSame = (a: DataView, b: Uint8Array, from: number): boolean => {
  for (let at = from; at < b.length; at++) if (a.getUint8(at) !== b[at]) return false
  return a.byteLength === b.length
}

/**
 * The program with maps of its own, for one document. A new document gets a new generation, whose filter takes the place
 * of the old one's at once: packets see the old rules or the new ones, never something in between.
 */
export class Generation {
  readonly programFd: number = -1
  readonly programId: number = -1
  /** For LANs; `undefined`: there is none. */
  readonly lan: LanPrograms | undefined
  readonly #plan: FastPathPlan
  readonly #maps: ReadonlyMap<string, BpfMap>
  readonly #installed = new Map<Ip4, Place>()

  /** `capacity`: hosts at most. Throws `BpfError`. */
  constructor(object: BpfObject, plan: FastPathPlan, capacity: number, options: GenerationOptions = {}) {
    const { lan, knowsBatches = true, kept } = options
    this.#plan = plan
    const entries: Readonly<Record<string, number>> = {
      hosts6: Math.max(1, capacity),
      hosts4: Math.max(1, capacity),
      special4: plan.special4.length,
      flows: lan === undefined ? 1 : FLOWS,
    }
    const maps = new Map<string, BpfMap>()
    this.#maps = maps
    try {
      for (const definition of object.maps) {
        if (kept !== undefined && !kept.has(definition.name))
          throw new BpfError('other-version', `map ${definition.name} is missing`)
        const map = makeMap(definition, entries[definition.name], knowsBatches, kept?.get(definition.name))
        maps.set(definition.name, map)
      }
      if (kept !== undefined) {
        const version = this.#map('config_map').get(ZERO_KEY)?.[0]?.getUint32(offsetOf('config', 'version'), true)
        if (version !== LAYOUT_VERSION) throw new BpfError('other-version', `maps of version ${version}`)
        this.programFd = kept.get(PARTS.PROGRAM) ?? -1
        this.programId = programId(this.programFd)
        const [from, to] = [kept.get(PARTS.FROM_LAN), kept.get(PARTS.TO_LAN)]
        if (from !== undefined && to !== undefined) this.lan = { from: loaded(from), to: loaded(to) }
        return
      }
      this.#map('config_map').set(ZERO_KEY, plan.config)
      for (const prefix of plan.special4) this.#map('special4').set(special4Key(prefix), PRESENT)
      this.programFd = loadProgram(PROGRAM, object, maps)
      this.programId = programId(this.programFd)
      if (lan === undefined) return
      const from = loaded(loadProgram(LAN_PROGRAMS.from, lan.from, maps))
      try {
        this.lan = { from, to: loaded(loadProgram(LAN_PROGRAMS.to, lan.to, maps)) }
      } catch (error) {
        libc.closeFd(from.fd)
        throw error
      }
    } catch (error) {
      if (kept === undefined) this.close()
      throw error
    }
  }

  /** Descriptors of all that it consists of, by name. */
  parts(): ReadonlyMap<string, number> {
    const parts = new Map(Array.from(this.#maps, ([name, { fd }]) => [name, fd] as const))
    parts.set(PARTS.PROGRAM, this.programFd)
    if (this.lan !== undefined) {
      parts.set(PARTS.FROM_LAN, this.lan.from.fd)
      parts.set(PARTS.TO_LAN, this.lan.to.fd)
    }
    return parts
  }

  /**
   * Of a generation that an earlier process filled: whoever is not among these hosts, or has another address or prefix now, is
   * out of both maps when it returns; the others go on counting. Throws `BpfError`.
   */
  adopt(hosts: readonly FastPathHost[]): void {
    const wanted = this.#places(hosts)
    const right6 = this.#sift('hosts6', (key, value) => {
      const place = wanted.get(asIp4(value.getUint32(offsetOf('host6', 'ip4'))))
      const entry = place && host6Entry(place.host, place.prefix, place.place)
      const isRight =
        entry !== undefined && isSame(key, entry.key, 0) && isSame(value, entry.value, offsetOf('host6', 'ip4'))
      return isRight ? place?.host.ip4 : undefined
    })
    const right4 = this.#sift('hosts4', (key, value) => {
      const place = wanted.get(asIp4(key.getUint32(0)))
      return place !== undefined && isOf(value, place) ? place.host.ip4 : undefined
    })
    for (const [ip4, place] of wanted) if (right6.has(ip4) && right4.has(ip4)) this.#installed.set(ip4, place)
    this.installAll(hosts)
  }

  /** Takes out the entries for which `judge` names no address; returns those that it names. */
  #sift(name: 'hosts6' | 'hosts4', judge: (key: DataView, value: DataView) => Ip4 | undefined): Set<Ip4> {
    const right = new Set<Ip4>()
    for (const [key, value] of this.#map(name).entries()) {
      const ip4 = judge(key, value)
      if (ip4 === undefined) this.#map(name).delete(bytesOf(key))
      else right.add(ip4)
    }
    return right
  }

  #places(hosts: readonly FastPathHost[]): Map<Ip4, Place> {
    return new Map(hosts.flatMap((host) => this.#placeOf(host) ?? []).map((place) => [place.host.ip4, place]))
  }

  /** What `earlier` carried for those of these hosts that have the address and prefix that they had there. */
  usagesIn(earlier: Generation, hosts: readonly FastPathHost[]): Map<Ip4, HostUsage> {
    const places = this.#places(hosts)
    const usages = earlier.usages()
    const same = new Map<Ip4, HostUsage>()
    for (const [key, value] of earlier.#map('hosts4').entries()) {
      const ip4 = asIp4(key.getUint32(0))
      const [place, usage] = [places.get(ip4), usages.get(ip4)]
      if (place !== undefined && usage !== undefined && isOf(value, place)) same.set(ip4, usage)
    }
    return same
  }

  /** Hosts that are translated here. */
  get hosts(): number {
    return this.#installed.size
  }

  /**
   * From now on the host is translated here. False: it is TypeScript's (explicit map, prefix that is not in the table).
   * Throws `BpfError` (E2BIG: no room).
   */
  install(host: FastPathHost): boolean {
    if (this.#installed.has(host.ip4)) return true
    const place = this.#placeOf(host)
    if (place === undefined) return false
    const to4 = host6Entry(host, place.prefix, place.place)
    const to6 = host4Entry(host, place.prefix)
    this.#installed.set(host.ip4, place)
    try {
      this.#map('hosts4').set(to6.key, to6.value)
      this.#map('hosts6').set(to4.key, to4.value)
    } catch (error) {
      this.remove(host.ip4)
      throw error
    }
    return true
  }

  /** `install` for many, faster; to be called before the program is attached. Throws `BpfError`. */
  installAll(hosts: readonly FastPathHost[]): void {
    for (let from = 0; from < hosts.length; from += AT_ONCE) this.#installSome(hosts.slice(from, from + AT_ONCE))
  }

  #installSome(hosts: readonly FastPathHost[]): void {
    const taken = hosts.flatMap((host) => (this.#installed.has(host.ip4) ? [] : (this.#placeOf(host) ?? [])))
    for (const place of taken) this.#installed.set(place.host.ip4, place)
    const pack = (name: 'hosts6' | 'hosts4', entries: readonly { key: Uint8Array; value: Uint8Array }[]): void =>
      this.#map(name).setAll(concat(entries.map(({ key }) => key)), concat(entries.map(({ value }) => value)))
    const prefixes = (place: Place) => host4Entry(place.host, place.prefix)
    pack('hosts4', taken.map(prefixes))
    const places = (place: Place) => host6Entry(place.host, place.prefix, place.place)
    pack('hosts6', taken.map(places))
  }

  /** `undefined`: TypeScript's. */
  #placeOf(host: FastPathHost): Place | undefined {
    const place = this.#plan.places[host.pref] ?? -1
    const prefix = this.#plan.prefixes[place]
    return prefix === undefined || !takesHost(this.#plan, host) ? undefined : { host, place, prefix }
  }

  /** When it returns, no packet that arrives is translated any more for the host that had this address. */
  remove(ip4: Ip4): void {
    const place = this.#installed.get(ip4)
    if (place === undefined) return
    this.#map('hosts6').delete(host6Entry(place.host, place.prefix, place.place).key)
    this.#map('hosts4').delete(host4Entry(place.host, place.prefix).key)
    this.#installed.delete(ip4)
  }

  /** What was carried for the host that has this address; `undefined` when it is not translated here. */
  usage(ip4: Ip4): HostUsage | undefined {
    const place = this.#installed.get(ip4)
    if (place === undefined) return undefined
    const value6 = this.#map('hosts6').get(host6Entry(place.host, place.prefix, place.place).key)?.[0]
    const value4 = this.#map('hosts4').get(host4Entry(place.host, place.prefix).key)?.[0]
    if (value6 === undefined || value4 === undefined) return undefined
    const seenS = Math.max(secondAt(value6, 'host6'), secondAt(value4, 'host4'))
    return { from6: usageAt(value6, 'host6'), from4: usageAt(value4, 'host4'), seenS }
  }

  /** `usage` of every host by its IPv4 address, faster. */
  usages(): Map<Ip4, HostUsage> {
    const usages = new Map<Ip4, HostUsage>()
    const isRead =
      this.#map('hosts6').readAll((_, value) => {
        const usage = { from6: usageAt(value, 'host6'), from4: NOTHING, seenS: secondAt(value, 'host6') }
        usages.set(asIp4(value.getUint32(offsetOf('host6', 'ip4'))), usage)
      }) &&
      this.#map('hosts4').readAll((key, value) => {
        const ip4 = asIp4(key.getUint32(0))
        const { from6, seenS } = usages.get(ip4) ?? { from6: NOTHING, seenS: 0 }
        const usage = { from6, from4: usageAt(value, 'host4'), seenS: Math.max(seenS, secondAt(value, 'host4')) }
        usages.set(ip4, usage)
      })
    if (isRead) return usages
    for (const ip4 of this.#installed.keys()) {
      const usage = this.usage(ip4)
      if (usage !== undefined) usages.set(ip4, usage)
    }
    return usages
  }

  /** What was carried under a verdict, or under `TOTAL_FROM_LAN`, `TOTAL_TO_LAN`, on all CPUs. */
  total(which: number): Usage {
    const key = new Uint8Array(4)
    new DataView(key.buffer).setUint32(0, which, true)
    let [packets, bytes] = [0, 0]
    for (const view of this.#map('totals_map').get(key) ?? []) {
      packets += u64(view, offsetOf('totals', 'packets'))
      bytes += u64(view, offsetOf('totals', 'bytes'))
    }
    return { packets, bytes }
  }

  /**
   * From now on the programs at the LANs know this link as the TUN, and packets of known flows take the short way; 0: none
   * does.
   */
  setTun(ifindex: number): void {
    const config = Uint8Array.from(this.#plan.config)
    new DataView(config.buffer).setUint32(offsetOf('config', 'tun_ifindex'), ifindex, true)
    this.#map('config_map').set(ZERO_KEY, config)
  }

  /** Lets go of program and maps; what a filter uses stays in the kernel as long as the filter. */
  close(): void {
    const fds = [this.programFd, this.lan?.from.fd ?? -1, this.lan?.to.fd ?? -1]
    for (const fd of fds) if (fd >= 0) libc.closeFd(fd)
    for (const map of this.#maps.values()) map.close()
  }

  #map(name: string): BpfMap {
    const map = this.#maps.get(name)
    if (map === undefined) throw new BpfError('bad-object', `the BPF object has no map ${name}`)
    return map
  }
}

/** Whether a value of `hosts4` is the one of this host and prefix. */
const isOf = (value: DataView, { host, prefix }: Place): boolean =>
  isSame(value, host4Entry(host, prefix).value, offsetOf('host4', 'word0'))

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

const concat = (arrays: readonly Uint8Array[]): Uint8Array => {
  const size = arrays[0]?.length ?? 0
  const bytes = new Uint8Array(arrays.length * size)
  for (const [index, array] of arrays.entries()) bytes.set(array, index * size)
  return bytes
}

/** Octets of key and value must be those of core/fast-path-layout.ts: an object of another version is refused here. */
const EXPECTED: Readonly<Record<string, readonly [keyBytes: number, valueBytes: number, entries: number]>> = {
  config_map: [4, sizeOf('config'), 1],
  hosts6: [sizeOf('host6_key'), sizeOf('host6'), 0],
  hosts4: [sizeOf('host4_key'), sizeOf('host4'), 0],
  special4: [sizeOf('special4_key'), 4, 0],
  flows: [sizeOf('flow_key'), sizeOf('flow'), 0],
  totals_map: [4, sizeOf('totals'), TOTALS],
}

const makeMap = (
  definition: MapDefinition,
  entries: number | undefined,
  knowsBatches: boolean,
  kept: number | undefined,
): BpfMap => {
  const [keyBytes, valueBytes, fixed] = EXPECTED[definition.name] ?? []
  if (keyBytes !== definition.keyBytes || valueBytes !== definition.valueBytes)
    throw new BpfError(
      'bad-object',
      `map ${definition.name} of the BPF object has another layout: build it anew (make bpf)`,
    )
  if (kept !== undefined && !hasLayout(kept, definition))
    throw new BpfError('other-version', `map ${definition.name} of another layout`)
  return new BpfMap(definition, kept ?? createMap(definition, entries ?? fixed ?? 1), knowsBatches)
}

/** True for a refusal because a map is full. */
export const isFull = (error: unknown): boolean => error instanceof BpfError && error.code === 'E2BIG'
