import type { Ip4 } from '@sixgate/addr'
import { libc } from '@sixgate/host'
import { offsetOf, sizeOf } from '../core/fast-path-layout.ts'
import {
  type FastPathHost,
  type FastPathPlan,
  host4Entry,
  host6Entry,
  special4Key,
  takesHost,
} from '../core/fast-path-plan.ts'
import { VERDICTS } from '../core/verdict.ts'
import { BpfMap } from './bpf-map.ts'
import type { BpfObject, MapDefinition } from './bpf-object.ts'
import { loadProgram, programId } from './bpf-program.ts'
import { BpfError } from './bpf-syscall.ts'

/** What was carried for a host or a verdict. */
export interface Usage {
  readonly packets: number
  readonly bytes: number
}

/** Both directions of a host together, and the second (CLOCK_MONOTONIC) of its last packet. */
export interface HostUsage extends Usage {
  readonly seenS: number
}

const ZERO_KEY = new Uint8Array(4)
const PRESENT = Uint8Array.of(1, 0, 0, 0)
const PROGRAM = 'nat64'

const u64 = (view: DataView, o: number): number => Number(view.getBigUint64(o, true))

/**
 * The program with maps of its own, for one document. A new document gets a new generation, whose filter takes the place
 * of the old one's at once: packets see the old rules or the new ones, never something in between.
 */
export class Generation {
  readonly programFd: number
  readonly programId: number
  readonly #plan: FastPathPlan
  readonly #maps: ReadonlyMap<string, BpfMap>
  /** By IPv4 address: the host's keys in the two maps. */
  readonly #installed = new Map<Ip4, { readonly key6: Uint8Array; readonly key4: Uint8Array }>()

  /** `capacity`: hosts at most. Throws `BpfError`. */
  constructor(object: BpfObject, plan: FastPathPlan, capacity: number) {
    this.#plan = plan
    const entries: Readonly<Record<string, number>> = {
      hosts6: Math.max(1, capacity),
      hosts4: Math.max(1, capacity),
      special4: plan.special4.length,
    }
    const maps = new Map<string, BpfMap>()
    this.#maps = maps
    try {
      for (const definition of object.maps) maps.set(definition.name, makeMap(definition, entries[definition.name]))
      this.#map('config_map').set(ZERO_KEY, plan.config)
      for (const prefix of plan.special4) this.#map('special4').set(special4Key(prefix), PRESENT)
      this.programFd = loadProgram(PROGRAM, object, maps)
    } catch (error) {
      for (const map of maps.values()) map.close()
      throw error
    }
    this.programId = programId(this.programFd)
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
    const place = this.#plan.places[host.pref] ?? -1
    const prefix = this.#plan.prefixes[place]
    if (prefix === undefined || !takesHost(this.#plan, host)) return false
    if (this.#installed.has(host.ip4)) return true
    const to4 = host6Entry(host, place)
    const to6 = host4Entry(host, prefix)
    this.#installed.set(host.ip4, { key6: to4.key, key4: to6.key })
    try {
      this.#map('hosts4').set(to6.key, to6.value)
      this.#map('hosts6').set(to4.key, to4.value)
    } catch (error) {
      this.remove(host.ip4)
      throw error
    }
    return true
  }

  /** When it returns, no packet that arrives is translated any more for the host that had this address. */
  remove(ip4: Ip4): void {
    const keys = this.#installed.get(ip4)
    if (keys === undefined) return
    this.#map('hosts6').delete(keys.key6)
    this.#map('hosts4').delete(keys.key4)
    this.#installed.delete(ip4)
  }

  /** What was carried for the host that has this address; `undefined` when it is not translated here. */
  usage(ip4: Ip4): HostUsage | undefined {
    const keys = this.#installed.get(ip4)
    if (keys === undefined) return undefined
    const to4 = this.#map('hosts6').get(keys.key6)?.[0]
    const to6 = this.#map('hosts4').get(keys.key4)?.[0]
    if (to4 === undefined || to6 === undefined) return undefined
    const sum = (field: string): number => u64(to4, offsetOf('host6', field)) + u64(to6, offsetOf('host4', field))
    const seenNs = Math.max(u64(to4, offsetOf('host6', 'seen_ns')), u64(to6, offsetOf('host4', 'seen_ns')))
    return { packets: sum('packets'), bytes: sum('bytes'), seenS: Math.floor(seenNs / 1e9) }
  }

  /** What was carried under a verdict, on all CPUs. */
  total(verdict: number): Usage {
    const key = new Uint8Array(4)
    new DataView(key.buffer).setUint32(0, verdict, true)
    let [packets, bytes] = [0, 0]
    for (const view of this.#map('totals_map').get(key) ?? []) {
      packets += u64(view, offsetOf('totals', 'packets'))
      bytes += u64(view, offsetOf('totals', 'bytes'))
    }
    return { packets, bytes }
  }

  /** Lets go of program and maps; what a filter uses stays in the kernel as long as the filter. */
  close(): void {
    libc.closeFd(this.programFd)
    for (const map of this.#maps.values()) map.close()
  }

  #map(name: string): BpfMap {
    const map = this.#maps.get(name)
    if (map === undefined) throw new BpfError('bad-object', `the BPF object has no map ${name}`)
    return map
  }
}

/** Octets of key and value must be those of core/fast-path-layout.ts: an object of another version is refused here. */
const EXPECTED: Readonly<Record<string, readonly [keyBytes: number, valueBytes: number, entries: number]>> = {
  config_map: [4, sizeOf('config'), 1],
  hosts6: [sizeOf('host6_key'), sizeOf('host6'), 0],
  hosts4: [sizeOf('host4_key'), sizeOf('host4'), 0],
  special4: [sizeOf('special4_key'), 4, 0],
  totals_map: [4, sizeOf('totals'), VERDICTS],
}

const makeMap = (definition: MapDefinition, entries: number | undefined): BpfMap => {
  const [keyBytes, valueBytes, fixed] = EXPECTED[definition.name] ?? []
  if (keyBytes !== definition.keyBytes || valueBytes !== definition.valueBytes)
    throw new BpfError(
      'bad-object',
      `map ${definition.name} of the BPF object has another layout: build it anew (make bpf)`,
    )
  return new BpfMap(definition, entries ?? fixed ?? 1)
}

/** True for a refusal because a map is full. */
export const isFull = (error: unknown): boolean => error instanceof BpfError && error.code === 'E2BIG'
