import { asIp6, formatIp4, formatIp6, type Ip4, type Ip6 } from '@sixgate/addr'
import type { Bucket, BucketEntry } from '@sixgate/bus'
import type { Logger } from '@sixgate/obs'
import type { JournalMapping } from '../core/address-map/journal-lines.ts'
import { decideKvEntry, decodeKvEntry, encodeKvValue, type KvMapping, kvKey } from '../core/address-map/kv-entry.ts'
import { MAX_HOSTS, Pool } from '../core/address-map/pool.ts'
import { type HostId, hostKey, type Lifetimes, type Mapping, Registry } from '../core/address-map/registry.ts'
import type { Plan } from '../core/plan.ts'
import { Journal } from './journal.ts'
import { monotonicMs } from './messages.ts'

/** NATS has so long to give an address; then it is taken locally and told to NATS later. The packets wait meanwhile. */
const CLAIM_MS = 300
/** Local mappings are offered to NATS again after this time. */
const CONFIRM_MS = 5000
/** Expired mappings go, and those in use are marked as such for other instances, this often at least. */
const SWEEP_MS = 60_000
/** The log says at most this often that the pool is exhausted. */
const EXHAUSTED_LOG_MS = 60_000

/** What happens to mappings, for the data plane. */
export interface MappingEvents {
  onInstall(mapping: Mapping, pref: number): void
  onRemove(mapping: Mapping): void
  /** The pool has no address for the host. */
  onRefuse(ip6: Ip6, pref: number): void
}

const nowS = (): number => Math.floor(monotonicMs() / 1000)
const wallS = (): number => Math.floor(Date.now() / 1000)

/**
 * Gives hosts their addresses and remembers them: on disk, and in the KV bucket `hosts`, where an address is taken by
 * create-if-absent. The data plane waits for NATS 300 ms at most, and not at all while it is away.
 */
export class Mappings {
  readonly #log: Logger
  readonly #bucket: Bucket | undefined
  readonly #events: MappingEvents
  readonly #journal: Journal
  readonly #wanted = new Set<string>()
  readonly #timers: NodeJS.Timeout[] = []
  #registry = new Registry(new Uint32Array(new SharedArrayBuffer(0)))
  #pool = new Pool([], [])
  #pref64: readonly string[] = []
  #lifetimes: Lifetimes = { guaranteedS: 0, keptS: 0 }
  #unwatch: (() => void) | undefined
  /** What the disk had, until the first document says which of it still fits. */
  #remembered: readonly JournalMapping[]
  #exhaustedAtMs = Number.NEGATIVE_INFINITY
  #exhausted = 0

  constructor(stateDir: string, bucket: Bucket | undefined, log: Logger, events: MappingEvents) {
    this.#log = log
    this.#bucket = bucket
    this.#events = events
    this.#journal = new Journal(stateDir, () => this.#asJournal())
    const { mappings, reports } = this.#journal.read()
    for (const report of reports) log.error(report)
    this.#remembered = mappings
  }

  get registry(): Registry {
    return this.#registry
  }

  /** Why the mappings are not safe at the moment. */
  get trouble(): string | undefined {
    return this.#journal.trouble
  }

  /** True when a host was refused within the last minute. */
  get exhausted(): boolean {
    return monotonicMs() - this.#exhaustedAtMs < EXHAUSTED_LOG_MS
  }

  /** Gauges and counters. */
  counters(): Record<string, number> {
    const unconfirmed = [...this.#registry.all()].filter((mapping) => mapping.revision === undefined).length
    return {
      hosts: this.#registry.size,
      hosts_unconfirmed: this.#bucket === undefined ? 0 : unconfirmed,
      pool_addresses: this.#pool.size,
      pool_exhausted_total: this.#exhausted,
    }
  }

  /** Index of a pref64 text in the document in force; -1 for none. */
  prefOf(mapping: HostId): number {
    return this.#pref64.indexOf(mapping.pref64)
  }

  /**
   * Takes a document over: mappings whose address or pref64 it does not have any more end. Returns nothing; afterwards
   * `registry` is a new one, and the data plane has to be given a new snapshot.
   */
  reconfigure(plan: Plan): void {
    const old = this.#registry
    const first = this.#pref64.length === 0
    this.#pool = new Pool(plan.map.pool4, plan.staticIp4s)
    this.#pref64 = plan.pref64
    this.#lifetimes = plan.lifetimes
    const slots = Math.min(this.#pool.size, MAX_HOSTS)
    this.#registry = new Registry(new Uint32Array(new SharedArrayBuffer(slots * 4)))
    for (const mapping of old.all()) this.#carryOver(mapping, old)
    if (!first) {
      this.#journal.rewrite()
      return
    }
    this.#recall()
    this.#unwatch = this.#bucket?.watch(
      (entry) => this.#hear(entry),
      (sync) => this.#synced(sync?.lost ?? []),
    )
    this.#timers.push(setInterval(() => this.#confirmAll(), CONFIRM_MS))
    this.#timers.push(setInterval(() => this.#sweep(), SWEEP_MS))
  }

  /** A host needs a mapping. The answer is `onInstall` or `onRefuse`. */
  want(ip6: Uint8Array, pref: number): void {
    const pref64 = this.#pref64[pref]
    if (pref64 === undefined) return
    const host: HostId = { ip6: asIp6(ip6), pref64 }
    const known = this.#registry.ofHost(host)
    const key = hostKey(host)
    if (this.#wanted.has(key)) return
    if (known !== undefined) {
      this.#events.onInstall(known, pref)
      return
    }
    this.#wanted.add(key)
    void this.#claim(host, pref).finally(() => this.#wanted.delete(key))
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#unwatch?.()
    await this.#journal.close()
  }

  #asJournal(): JournalMapping[] {
    const now = nowS()
    return [...this.#registry.all()]
      .map((host) => ({ host, ip4: host.ip4, seenS: wallS() - this.#registry.idleS(host, now) }))
      .toSorted((a, b) => a.seenS - b.seenS)
  }

  #carryOver(mapping: Mapping, old: Registry): void {
    const seenS = old.lastSeenS[mapping.slot] ?? 0
    if (this.prefOf(mapping) >= 0 && this.#pool.has(mapping.ip4))
      if (this.#registry.add(mapping, mapping.ip4, seenS, mapping.revision) !== undefined) return
    this.#log.info(
      { host: formatIp6(mapping.ip6), ip4: formatIp4(mapping.ip4) },
      'mapping ends: not in the document any more',
    )
    void this.#erase(mapping.ip4)
  }

  /** Mappings from disk: every host has its guaranteed time again, since nobody watched while we were away. */
  #recall(): void {
    const now = nowS()
    for (const { host, ip4 } of this.#remembered)
      if (this.prefOf(host) >= 0 && this.#pool.has(ip4)) this.#registry.add(host, ip4, now)
    this.#remembered = []
    this.#journal.rewrite()
  }

  async #claim(host: HostId, pref: number): Promise<void> {
    const except = new Set<Ip4>()
    for (;;) {
      const ip4 = await this.#freeAddress(host, except)
      const mapping = ip4 === undefined ? undefined : this.#registry.add(host, ip4, nowS())
      if (mapping === undefined) {
        const other = this.#registry.ofHost(host)
        if (other !== undefined) this.#events.onInstall(other, pref)
        else this.#refuse(host, pref)
        return
      }
      if (await this.#takeInKv(mapping)) {
        // It may have ended while NATS was asked: another instance was faster, or a new document came.
        const now = this.#registry.ofHost(host)
        if (now !== undefined) this.#install(now)
        return
      }
      this.#registry.remove(mapping)
      except.add(mapping.ip4)
    }
  }

  /** A free address; when there is none, that of the host that has not been seen for the longest time. */
  async #freeAddress(host: HostId, except: ReadonlySet<Ip4>): Promise<Ip4 | undefined> {
    const free = this.#registry.candidate(this.#pool, host, except)
    if (free !== undefined) return free
    const oldest = this.#registry.reclaimable(nowS(), this.#lifetimes)
    if (oldest === undefined) return undefined
    this.#log.info({ host: formatIp6(oldest.ip6), ip4: formatIp4(oldest.ip4) }, 'address reclaimed: pool4 is used up')
    this.#drop(oldest)
    await this.#erase(oldest.ip4)
    return this.#registry.candidate(this.#pool, host, except)
  }

  /** True when the address is ours: NATS says so, or cannot be asked in time. False: another host has it. */
  async #takeInKv(mapping: Mapping): Promise<boolean> {
    const bucket = this.#bucket
    if (bucket === undefined || !bucket.connected) return true
    const timeout = Promise.withResolvers<'late'>()
    const timer = setTimeout(() => timeout.resolve('late'), CLAIM_MS)
    try {
      const created = bucket.create(kvKey(mapping.ip4), encodeKvValue(mapping, wallS()))
      created.catch(() => undefined)
      const revision = await Promise.race([created, timeout.promise])
      if (revision === 'late') return true
      if (revision !== undefined) {
        mapping.revision = revision
        return true
      }
      const entry = await Promise.race([bucket.get(kvKey(mapping.ip4)), timeout.promise])
      if (entry === undefined || entry === 'late') return true
      this.#registry.remove(mapping)
      this.#hear(entry)
      return this.#registry.ofHost(mapping) !== undefined
    } catch (error) {
      this.#log.debug({ err: error }, 'address taken locally: NATS did not answer')
      return true
    } finally {
      clearTimeout(timer)
    }
  }

  #refuse(host: HostId, pref: number): void {
    this.#exhausted += 1
    if (!this.exhausted)
      this.#log.warn(
        { host: formatIp6(host.ip6) },
        `pool4 has no free address (${this.#registry.size} hosts); enlarge nat64.pool4 or shorten nat64.idleLifetimeS`,
      )
    this.#exhaustedAtMs = monotonicMs()
    this.#events.onRefuse(host.ip6, pref)
  }

  #install(mapping: Mapping): void {
    this.#journal.add({ host: mapping, ip4: mapping.ip4, seenS: wallS() })
    this.#events.onInstall(mapping, this.prefOf(mapping))
  }

  #drop(mapping: Mapping): void {
    this.#registry.remove(mapping)
    this.#journal.remove(mapping.ip4, wallS())
    this.#events.onRemove(mapping)
  }

  async #erase(ip4: Ip4): Promise<void> {
    if (this.#bucket?.connected !== true) return
    try {
      await this.#bucket.delete(kvKey(ip4))
    } catch (error) {
      this.#log.debug({ err: error }, 'KV entry not deleted: NATS did not answer')
    }
  }

  /** An entry of the bucket, another instance's or our own. */
  #hear(entry: BucketEntry): void {
    if (entry.operation === 'delete') {
      this.#heardDelete(entry)
      return
    }
    const told = decodeKvEntry(entry.key, entry.value)
    if (told === undefined) {
      this.#log.warn({ key: entry.key }, 'KV bucket hosts: an entry that is no mapping; it is left alone')
      return
    }
    if (this.prefOf(told.host) < 0 || !this.#pool.has(told.ip4)) {
      void this.#erase(told.ip4)
      return
    }
    this.#decide(told, entry.revision)
  }

  #decide(told: KvMapping, revision: number): void {
    const registry = this.#registry
    const decision = decideKvEntry(told, revision, registry.ofIp4(told.ip4), registry.ofHost(told.host))
    for (const mapping of decision.drop) {
      this.#log.warn(
        { host: formatIp6(mapping.ip6), ip4: formatIp4(mapping.ip4), holder: formatIp6(told.host.ip6) },
        'mapping ends: NATS had another one earlier; the host gets a new address with its next packet',
      )
      this.#drop(mapping)
    }
    for (const ip4 of decision.erase) void this.#erase(ip4)
    const seenS = Math.max(0, nowS() - Math.max(0, wallS() - told.seenS))
    if (decision.confirm !== undefined) {
      const { slot } = decision.confirm
      decision.confirm.revision = revision
      registry.lastSeenS[slot] = Math.max(registry.lastSeenS[slot] ?? 0, seenS)
    }
    if (!decision.adopt) return
    const mapping = registry.add(told.host, told.ip4, seenS, revision)
    if (mapping !== undefined) this.#install(mapping)
  }

  #heardDelete(entry: BucketEntry): void {
    const mapping = [...this.#registry.all()].find((one) => kvKey(one.ip4) === entry.key)
    if (mapping?.revision !== undefined && mapping.revision < entry.revision) this.#drop(mapping)
  }

  #synced(lost: readonly string[]): void {
    for (const mapping of this.#registry.all()) if (lost.includes(kvKey(mapping.ip4))) mapping.revision = undefined
    this.#confirmAll()
  }

  /** Offers to NATS what it does not know yet. */
  #confirmAll(): void {
    if (this.#bucket?.connected !== true) return
    for (const mapping of this.#registry.all()) {
      const key = hostKey(mapping)
      if (mapping.revision !== undefined || this.#wanted.has(key)) continue
      this.#wanted.add(key)
      void this.#takeInKv(mapping).finally(() => this.#wanted.delete(key))
    }
  }

  /** Ends what is kept no longer, and tells other instances which hosts were seen here. */
  #sweep(): void {
    const now = nowS()
    for (const mapping of this.#registry.expired(now, this.#lifetimes)) {
      this.#drop(mapping)
      void this.#erase(mapping.ip4)
    }
  }
}
