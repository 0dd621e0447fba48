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
import { LAYOUT_VERSION, TOTAL_FROM_LAN, TOTAL_TO_LAN } from '../core/fast-path-layout.ts'
import type { FastPathHost, FastPathPlan } from '../core/fast-path-plan.ts'
import { Verdict } from '../core/verdict.ts'
import { Generation, type HostUsage, isFull, type Usage } from './bpf-generation.ts'
import { BpfKeep, closeParts, type Kept, makeOf } from './bpf-keep.ts'
import { readBpfObject, readLanObjects } from './bpf-object.ts'
import { BpfError } from './bpf-syscall.ts'
import { FastPathOwner } from './fast-path-owner.ts'
import { LanLinks } from './lan-links.ts'

/** What bpf/build.sh makes. */
export const OBJECT_FILE = new URL('../../bpf/build/nat64.o', import.meta.url).pathname

/** How often it is looked whether the filter is still there, and whether the instance that had it is gone. */
const CHECK_MS = 2000
/** Among the filters of the TUN; others may go first. */
const PREFERENCE = 0x6000
const FILTER_NAME = `sixgate-nat64-v${LAYOUT_VERSION}`
const COUNTED = [
  Verdict.TRANSLATED_6TO4,
  Verdict.TRANSLATED_4TO6,
  Verdict.CONTINUE,
  TOTAL_FROM_LAN,
  TOTAL_TO_LAN,
] as const

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
  /** Links between which and the IPv4 side packets may take the short way. */
  readonly lans: readonly string[]
  /** Why it is at none of them all the same. */
  readonly notAtLans?: string | undefined
}

const COMPOSE_BPF =
  'add `BPF` to `cap_add` of service nat64 (docker compose -f docker-compose.yml -f deploy/compose.bpf.yml)'

const add = (a: Usage, b: Usage): Usage => ({ packets: a.packets + b.packets, bytes: a.bytes + b.bytes })

const addUsages = (a: HostUsage, b: HostUsage): HostUsage => ({
  from6: add(a.from6, b.from6),
  from4: add(a.from4, b.from4),
  seenS: Math.max(a.seenS, b.seenS),
})

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

const readObject = (file: string): Uint8Array => {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new BpfError('not-built', `${file} is not there: build it with "make bpf" (needs clang)`, error)
  }
}

/** What a generation is made of, but for its hosts; `tun_ifindex` of the configuration is 0 here. */
const makeFor = (object: Uint8Array, { config, special4 }: FastPathPlan, source: FastPathSource): string =>
  makeOf(object, config, JSON.stringify(special4), `${source.capacity} ${wantsLans(source)}`)

const wantsLans = ({ lans, notAtLans }: FastPathSource): boolean => lans.length > 0 && notAtLans === undefined

/**
 * The eBPF program at the egress of the TUN, two more at the LANs' links where the document wants it, and their
 * maps. An accelerator: whatever fails here leaves everything to TypeScript and says so once. Programs and maps stay in the
 * kernel when the process ends. The next one goes on with them where a bpffs keeps them and they are of its make; else it puts
 * its own, filled from the mappings it knows, in their place.
 */
export class FastPath {
  readonly #tunName: string
  readonly #log: Logger
  readonly #source: () => FastPathSource
  readonly #objectFile: string
  readonly #owner: FastPathOwner
  readonly #lan: LanLinks
  readonly #keep: BpfKeep | undefined
  readonly #earlier = new Map<number, Usage>()
  /** What earlier generations carried for hosts that are there still. */
  #earlierByHost = new Map<Ip4, HostUsage>()
  #generation: Generation | undefined
  /** While a generation is made: what an earlier process kept, until it is gone on with. */
  #left: Kept | undefined
  #isAttached = false
  #off: FastPathOff | undefined = 'stopped'
  #reason = 'it waits for the first document'
  #timer: NodeJS.Timeout | undefined

  /** `source` is asked whenever a generation is made. `bpffs`: where programs and maps are kept for the next process. */
  constructor(
    tunName: string,
    log: Logger,
    source: () => FastPathSource,
    { objectFile = OBJECT_FILE, bpffs }: { readonly objectFile?: string; readonly bpffs?: string | undefined } = {},
  ) {
    this.#tunName = tunName
    this.#log = log
    this.#source = source
    this.#objectFile = objectFile
    this.#owner = new FastPathOwner(tunName)
    this.#lan = new LanLinks(log)
    if (bpffs === undefined) return
    if (BpfKeep.isAt(bpffs)) this.#keep = new BpfKeep(bpffs, tunName)
    else
      log.warn(
        `fast path: no bpffs is mounted at ${bpffs}: the next process will not find programs and maps of this one`,
      )
  }

  /** Why there is none; `undefined`: there is one. */
  get off(): FastPathOff | undefined {
    return this.#off
  }

  /** On, or off and why, as a line for people. */
  get remark(): string {
    if (this.#off !== undefined) return `fast path: off (${this.#reason})`
    if (!this.#isAttached) return 'fast path: waits for the TUN'
    const hosts = this.#generation?.hosts ?? 0
    return `fast path: on, ${hosts} ${hosts === 1 ? 'host' : 'hosts'}${this.#lan.remark}`
  }

  /** Makes a generation for what the source says now and puts it in the place of the one before. */
  rebuild(): void {
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS).unref()
    try {
      if (!this.#owner.claim()) {
        this.#turnOff('other_instance', 'another instance of nat64 has it', false)
        return
      }
      const source = this.#source()
      if (source.plan === undefined) {
        this.#turnOff('document', 'nat64.fastPath is off in the site document', true)
        return
      }
      const { plan } = source
      const object = readObject(this.#objectFile)
      const make = makeFor(object, plan, source)
      if (this.#generation === undefined) this.#left = this.#leftBehind()
      const adopted = this.#left?.make === make ? this.#adopt(this.#left, object, plan, source) : undefined
      const next = adopted ?? this.#make(object, plan, source)
      try {
        if (adopted === undefined) next.installAll(source.hosts)
        this.#attach(next)
        this.#attachToLans(next, source)
      } catch (error) {
        next.close()
        throw error
      }
      this.#retire()
      if (this.#left !== undefined) this.#takeOver(this.#left, next, object, source)
      this.#generation = next
      this.#keepParts(next, make)
      if (this.#off !== undefined)
        this.#log.info(
          { hosts: next.hosts, program: next.programId },
          adopted === undefined ? 'fast path: on' : 'fast path: on, with the program and maps of the process before',
        )
      this.#off = undefined
    } catch (error) {
      const { off, reason } = explain(error)
      this.#turnOff(off, reason, true)
    } finally {
      if (this.#left !== undefined) closeParts(this.#left)
      this.#left = undefined
    }
  }

  #make(file: Uint8Array, plan: FastPathPlan, source: FastPathSource): Generation {
    const object = readBpfObject(file, 'tc')
    if (!wantsLans(source)) return new Generation(object, plan, source.capacity)
    try {
      return new Generation(object, plan, source.capacity, { lan: readLanObjects(file) })
    } catch (error) {
      // Perhaps it is the other programs only that this kernel does not like. If not, one line for all is enough.
      const generation = new Generation(object, plan, source.capacity)
      this.#log.warn({ err: error }, 'fast path: the programs for the LANs cannot be had')
      return generation
    }
  }

  /** What an earlier process kept of the program that is at the TUN. */
  #leftBehind(): Kept | undefined {
    try {
      const place = this.#place()
      const id = place === undefined ? undefined : bpfFilter(place)?.programId
      return id === undefined ? undefined : this.#keep?.find(id)
    } catch (error) {
      this.#log.warn({ err: error }, 'fast path: what the process before kept cannot be had')
      return undefined
    }
  }

  /** The generation of an earlier process, with the hosts that there are now; `undefined`: it cannot be gone on with. */
  #adopt(
    left: Kept,
    file: Uint8Array,
    plan: FastPathPlan,
    { capacity, hosts }: FastPathSource,
  ): Generation | undefined {
    try {
      const generation = new Generation(readBpfObject(file, 'tc'), plan, capacity, { kept: left.parts })
      generation.adopt(hosts)
      // Its descriptors are the generation's now.
      this.#left = undefined
      return generation
    } catch (error) {
      this.#log.warn({ err: error }, 'fast path: what the process before kept is replaced')
      return undefined
    }
  }

  /** What hosts used with an earlier process whose program and maps were replaced. */
  #takeOver(left: Kept, next: Generation, file: Uint8Array, { plan, capacity, hosts }: FastPathSource): void {
    try {
      if (plan === undefined) return
      const earlier = new Generation(readBpfObject(file, 'tc'), plan, capacity, { kept: left.parts })
      this.#earlierByHost = next.usagesIn(earlier, hosts)
    } catch (error) {
      this.#log.info({ err: error }, 'fast path: what hosts used before is not known')
    }
  }

  #keepParts(generation: Generation, make: string): void {
    try {
      this.#keep?.keep(generation.programId, { make, parts: generation.parts() })
    } catch (error) {
      this.#log.warn({ err: error }, 'fast path: the next process will not find programs and maps of this one')
    }
  }

  /** The programs of an earlier document or process leave the links that are not meant any more. */
  #attachToLans(generation: Generation, { lans, notAtLans }: FastPathSource): void {
    if (generation.lan === undefined) {
      this.#lan.refuse(lans, notAtLans ?? 'this kernel does not take its programs, see the log')
      return
    }
    this.#lan.detachExcept(lans)
    this.#lan.attach(generation.lan, lans)
  }

  /** To be called when links have come or gone: a new one has no filter. */
  linksMayHaveChanged(): void {
    if (this.#generation?.lan !== undefined) this.#lan.attachAgain(this.#generation.lan)
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
    this.#earlierByHost.delete(ip4)
    try {
      this.#generation?.remove(ip4)
    } catch (error) {
      const { off, reason } = explain(error)
      this.#turnOff(off, reason, true)
    }
  }

  /** Second in which the host that has this address was last seen here; 0: not by this program. */
  seenS(ip4: Ip4): number {
    return this.#generation?.usage(ip4)?.seenS ?? 0
  }

  /** What was carried here for every host, by its IPv4 address; the programs of earlier documents included. */
  usages(): Map<Ip4, HostUsage> {
    const usages = this.#generation?.usages() ?? new Map<Ip4, HostUsage>()
    for (const [ip4, earlier] of this.#earlierByHost) {
      const now = usages.get(ip4)
      usages.set(ip4, now === undefined ? earlier : addUsages(earlier, now))
    }
    return usages
  }

  /** Flat numbers: on or off, why, and what was carried. `fast_path_off_<reason>` says why there is none. */
  counters(): Record<string, number> {
    const total = (verdict: number): Usage => this.#sum(verdict)
    const [to4, to6] = [total(Verdict.TRANSLATED_6TO4), total(Verdict.TRANSLATED_4TO6)]
    const [fromLan, toLan] = [total(TOTAL_FROM_LAN), total(TOTAL_TO_LAN)]
    return {
      fast_path: this.#off === undefined && this.#isAttached ? 1 : 0,
      ...Object.fromEntries(OFF_REASONS.map((reason) => [`fast_path_off_${reason}`, this.#off === reason ? 1 : 0])),
      fast_path_hosts: this.#generation?.hosts ?? 0,
      fast_path_translated_6to4_packets_total: to4.packets,
      fast_path_translated_6to4_bytes_total: to4.bytes,
      fast_path_translated_4to6_packets_total: to6.packets,
      fast_path_translated_4to6_bytes_total: to6.bytes,
      fast_path_failed_packets_total: total(Verdict.CONTINUE).packets,
      fast_path_lan_links: this.#lan.links.length,
      fast_path_from_lan_packets_total: fromLan.packets,
      fast_path_from_lan_bytes_total: fromLan.bytes,
      fast_path_to_lan_packets_total: toLan.packets,
      fast_path_to_lan_bytes_total: toLan.bytes,
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
    return tun === undefined ? undefined : { ifindex: tun.index, hook: 'egress', preference: PREFERENCE }
  }

  #attach(generation: Generation): void {
    const place = this.#place()
    this.#isAttached = false
    if (place === undefined) return
    try {
      if (bpfFilter(place)?.programId !== generation.programId)
        replaceBpfFilter(place, generation.programFd, FILTER_NAME)
      if (generation.lan !== undefined) generation.setTun(place.ifindex)
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
    this.#lan.detachExcept([])
    this.#isAttached = false
    try {
      this.#keep?.clear()
    } catch (error) {
      this.#log.error({ err: error }, 'fast path: what was kept of it could not be removed')
    }
  }

  #retire(): void {
    if (this.#generation === undefined) return
    for (const verdict of COUNTED) this.#earlier.set(verdict, this.#sum(verdict))
    try {
      this.#earlierByHost = this.usages()
    } catch (error) {
      this.#log.error({ err: error }, 'fast path: what it carried for hosts could not be read')
    }
    this.#generation.close()
    this.#generation = undefined
  }

  #sum(verdict: number): Usage {
    const before = this.#earlier.get(verdict) ?? { packets: 0, bytes: 0 }
    const now = this.#generation?.total(verdict) ?? { packets: 0, bytes: 0 }
    return add(before, now)
  }

  #turnOff(off: FastPathOff, reason: string, isOurs: boolean): void {
    if (isOurs) this.#detach()
    this.#retire()
    this.#isAttached = false
    if (this.#off !== off)
      this.#log.warn({ fastPath: off }, `fast path: off (${reason}); TypeScript carries everything`)
    this.#off = off
    this.#reason = reason
  }

  #check(): void {
    if (this.#off === 'other_instance') {
      if (this.#owner.claim()) this.rebuild()
      return
    }
    const generation = this.#generation
    if (generation === undefined) return
    try {
      this.linksMayHaveChanged()
      const place = this.#place()
      if (place === undefined || bpfFilter(place)?.programId === generation.programId) return
      this.#log.warn('fast path: its filter was gone from the TUN; it is put back')
      this.#attach(generation)
    } catch (error) {
      this.#log.error({ err: error }, 'fast path: its filter could not be looked at')
    }
  }
}
