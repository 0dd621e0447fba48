import { readFileSync } from 'node:fs'
import type { Ip4 } from '@sixgate/addr'
import {
  bpfFilter,
  type BpfFilterPlace,
  deleteBpfFilter,
  HostError,
  link,
  NetlinkError,
  replaceBpfFilter,
} from '@sixgate/host'
import type { Logger } from '@sixgate/obs'
import { LAYOUT_VERSION } from '../core/fast-path-layout.ts'
import type { FastPathHost, FastPathPlan } from '../core/fast-path-plan.ts'
import { Verdict } from '../core/verdict.ts'
import { Generation, type HostUsage, isFull, type Usage } from './bpf-generation.ts'
import { type BpfObject, readBpfObject } from './bpf-object.ts'
import { BpfError } from './bpf-syscall.ts'
import { FastPathOwner } from './fast-path-owner.ts'

/** What bpf/build.sh makes. */
export const OBJECT_FILE = new URL('../../bpf/build/nat64.o', import.meta.url).pathname

/** How often it is looked whether the filter is still there, and whether the instance that had it is gone. */
const CHECK_MS = 2000
/** Among the filters of the TUN; others may go first. */
const PREFERENCE = 0x6000
const FILTER_NAME = `sixgate-nat64-v${LAYOUT_VERSION}`
const COUNTED = [Verdict.TRANSLATED_6TO4, Verdict.TRANSLATED_4TO6, Verdict.CONTINUE] as const

/** Why there is no fast path. TypeScript carries everything then. */
export type FastPathOff =
  | 'document'
  | 'not_built'
  | 'forbidden'
  | 'unsupported'
  | 'failed'
  | 'other_instance'
  | 'stopped'
const OFF_REASONS: readonly FastPathOff[] = [
  'document',
  'not_built',
  'forbidden',
  'unsupported',
  'failed',
  'other_instance',
]

/** What a generation is made of. */
export interface FastPathSource {
  /** `undefined`: the document wants none. */
  readonly plan: FastPathPlan | undefined
  /** Hosts at most. */
  readonly capacity: number
  readonly hosts: readonly FastPathHost[]
}

const COMPOSE_BPF =
  'add `BPF` to `cap_add` of service nat64 (docker compose -f docker-compose.yml -f deploy/compose.bpf.yml)'

const explain = (error: unknown): { off: FastPathOff; reason: string } => {
  const reason = error instanceof Error ? error.message : String(error)
  const code =
    error instanceof BpfError || error instanceof NetlinkError || error instanceof HostError ? error.code : ''
  if (code === 'not-built') return { off: 'not_built', reason }
  if (code === 'EPERM') return { off: 'forbidden', reason: `${reason}; ${COMPOSE_BPF}` }
  if (code === 'ENOSYS' || code === 'EINVAL' || code === 'EOPNOTSUPP' || code === 'ENOENT')
    return {
      off: 'unsupported',
      reason: `${reason}; this kernel lacks what it needs (CONFIG_BPF_SYSCALL, NET_CLS_BPF)`,
    }
  return { off: 'failed', reason }
}

const readObject = (file: string): BpfObject => {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new BpfError('not-built', `${file} is not there: build it with "make bpf" (needs clang)`, error)
  }
  return readBpfObject(bytes, 'tc')
}

/**
 * The eBPF program at the egress of the TUN, and its maps. An accelerator: whatever fails here leaves everything to
 * TypeScript and says so once. Program and maps stay in the kernel when the process ends; the next one puts its own,
 * filled from the mappings it knows, in their place.
 */
export class FastPath {
  readonly #tunName: string
  readonly #log: Logger
  readonly #source: () => FastPathSource
  readonly #objectFile: string
  readonly #owner: FastPathOwner
  readonly #earlier = new Map<number, Usage>()
  #generation: Generation | undefined
  #isAttached = false
  #off: FastPathOff | undefined = 'stopped'
  #timer: NodeJS.Timeout | undefined

  /** `source` is asked whenever a generation is made. */
  constructor(tunName: string, log: Logger, source: () => FastPathSource, objectFile = OBJECT_FILE) {
    this.#tunName = tunName
    this.#log = log
    this.#source = source
    this.#objectFile = objectFile
    this.#owner = new FastPathOwner(tunName)
  }

  /** Why there is none; `undefined`: there is one. */
  get off(): FastPathOff | undefined {
    return this.#off
  }

  /** Makes a generation for what the source says now and puts it in the place of the one before. */
  rebuild(): void {
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS).unref()
    try {
      if (!this.#owner.claim()) {
        this.#turnOff('other_instance', 'another instance of nat64 has it', false)
        return
      }
      const { plan, capacity, hosts } = this.#source()
      if (plan === undefined) {
        this.#turnOff('document', 'nat64.fastPath is off in the site document', true)
        return
      }
      const next = new Generation(readObject(this.#objectFile), plan, capacity)
      try {
        next.installAll(hosts)
        this.#attach(next)
      } catch (error) {
        next.close()
        throw error
      }
      this.#retire()
      this.#generation = next
      if (this.#off !== undefined) this.#log.info({ hosts: next.hosts, program: next.programId }, 'fast path: on')
      this.#off = undefined
    } catch (error) {
      const { off, reason } = explain(error)
      this.#turnOff(off, reason, true)
    }
  }

  /** To be called when the TUN is there (again): a new device has no filter. */
  attach(): void {
    if (this.#generation === undefined) return
    try {
      this.#attach(this.#generation)
    } catch (error) {
      const { off, reason } = explain(error)
      this.#turnOff(off, reason, true)
    }
  }

  /** From now on the kernel translates for the host. */
  install(host: FastPathHost): void {
    try {
      this.#generation?.install(host)
    } catch (error) {
      // TypeScript goes on with this host.
      if (isFull(error)) return
      const { off, reason } = explain(error)
      this.#turnOff(off, reason, true)
    }
  }

  /** When it returns, the kernel translates no packet any more for the host that had this address. */
  remove(ip4: Ip4): void {
    try {
      this.#generation?.remove(ip4)
    } catch (error) {
      const { off, reason } = explain(error)
      this.#turnOff(off, reason, true)
    }
  }

  /** What was carried here for the host that has this address; `undefined`: nothing is. */
  usage(ip4: Ip4): HostUsage | undefined {
    return this.#generation?.usage(ip4)
  }

  /** Flat numbers: on or off, why, and what was carried. `fast_path_off_<reason>` says why there is none. */
  counters(): Record<string, number> {
    const total = (verdict: number): Usage => this.#sum(verdict)
    const [to4, to6, failed] = [total(COUNTED[0]), total(COUNTED[1]), total(COUNTED[2])]
    return {
      fast_path: this.#off === undefined && this.#isAttached ? 1 : 0,
      ...Object.fromEntries(OFF_REASONS.map((reason) => [`fast_path_off_${reason}`, this.#off === reason ? 1 : 0])),
      fast_path_hosts: this.#generation?.hosts ?? 0,
      fast_path_translated_6to4_packets_total: to4.packets,
      fast_path_translated_6to4_bytes_total: to4.bytes,
      fast_path_translated_4to6_packets_total: to6.packets,
      fast_path_translated_4to6_bytes_total: to6.bytes,
      fast_path_failed_packets_total: failed.packets,
    }
  }

  /** `keep`: program and maps stay and work; `remove`: nothing stays. */
  stop(intent: 'keep' | 'remove'): void {
    clearInterval(this.#timer)
    if (intent === 'remove' && this.#owner.claim()) this.#detach()
    this.#retire()
    this.#off = 'stopped'
    this.#owner.release()
  }

  #place(): BpfFilterPlace | undefined {
    const tun = link(this.#tunName)
    return tun === undefined ? undefined : { ifindex: tun.index, preference: PREFERENCE }
  }

  #attach(generation: Generation): void {
    const place = this.#place()
    this.#isAttached = false
    if (place === undefined) return
    try {
      replaceBpfFilter(place, generation.programFd, FILTER_NAME)
      this.#isAttached = true
    } catch (error) {
      // The TUN went away meanwhile: `attach` is called when it is there again.
      if (!(error instanceof NetlinkError) || error.code !== 'ENODEV') throw error
    }
  }

  /** A filter of an earlier process is removed too: nobody would take hosts out of its maps. */
  #detach(): void {
    try {
      const place = this.#place()
      if (place !== undefined) deleteBpfFilter(place)
    } catch (error) {
      this.#log.error({ err: error }, 'fast path: its filter could not be removed')
    }
    this.#isAttached = false
  }

  #retire(): void {
    if (this.#generation === undefined) return
    for (const verdict of COUNTED) this.#earlier.set(verdict, this.#sum(verdict))
    this.#generation.close()
    this.#generation = undefined
  }

  #sum(verdict: number): Usage {
    const before = this.#earlier.get(verdict) ?? { packets: 0, bytes: 0 }
    const now = this.#generation?.total(verdict) ?? { packets: 0, bytes: 0 }
    return { packets: before.packets + now.packets, bytes: before.bytes + now.bytes }
  }

  #turnOff(off: FastPathOff, reason: string, isOurs: boolean): void {
    if (isOurs) this.#detach()
    this.#retire()
    this.#isAttached = false
    if (this.#off !== off)
      this.#log.warn({ fastPath: off }, `fast path: off (${reason}); TypeScript carries everything`)
    this.#off = off
  }

  #check(): void {
    if (this.#off === 'other_instance') {
      if (this.#owner.claim()) this.rebuild()
      return
    }
    const generation = this.#generation
    if (generation === undefined) return
    try {
      const place = this.#place()
      if (place === undefined || bpfFilter(place)?.programId === generation.programId) return
      this.#log.warn('fast path: its filter was gone from the TUN; it is put back')
      this.#attach(generation)
    } catch (error) {
      this.#log.error({ err: error }, 'fast path: its filter could not be looked at')
    }
  }
}
