import { asIp6, formatIp4, formatIp6, type Ip4, type Ip6 } from '@sixgate/addr'
import type { Bucket } from '@sixgate/bus'
import type { Logger } from '@sixgate/obs'
import type { JournalMapping } from '../core/address-map/journal-lines.ts'
import { sharedHosts } from '../core/address-map/host-usage.ts'
import { decideKvEntry, type KvMapping } from '../core/address-map/kv-entry.ts'
import type { Installed } from '../core/address-map/packed-hosts.ts'
import { MAX_HOSTS, Pool } from '../core/address-map/pool.ts'
import { type HostId, hostKey, type Lifetimes, type Mapping, Registry } from '../core/address-map/registry.ts'
import type { Plan } from '../core/plan.ts'
import { HostsBucket } from './hosts-bucket.ts'
import { Journal } from './journal.ts'
import { monotonicMs } from './messages.ts'

/** Local mappings are offered to NATS again after this time. */
const CONFIRM_MS = 5000
/** How often idle mappings are looked for, and other instances are told who was seen. */
const SWEEP_MS = 60_000
/** A pool that is used up is reported for this time after the last refusal. */
const EXHAUSTED_MS = 60_000

/** What happens to mappings, for the data plane. */
export interface MappingEvents {
  onInstall(mapping: Mapping, pref: number): void
  onRemove(mapping: Mapping): void
  /** The pool has no address for the host. */
  onRefuse(ip6: Ip6, pref: number): void
  /** Second (of the data plane's clock) in which the kernel last translated for the host; 0: never, or nobody knows. */
  seenS(mapping: Mapping): number
  /** The same for all hosts at once, by IPv4 address; who is not in it was not seen by the kernel. */
  seenByIp4(): ReadonlyMap<Ip4, { readonly seenS: number }>
}

/**
 * What became of a mapping of a backup. `unfit`: the document in force does not have its address or pref64; `busy`: the host
 * or the address was given to somebody at the same moment.
 */
export type Restored = 'restored' | 'already' | 'unfit' | 'busy'

const nowS = (): number => Math.floor(monotonicMs() / 1000)
const wallS = (): number => Math.floor(Date.now() / 1000)

/**
 * Gives hosts their addresses and remembers them: on disk, and in the KV bucket `hosts`, where an address is taken by
 * create-if-absent. A new host waits for NATS 300 ms at most, and not at all while NATS is away.
 */
export class Mappings {
  readonly #log: Logger
  readonly #bucket: HostsBucket
  readonly #events: MappingEvents
  readonly #journal: Journal
  readonly #timers: NodeJS.Timeout[] = []
  /** Addresses that the KV has, as far as the watch has told. */
  readonly #inKv = new Set<Ip4>()
  /** Hosts whose claim is under way. */
  readonly #claiming = new Set<string>()
  #registry = new Registry(sharedHosts(0))
  #pool = new Pool([], [])
  #pref64: readonly string[] = []
  #lifetimes: Lifetimes = { guaranteedS: 0, keptS: 0 }
  #unwatch = (): void => {}
  /** What the disk had, until the first document says which of it still fits. */
  #remembered: readonly JournalMapping[]
  #confirming = false
  #exhaustedAtMs = Number.NEGATIVE_INFINITY
  #exhausted = 0

  constructor(stateDir: string, bucket: Bucket | undefined, log: Logger, events: MappingEvents) {
    this.#log = log
    this.#bucket = new HostsBucket(bucket, log)
    this.#events = events
    this.#journal = new Journal(stateDir, () => this.#asJournal())
    const { mappings, reports } = this.#journal.read()
    for (const report of reports) log.error(report)
    this.#remembered = mappings
  }

  get registry(): Registry {
    return this.#registry
  }

  /** Why the mappings are not on disk at the moment. */
  get trouble(): string | undefined {
    return this.#journal.trouble
  }

  /** True when another instance uses this state directory and there is no NATS to agree over. */
  get isAlone(): boolean {
    return this.#bucket.configured || this.#journal.number === 0
  }

  /** True when other instances give out addresses too: they tell of that over NATS. */
  get isShared(): boolean {
    return this.#bucket.configured
  }

  /** True when a host was refused within the last minute. */
  get exhausted(): boolean {
    return monotonicMs() - this.#exhaustedAtMs < EXHAUSTED_MS
  }

  /** Gauges and counters. */
  counters(): Record<string, number> {
    return {
      hosts: this.#registry.size,
      hosts_unconfirmed: this.#bucket.configured ? this.#unconfirmed() : 0,
      pool_addresses: this.#pool.size,
      pool_exhausted_total: this.#exhausted,
    }
  }

  #unconfirmed(): number {
    let count = 0
    for (const mapping of this.#registry.values()) if (mapping.revision === undefined) count += 1
    return count
  }

  /** What the data plane has, or is to have. */
  *installed(): Generator<Installed> {
    for (const mapping of this.#registry.values())
      if (mapping.isInstalled)
        yield { slot: mapping.slot, ip6: mapping.ip6, pref: this.prefOf(mapping), ip4: mapping.ip4 }
  }

  /** Index of a mapping's pref64 in the document in force; -1 for none. */
  prefOf(mapping: HostId): number {
    return this.#pref64.indexOf(mapping.pref64)
  }

  /**
   * Takes a document over: mappings whose address or pref64 it does not have any more end. True when the data plane's
   * host table has to be made anew from `registry` (slots or prefix indexes changed).
   */
  reconfigure(plan: Plan): boolean {
    const isFirst = this.#pref64.length === 0
    const samePrefixes = this.#pref64.join() === plan.pref64.join()
    this.#pool = new Pool(plan.map.pool4, plan.staticIp4s)
    this.#pref64 = plan.pref64
    this.#lifetimes = plan.lifetimes
    for (const mapping of this.#registry.all()) if (!this.#fits(mapping)) this.#retire(mapping)
    const slots = Math.min(this.#pool.size, MAX_HOSTS)
    const isResized = slots !== this.#registry.capacity
    if (isResized) this.#registry = this.#registry.resized(sharedHosts(slots))
    if (isFirst) this.#begin()
    return isFirst || isResized || !samePrefixes
  }

  /** A host needs a mapping. The answer is `onInstall` or `onRefuse`. */
  want(ip6: Uint8Array, pref: number): void {
    const pref64 = this.#pref64[pref]
    if (pref64 === undefined) return
    const host: HostId = { ip6: asIp6(ip6), pref64 }
    const key = hostKey(host)
    if (this.#claiming.has(key)) return
    const known = this.#registry.ofHost(host)
    if (known !== undefined) {
      this.#events.onInstall(known, pref)
      return
    }
    this.#claiming.add(key)
    void this.#findAddress(host).finally(() => this.#claiming.delete(key))
  }

  /**
   * Gives a host the address that it had before, as a backup of the site tells. Whoever has that address now, and the
   * address that the host has now, lose each other: the backup is what the owner wants. Only one instance may be asked at
   * a time. As after a restart, the host has its guaranteed time again.
   */
  async restore(host: HostId, ip4: Ip4): Promise<Restored> {
    if (!this.#fits({ ...host, ip4 })) return 'unfit'
    const key = hostKey(host)
    if (this.#claiming.has(key)) return 'busy'
    const ofIp4 = this.#registry.ofIp4(ip4)
    const ofHost = this.#registry.ofHost(host)
    if (ofIp4 !== undefined && ofIp4 === ofHost) return 'already'
    this.#claiming.add(key)
    try {
      for (const mapping of [ofIp4, ofHost].filter((one) => one !== undefined)) {
        this.#drop(mapping)
        await this.#erase(mapping)
      }
      const mapping = this.#registry.add(host, ip4, nowS())
      if (mapping === undefined) return 'busy'
      const claim = await this.#bucket.claim(mapping, ip4, wallS())
      if (claim.kind === 'taken') this.#heard(claim.by, claim.revision)
      else if (claim.kind === 'ours') {
        if (this.#registry.holds(mapping)) mapping.revision = claim.revision
        else void this.#bucket.erase(ip4, claim.revision)
      }
      if (!this.#registry.holds(mapping)) return 'busy'
      this.#install(mapping)
      return 'restored'
    } finally {
      this.#claiming.delete(key)
    }
  }

  /** Takes over when hosts were last seen by the kernel, which does not tell by itself. */
  refreshSeen(): void {
    const seen = this.#events.seenByIp4()
    for (const mapping of this.#registry.values()) this.#noteSeen(mapping, seen.get(mapping.ip4)?.seenS ?? 0)
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#unwatch()
    await this.#journal.close()
  }

  #begin(): void {
    const now = nowS()
    // Every host has its guaranteed time again, since nobody watched while we were away.
    for (const { host, ip4 } of this.#remembered) {
      const mapping = this.#fits({ ...host, ip4 }) ? this.#registry.add(host, ip4, now) : undefined
      // The data plane is about to be started with all of them.
      if (mapping !== undefined) mapping.isInstalled = true
    }
    this.#log.info({ hosts: this.#registry.size, onDisk: this.#remembered.length }, 'mappings read from disk')
    this.#remembered = []
    this.#journal.rewrite()
    this.#unwatch = this.#bucket.watch({
      onMapping: (told, revision) => {
        this.#inKv.add(told.ip4)
        this.#heard(told, revision)
      },
      onDeleted: (ip4, revision) => this.#heardDeleted(ip4, revision),
      onSynced: (lost) => this.#synced(lost),
    })
    this.#timers.push(setInterval(() => void this.#confirmAll(), CONFIRM_MS))
    this.#timers.push(setInterval(() => void this.#sweep(), SWEEP_MS))
  }

  #fits(mapping: HostId & { readonly ip4: Ip4 }): boolean {
    return this.prefOf(mapping) >= 0 && this.#pool.has(mapping.ip4)
  }

  #asJournal(): JournalMapping[] {
    const now = nowS()
    return this.#registry
      .all()
      .map((host) => ({ host, ip4: host.ip4, seenS: wallS() - this.#registry.idleS(host, now) }))
      .toSorted((a, b) => a.seenS - b.seenS)
  }

  async #findAddress(host: HostId): Promise<void> {
    /** Addresses that others were found to have. */
    const except = new Set<Ip4>()
    for (;;) {
      // Another instance may have given it an address, or the document may have lost its prefix.
      const known = this.#registry.ofHost(host)
      if (known !== undefined) this.#events.onInstall(known, this.prefOf(known))
      if (known !== undefined || this.prefOf(host) < 0) return
      const mapping = this.#reserve(host, except)
      if (mapping === undefined) {
        if (await this.#reclaim()) continue
        this.#refuse(host)
        return
      }
      const claim = await this.#bucket.claim(mapping, mapping.ip4, wallS())
      if (claim.kind === 'taken') {
        this.#heard(claim.by, claim.revision)
        except.add(mapping.ip4)
      } else if (claim.kind === 'ours') {
        if (this.#registry.holds(mapping)) mapping.revision = claim.revision
        else void this.#bucket.erase(mapping.ip4, claim.revision)
      }
      // It may have ended meanwhile: another instance was earlier, or a new document came.
      if (!this.#registry.holds(mapping)) continue
      this.#install(mapping)
      return
    }
  }

  /** Takes a free address for the host, in one step, so that no other claim can take it too. */
  #reserve(host: HostId, except: ReadonlySet<Ip4>): Mapping | undefined {
    const ip4 = this.#registry.candidate(this.#pool, host, except)
    return ip4 === undefined ? undefined : this.#registry.add(host, ip4, nowS())
  }

  /** Ends the mapping of the host that has not been seen for the longest time; false when all have a right to theirs. */
  async #reclaim(): Promise<boolean> {
    const oldest = this.#longestIdle()
    if (oldest === undefined) return false
    this.#log.info({ host: formatIp6(oldest.ip6), ip4: formatIp4(oldest.ip4) }, 'address reclaimed: pool4 is used up')
    this.#drop(oldest)
    await this.#erase(oldest)
    return true
  }

  /** Whose address may go to another host; asks the kernel about that one, which may have been busy. */
  #longestIdle(): Mapping | undefined {
    for (;;) {
      const oldest = this.#registry.reclaimable(nowS(), this.#safeLifetimes())
      if (oldest === undefined || !this.#noteSeen(oldest, this.#events.seenS(oldest))) return oldest
    }
  }

  /** True when the kernel saw the host later than was known. */
  #noteSeen(mapping: Mapping, seenS: number): boolean {
    const { lastSeenS } = this.#registry
    if (seenS <= (lastSeenS[mapping.slot] ?? 0)) return false
    lastSeenS[mapping.slot] = seenS
    return true
  }

  /** Other instances tell of a host a while after they saw it: the guarantee holds all the same. */
  #safeLifetimes(): Lifetimes {
    if (!this.#bucket.configured) return this.#lifetimes
    const { guaranteedS, keptS } = this.#lifetimes
    return { guaranteedS: guaranteedS + this.#tellEveryS() + SWEEP_MS / 1000, keptS }
  }

  #tellEveryS(): number {
    return this.#lifetimes.guaranteedS / 4
  }

  #refuse(host: HostId): void {
    this.#exhausted += 1
    if (!this.exhausted)
      this.#log.warn(
        { host: formatIp6(host.ip6), hosts: this.#registry.size },
        'nat64.pool4 has no free address: enlarge it, or shorten nat64.idleLifetimeS',
      )
    this.#exhaustedAtMs = monotonicMs()
    this.#events.onRefuse(host.ip6, this.prefOf(host))
  }

  #install(mapping: Mapping): void {
    this.#log.debug({ host: formatIp6(mapping.ip6), ip4: formatIp4(mapping.ip4) }, 'mapping')
    mapping.isInstalled = true
    this.#journal.add({ host: mapping, ip4: mapping.ip4, seenS: wallS() })
    this.#events.onInstall(mapping, this.prefOf(mapping))
  }

  #drop(mapping: Mapping): void {
    this.#registry.remove(mapping)
    if (!mapping.isInstalled) return
    this.#journal.remove(mapping.ip4, wallS())
    this.#events.onRemove(mapping)
  }

  /** Ends a mapping that the document does not have room for. */
  #retire(mapping: Mapping): void {
    this.#log.info(
      { host: formatIp6(mapping.ip6), ip4: formatIp4(mapping.ip4) },
      'mapping ends: pool4 or pref64 changed',
    )
    this.#drop(mapping)
    void this.#erase(mapping)
  }

  async #erase({ ip4, revision }: Mapping): Promise<void> {
    if (revision !== undefined) await this.#bucket.erase(ip4, revision)
  }

  /** An entry of the bucket, another instance's or our own. */
  #heard(told: KvMapping, revision: number): void {
    const registry = this.#registry
    if (!this.#fits({ ...told.host, ip4: told.ip4 })) {
      void this.#bucket.erase(told.ip4, revision)
      return
    }
    const decision = decideKvEntry(told, revision, registry.ofIp4(told.ip4), registry.ofHost(told.host))
    for (const mapping of decision.drop) {
      if (mapping.isInstalled)
        this.#log.warn(
          { host: formatIp6(mapping.ip6), ip4: formatIp4(mapping.ip4), earlier: formatIp6(told.host.ip6) },
          'mapping ends: NATS had another one earlier; the host gets a new address with its next packet',
        )
      this.#drop(mapping)
    }
    for (const { ip4, revision } of decision.erase) void this.#bucket.erase(ip4, revision)
    const seenS = Math.max(0, nowS() - Math.max(0, wallS() - told.seenS))
    if (decision.confirm !== undefined) {
      const { confirm: mapping } = decision
      mapping.revision = revision
      registry.lastSeenS[mapping.slot] = Math.max(registry.lastSeenS[mapping.slot] ?? 0, seenS)
    }
    if (!decision.adopt) return
    const mapping = registry.add(told.host, told.ip4, seenS, revision)
    if (mapping !== undefined) this.#install(mapping)
  }

  #heardDeleted(ip4: Ip4, revision: number): void {
    this.#inKv.delete(ip4)
    const mapping = this.#registry.ofIp4(ip4)
    if (mapping?.revision !== undefined && mapping.revision < revision) this.#drop(mapping)
  }

  /** The watch has told everything: what NATS does not have (storage lost, deleted before we watched) is offered anew. */
  #synced(lost: readonly Ip4[]): void {
    for (const ip4 of lost) this.#inKv.delete(ip4)
    for (const mapping of this.#registry.values()) if (!this.#inKv.has(mapping.ip4)) mapping.revision = undefined
    void this.#confirmAll()
  }

  /** Offers to NATS what it does not know yet, one after the other; stops when NATS does not answer. */
  async #confirmAll(): Promise<void> {
    if (this.#confirming || !this.#bucket.connected) return
    this.#confirming = true
    try {
      for (const mapping of this.#registry.all()) {
        if (mapping.revision !== undefined || !this.#registry.holds(mapping)) continue
        if (this.#claiming.has(hostKey(mapping))) continue
        const claim = await this.#bucket.claim(mapping, mapping.ip4, this.#seenWallS(mapping))
        if (claim.kind === 'unknown') return
        if (claim.kind === 'taken') this.#heard(claim.by, claim.revision)
        else if (this.#registry.holds(mapping)) mapping.revision = claim.revision
        // Ended meanwhile (new document): nobody else would give the address back.
        else void this.#bucket.erase(mapping.ip4, claim.revision)
      }
    } finally {
      this.#confirming = false
    }
  }

  #seenWallS(mapping: Mapping): number {
    return wallS() - this.#registry.idleS(mapping, nowS())
  }

  /** Ends what is kept no longer, and tells the disk and other instances which hosts were seen here. */
  async #sweep(): Promise<void> {
    this.refreshSeen()
    for (const mapping of this.#registry.expired(nowS(), this.#safeLifetimes())) {
      this.#drop(mapping)
      void this.#erase(mapping)
    }
    for (const mapping of this.#registry.untold(this.#tellEveryS())) {
      if (!this.#registry.holds(mapping)) continue
      const seenS = this.#seenWallS(mapping)
      mapping.toldSeenS = this.#registry.lastSeenS[mapping.slot] ?? 0
      this.#journal.add({ host: mapping, ip4: mapping.ip4, seenS })
      if (mapping.revision === undefined) continue
      const revision = await this.#bucket.refresh(mapping, mapping.ip4, seenS, mapping.revision)
      if (revision !== undefined) mapping.revision = revision
    }
  }
}
