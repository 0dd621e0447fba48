import { randomInt } from 'node:crypto'
import {
  type Problem,
  type Questions,
  type Service,
  type ServiceContext,
  type SiteSnapshot,
  type StopIntent,
  QuestionRefused,
} from '@sixgate/bus'
import { type HostsPage, pageOf, readHostsQuery } from './core/address-map/host-listing.ts'
import { type RestoredMappings, readMappingsRestore, restoredMappings } from './core/address-map/mappings-restore.ts'
import { packHosts } from './core/address-map/packed-hosts.ts'
import { ALG_NOTES, type AlgNote } from './core/alg/tally.ts'
import { carriedMetrics, counterMetrics } from './core/counters.ts'
import { dropsOf } from './core/drops.ts'
import { fastPathPlan } from './core/fast-path-plan.ts'
import { type Plan, planFrom } from './core/plan.ts'
import { DataPlane } from './io/data-plane.ts'
import { FastPath, type FastPathSource } from './io/fast-path.ts'
import { HostNetwork } from './io/host-network.ts'
import { Mappings } from './io/mappings.ts'
import { type DataPlaneSnapshot, monotonicMs } from './io/messages.ts'

/** The device of all instances on this host. */
export const TUN_NAME = 'nat64'

const FAST_PATH_OFF: FastPathSource = { plan: undefined, capacity: 0, hosts: [], lans: [] }

/** What a question says; a mistake in it becomes a refusal. */
const understood = <T>(read: () => T): T => {
  try {
    return read()
  } catch (error) {
    throw new QuestionRefused(error instanceof Error ? error.message : String(error), error)
  }
}

/** nat64 as the runtime sees it: document in, problems and counters out. */
export class Nat64 implements Service {
  readonly #context: ServiceContext
  readonly #network: HostNetwork
  readonly #mappings: Mappings
  readonly #dataPlane: DataPlane
  readonly #fastPath: FastPath
  /** Said once in the life of the process, also when the data plane starts again. */
  readonly #noted = new Set<AlgNote>()
  readonly #seed = randomInt(0x7fffffff)
  readonly questions: Questions = {
    drops: () => dropsOf(this.#dataPlane.counters),
    hosts: (body) => this.#hosts(body),
    'restore-mappings': async (body) => await this.#restoreMappings(body),
  }
  #inForce: { readonly snapshot: SiteSnapshot; readonly plan: Plan } | undefined
  #trouble: Problem | undefined

  /** `bpffs`: mount point of a bpffs, where the fast path is kept for the next process. */
  constructor(context: ServiceContext, bpffs?: string) {
    this.#context = context
    this.#network = new HostNetwork(TUN_NAME, () => this.#addressesMayHaveChanged())
    this.#fastPath = new FastPath(TUN_NAME, context.log, () => this.#fastPathSource(), { bpffs })
    this.#mappings = new Mappings(context.stateDir, context.bus.bucket('hosts'), context.log, {
      onInstall: ({ slot, ip6, ip4 }, pref) => {
        this.#dataPlane.install({ slot, ip6, pref, ip4 })
        this.#fastPath.install({ ip6, ip4, pref })
      },
      onRemove: ({ slot, ip4 }) => {
        this.#fastPath.remove(ip4)
        this.#dataPlane.send({ kind: 'remove', slot })
      },
      onRefuse: (ip6, pref) => this.#dataPlane.send({ kind: 'refuse', ip6, pref }),
      seenS: ({ ip4 }) => this.#fastPath.seenS(ip4),
      seenByIp4: () => this.#fastPath.usages(),
    })
    this.#dataPlane = new DataPlane(
      TUN_NAME,
      () => this.#startSnapshot(),
      {
        onAttached: (offload) => {
          this.#network.reconcile()
          this.#fastPath.attach()
          context.log.info({ tun: TUN_NAME, offload }, 'data plane is up')
        },
        onWant: (ip6, pref) => this.#mappings.want(ip6, pref),
        onNote: (note) => {
          if (this.#noted.has(note)) return
          this.#noted.add(note)
          context.log.warn({ alg: note }, ALG_NOTES[note])
        },
        onStrangeGateway: (message) =>
          context.log.warn(
            { reason: message },
            'FTP and SIP connections of the instance before this one are not understood, they have to be made again',
          ),
        onTrouble: (problem) => {
          if (problem !== undefined && problem.message !== this.#trouble?.message) context.log.error(problem.message)
          this.#trouble = problem
        },
      },
      { isShared: this.#mappings.isShared },
    )
  }

  /** Resolves when the data plane works with the document, or cannot be had at the moment (then a problem says why). */
  async apply(snapshot: SiteSnapshot): Promise<void> {
    const plan = planFrom(snapshot.site, this.#network.gatewayAddresses4())
    const isNewTable = this.#mappings.reconfigure(plan)
    this.#inForce = { snapshot, plan }
    this.#rebuildFastPath()
    this.#dataPlane.send({ kind: 'swap', snapshot: this.#dataPlaneSnapshot(plan, isNewTable) })
    this.#network.want({ mtuBytes: plan.tunMtuBytes, address: plan.kernel4, routes: plan.routes })
    await this.#dataPlane.start()
  }

  problems(): readonly Problem[] {
    const problems: Problem[] = [...this.#network.troubles]
    if (this.#trouble !== undefined) problems.push(this.#trouble)
    if (this.#mappings.trouble !== undefined)
      problems.push({ code: 'state-not-written', message: `mappings are not on disk: ${this.#mappings.trouble}` })
    if (!this.#mappings.isAlone)
      problems.push({
        code: 'second-instance',
        message: 'another nat64 uses this STATE_DIR; several instances need NATS (SITE=nats://…) to share addresses',
      })
    if (this.#mappings.exhausted)
      problems.push({
        code: 'pool-exhausted',
        message: 'nat64.pool4 has no free address for a new host: enlarge it, or shorten nat64.idleLifetimeS',
      })
    return problems
  }

  remarks(): readonly string[] {
    return [this.#fastPath.remark]
  }

  counters(): Readonly<Record<string, number>> {
    const typescript = counterMetrics(this.#dataPlane.counters)
    const fastPath = this.#fastPath.counters()
    return { ...typescript, ...this.#mappings.counters(), ...fastPath, ...carriedMetrics(typescript, fastPath) }
  }

  #hosts(body: unknown): HostsPage {
    const query = understood(() => readHostsQuery(body))
    this.#mappings.refreshSeen()
    const { registry } = this.#mappings
    const nowS = Math.floor(monotonicMs() / 1000)
    return pageOf(
      query,
      registry.all().filter((mapping) => mapping.isInstalled),
      (mapping) => ({ idleS: registry.idleS(mapping, nowS), typescript: registry.usageOf(mapping.slot) }),
      this.#fastPath.usages(),
    )
  }

  /** One after the other, so that a host that takes another's address finds it free. */
  async #restoreMappings(body: unknown): Promise<RestoredMappings> {
    const { instance, mappings } = understood(() => readMappingsRestore(body))
    if (instance !== this.#context.instance) return restoredMappings([])
    if (this.#inForce === undefined) throw new QuestionRefused('no document is in force yet; ask again')
    const outcomes = []
    for (const { host, ip4 } of mappings) outcomes.push({ ip4, outcome: await this.#mappings.restore(host, ip4) })
    return restoredMappings(outcomes)
  }

  async stop(intent: StopIntent): Promise<void> {
    this.#network.close()
    this.#mappings.refreshSeen()
    const isHandedOver = await this.#dataPlane.stop()
    await this.#mappings.close()
    // What another instance of this host works with is its own to remove.
    const left = isHandedOver ? 'keep' : intent
    this.#fastPath.stop(left)
    if (left === 'remove') this.#network.remove()
    this.#context.log.info(
      { intent: left },
      isHandedOver ? 'another instance reads on where this one stopped' : 'data plane is down',
    )
  }

  /** The kernel gets new rules in one step. What its old maps know of the hosts is taken over before. */
  #rebuildFastPath(): void {
    this.#mappings.refreshSeen()
    this.#fastPath.rebuild()
  }

  #fastPathSource(): FastPathSource {
    if (this.#inForce === undefined || this.#inForce.snapshot.site.nat64.fastPath === 'off') return FAST_PATH_OFF
    const { map, settings, tunMtuBytes, fastPathLans: lans, notAtLans } = this.#inForce.plan
    const { registry } = this.#mappings
    return {
      plan: fastPathPlan(map, settings, tunMtuBytes),
      capacity: registry.capacity,
      hosts: registry
        .all()
        .filter((mapping) => mapping.isInstalled)
        .map((mapping) => ({ ip6: mapping.ip6, ip4: mapping.ip4, pref: this.#mappings.prefOf(mapping) })),
      lans,
      notAtLans,
    }
  }

  #startSnapshot(): DataPlaneSnapshot {
    if (this.#inForce === undefined) throw new Error('the data plane is started by the first document')
    return this.#dataPlaneSnapshot(this.#inForce.plan, true)
  }

  #dataPlaneSnapshot(plan: Plan, isNewTable: boolean): DataPlaneSnapshot {
    const { registry } = this.#mappings
    return {
      map: plan.map,
      settings: plan.settings,
      lastSeenS: registry.lastSeenS,
      seed: this.#seed,
      hosts: isNewTable ? packHosts(this.#mappings.installed(), registry.size) : undefined,
    }
  }

  /** The gateway's own addresses are never translated to: a new one has to be known to the data plane. */
  #addressesMayHaveChanged(): void {
    this.#fastPath.linksMayHaveChanged()
    if (this.#inForce === undefined) return
    const { snapshot, plan: old } = this.#inForce
    const plan = planFrom(snapshot.site, this.#network.gatewayAddresses4())
    const text = (one: Plan): string => JSON.stringify(one.map.forbidden4)
    if (text(plan) === text(old)) return
    this.#inForce = { snapshot, plan }
    this.#rebuildFastPath()
    this.#dataPlane.send({ kind: 'swap', snapshot: this.#dataPlaneSnapshot(plan, false) })
  }
}
