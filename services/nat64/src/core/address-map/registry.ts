import { type Ip4, type Ip6, ip6ToHex } from '@sixgate/addr'
import { HOST_USAGE, usageOf } from './host-usage.ts'
import type { Pool } from './pool.ts'

/** Who a dynamic mapping is for: an IPv6 host and the pref64 (text) that it uses. */
export interface HostId {
  readonly ip6: Ip6
  readonly pref64: string
}

/** One dynamic mapping. */
export interface Mapping extends HostId {
  readonly ip4: Ip4
  /** Index into the arrays that the data plane shares. */
  readonly slot: number
  /** Revision of its KV entry; `undefined` while only this instance knows of it. */
  revision: number | undefined
  /** The data plane has it; before that the address is only reserved, while NATS is asked. */
  isInstalled: boolean
  /** `lastSeenS` as the disk and the KV have it. */
  toldSeenS: number
}

/** Key of a host in maps. */
export const hostKey = (host: HostId): string => `${ip6ToHex(host.ip6)} ${host.pref64}`

/** How long mappings live, in seconds. */
export interface Lifetimes {
  /** After its last packet a host keeps its address for so long, whoever needs one (RFC 7857 §2: 2 h 4 min). */
  readonly guaranteedS: number
  /** After that it keeps it until somebody needs it, at most for so long after its last packet. */
  readonly keptS: number
}

/**
 * The dynamic mappings as the main thread knows them: who has which address and slot. Pure bookkeeping: who asks NATS,
 * writes the disk and tells the data plane is `io`. Each IPv4 address and each host occurs once.
 */
export class Registry {
  readonly #byHost = new Map<string, Mapping>()
  readonly #byIp4 = new Map<Ip4, Mapping>()
  /** Slots that are free, the next one last. */
  readonly #freeSlots: number[]
  readonly capacity: number
  /** By slot, in seconds of the data plane's clock; the data plane writes it. */
  readonly lastSeenS: Uint32Array
  /** By slot, see host-usage.ts; the data plane writes it. */
  readonly usage: Float64Array

  /** `lastSeenS`: shared memory; its length is the number of slots. */
  constructor(lastSeenS: Uint32Array) {
    this.lastSeenS = lastSeenS
    this.usage = usageOf(lastSeenS)
    this.capacity = lastSeenS.length
    this.#freeSlots = Array.from({ length: this.capacity }, (_, index) => this.capacity - 1 - index)
  }

  /** The same mappings with another number of slots; those that find no slot are left out. Slots are given out anew. */
  resized(lastSeenS: Uint32Array): Registry {
    const next = new Registry(lastSeenS)
    for (const { ip6, pref64, ip4, slot, revision, isInstalled } of this.values()) {
      const mapping = next.add({ ip6, pref64 }, ip4, this.lastSeenS[slot] ?? 0, revision)
      if (mapping === undefined) continue
      mapping.isInstalled = isInstalled
      next.usage.set(this.usageOf(slot), mapping.slot * HOST_USAGE.LEN)
    }
    return next
  }

  get size(): number {
    return this.#byIp4.size
  }

  /** All mappings as they are now, in no order. */
  all(): Mapping[] {
    return [...this.#byIp4.values()]
  }

  /** All mappings, without a copy: for a look that adds none. */
  values(): MapIterator<Mapping> {
    return this.#byIp4.values()
  }

  ofHost(host: HostId): Mapping | undefined {
    return this.#byHost.get(hostKey(host))
  }

  ofIp4(ip4: Ip4): Mapping | undefined {
    return this.#byIp4.get(ip4)
  }

  /** The four numbers of a slot (host-usage.ts), a view. */
  usageOf(slot: number): Float64Array {
    return this.usage.subarray(slot * HOST_USAGE.LEN, (slot + 1) * HOST_USAGE.LEN)
  }

  /** Seconds since the host's last packet. */
  idleS(mapping: Mapping, nowS: number): number {
    return Math.max(0, nowS - (this.lastSeenS[mapping.slot] ?? 0))
  }

  /** A free address of the pool for the host; `except`: addresses that others were found to have. */
  candidate(pool: Pool, host: HostId, except: ReadonlySet<Ip4>): Ip4 | undefined {
    if (this.#freeSlots.length === 0) return undefined
    return pool.find(host.ip6, host.pref64, (ip4) => !this.#byIp4.has(ip4) && !except.has(ip4))
  }

  /** Adds a mapping; `undefined` when the host, the address or every slot is taken. */
  add(host: HostId, ip4: Ip4, seenS: number, revision?: number): Mapping | undefined {
    if (this.#byIp4.has(ip4) || this.#byHost.has(hostKey(host))) return undefined
    const slot = this.#freeSlots.pop()
    if (slot === undefined) return undefined
    const mapping: Mapping = {
      ip6: host.ip6,
      pref64: host.pref64,
      ip4,
      slot,
      revision,
      isInstalled: false,
      toldSeenS: seenS,
    }
    this.lastSeenS[slot] = seenS
    this.usageOf(slot).fill(0)
    this.#byHost.set(hostKey(host), mapping)
    this.#byIp4.set(ip4, mapping)
    return mapping
  }

  /** True when the mapping is in force: it may have ended while somebody else was asked. */
  holds(mapping: Mapping): boolean {
    return this.#byIp4.get(mapping.ip4) === mapping
  }

  /** Takes a mapping out; its slot may be given out again at once. */
  remove(mapping: Mapping): void {
    if (!this.holds(mapping)) return
    this.#byIp4.delete(mapping.ip4)
    this.#byHost.delete(hostKey(mapping))
    this.#freeSlots.push(mapping.slot)
  }

  /** The mapping that was not used for the longest time, if nobody has a right to it any more. */
  reclaimable(nowS: number, lifetimes: Lifetimes): Mapping | undefined {
    let oldest: Mapping | undefined
    let oldestIdleS = lifetimes.guaranteedS
    for (const mapping of this.values()) {
      const idleS = this.idleS(mapping, nowS)
      if (idleS < oldestIdleS) continue
      oldest = mapping
      oldestIdleS = idleS
    }
    return oldest
  }

  /** Mappings whose host was seen again since it was last told, by more than `everyS`. */
  untold(everyS: number): Mapping[] {
    return this.values()
      .filter((mapping) => (this.lastSeenS[mapping.slot] ?? 0) - mapping.toldSeenS > everyS)
      .toArray()
  }

  /** Mappings that are kept no longer. */
  expired(nowS: number, lifetimes: Lifetimes): Mapping[] {
    const limitS = Math.max(lifetimes.keptS, lifetimes.guaranteedS)
    return this.values()
      .filter((mapping) => this.idleS(mapping, nowS) > limitS)
      .toArray()
  }
}
