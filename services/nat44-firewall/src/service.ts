import { setTimeout as delay } from 'node:timers/promises'
import {
  BUCKETS,
  Lease,
  leaseKeyOf,
  type Problem,
  QuestionRefused,
  type Questions,
  type Service,
  type ServiceContext,
  SiteRejected,
  type SiteSnapshot,
} from '@sixgate/bus'
import type { Check } from '@sixgate/obs'
import type { Site } from '@sixgate/site'
import { checksOf } from './core/doctor/checks.ts'
import type { RuleLine } from './core/rule-lines.ts'
import { readHost } from './io/doctor/read-host.ts'
import { watchHost } from './io/host-watch.ts'
import { ProblemBoard, problemOf } from './problem-board.ts'
import { isRefused } from './table-upkeep.ts'
import { Upkeep } from './upkeep.ts'

/** An instance that knows of no holder becomes active after 3 s (Lease). */
const LEASE_WAIT_MS = 4000
const LEASE_POLL_MS = 20

/** The active instance mends within a moment what its events tell it; who stands by leaves it this long. */
const LOOPBACK_GRACE_MS = 1000

/** Nobody is active yet, as far as this instance knows. */
const LEASE_PENDING: Problem = {
  code: 'lease-pending',
  message: 'whether another instance is active is being asked of NATS; without an answer this one begins in 3 s',
}

/** The service: which document is in force, which of several instances does the work, when it begins and when it ends. */
export class Firewall implements Service {
  readonly #context: ServiceContext
  readonly #problems: ProblemBoard
  readonly #upkeep: Upkeep
  readonly questions: Questions = {
    rules: () => this.#rules(),
    checks: async () => await this.#checks(),
  }
  #lease: Lease | undefined
  #site: Site | undefined
  #work: Promise<void> = Promise.resolve()
  #stopWatching: (() => void) | undefined
  /** Since when an instance that stands by sees loopback cut off. */
  #cutSinceMs: number | undefined

  /** `userRules`: directory with the owner's `*.nft` files; undefined: there are none. */
  constructor(context: ServiceContext, userRules?: string) {
    this.#context = context
    this.#problems = new ProblemBoard(context.log)
    this.#upkeep = new Upkeep(context, this.#problems, userRules)
  }

  /** An instance that stands by has the document ready and leaves the host alone; the active one says what is wrong with it. */
  async apply(snapshot: SiteSnapshot): Promise<void> {
    const isActive = await this.#joinIn()
    await this.#exclusively(async () => {
      const previous = this.#site
      this.#site = snapshot.site
      this.#watch()
      if (!isActive) return
      try {
        await this.#look()
      } catch (error) {
        this.#site = previous
        // Only the document can make nft refuse rules that this program wrote; all else may heal and is in problems().
        if (!isRefused(error)) throw error
        throw new SiteRejected('rules-refused', `${error.message}; the rules in force stay`, error)
      }
    })
  }

  /**
   * Takes part in the lease `nat44-firewall`, once there is a document. Waits until it is known who is active; returns whether
   * that is this instance. Without NATS it is.
   */
  async #joinIn(): Promise<boolean> {
    const { bus, name, instance, gateway, log } = this.#context
    this.#lease ??= new Lease({
      bucket: bus.bucket(BUCKETS.LEASES),
      key: leaseKeyOf(name, gateway),
      instance,
      log,
      onChange: (active) => (active ? this.#activate() : this.#standBy()),
    })
    const lease = this.#lease
    const endMs = performance.now() + LEASE_WAIT_MS
    while (!lease.active && lease.other === undefined && performance.now() < endMs) await delay(LEASE_POLL_MS)
    return lease.active
  }

  /** From now on this instance does the work: the rules stand already, and are looked at, at once. */
  #activate(): void {
    this.#upkeep.counters.set('active', 1)
    this.#upkeep.recall()
    this.#lookInBackground()
  }

  /** Leaves everything to the other instance, as it is. */
  #standBy(): void {
    this.#upkeep.counters.set('active', 0)
    this.#problems.clear()
  }

  problems(): readonly Problem[] {
    if (this.#standsBy) return []
    if (this.#lease?.active === false) return [LEASE_PENDING]
    return this.#problems.all
  }

  counters(): Readonly<Record<string, number>> {
    return this.#upkeep.snapshot
  }

  async stop(intent: 'keep' | 'remove'): Promise<void> {
    if (intent === 'remove') await this.#untilOthersEnded()
    const isOthers = this.#standsBy
    this.#stopWatching?.()
    this.#stopWatching = undefined
    await this.#exclusively(async () => {
      this.#site = undefined
      if (intent === 'remove' && !isOthers) await this.#upkeep.remove()
    })
    // A successor may begin now, and not before.
    await this.#lease?.release()
  }

  /**
   * At `down` all instances are stopped at once. One that stands by waits until the active one has ended or died, which makes it
   * the active one, and then takes away what is left.
   */
  async #untilOthersEnded(): Promise<void> {
    const lease = this.#lease
    const connected = this.#context.bus.bucket(BUCKETS.LEASES)?.connected === true
    if (lease === undefined || lease.active || !connected) return
    // Should it become the active one now, there is nothing to put in force any more.
    this.#site = undefined
    const endMs = performance.now() + LEASE_WAIT_MS
    while (!lease.active && lease.other !== undefined && performance.now() < endMs) await delay(LEASE_POLL_MS)
  }

  /** Whether another instance does the work. */
  get #standsBy(): boolean {
    return this.#lease?.active === false && this.#lease.other !== undefined
  }

  /** What `sixgate firewall rules` shows: the table as it was looked at last. */
  #rules(): readonly RuleLine[] {
    if (this.#standsBy) return []
    if (!this.#upkeep.stands)
      throw new QuestionRefused('no rules are in force; sixgate status says why, sixgate doctor what to do')
    return this.#upkeep.lines
  }

  /** What `sixgate doctor` shows of the host. */
  async #checks(): Promise<readonly Check[]> {
    const { stateDir, sysctlRoot } = this.#context
    // Some checks change rules for a moment and back.
    const report = await this.#exclusively(() =>
      readHost({
        site: this.#site ?? 'no document is in force yet',
        isRunning: this.#standsBy || this.#upkeep.stands,
        sysctlRoot,
        stateDir,
        remembered: this.#upkeep.rememberedUplinks,
      }),
    )
    return checksOf(report)
  }

  /** One after the other; an error goes to the caller and does not hold up the next. */
  #exclusively<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#work.then(task)
    this.#work = done.then(
      () => undefined,
      () => undefined,
    )
    return done
  }

  #watch(): void {
    this.#stopWatching ??= watchHost(
      () => this.#lookInBackground(),
      (message) => this.#context.log.warn(message),
    )
  }

  #lookInBackground(): void {
    this.#exclusively(() => this.#look()).catch((error: unknown) => {
      this.#problems.report('table', [problemOf('nft', error)])
    })
  }

  async #look(): Promise<void> {
    if (this.#site === undefined) return
    if (this.#lease?.active !== false) await this.#upkeep.look(this.#site)
    else if (this.#standsBy) await this.#guardLoopback(this.#site)
  }

  /**
   * The one thing that an instance that stands by mends: with loopback cut off and the active instance dead, nobody could ever
   * learn by NATS whose turn it is. Should the active one be alive after all, both write the same.
   */
  async #guardLoopback(site: Site): Promise<void> {
    if (!(await this.#upkeep.cutsLoopback())) {
      this.#cutSinceMs = undefined
      return
    }
    this.#cutSinceMs ??= performance.now()
    if (performance.now() - this.#cutSinceMs < LOOPBACK_GRACE_MS) {
      setTimeout(() => this.#lookInBackground(), LOOPBACK_GRACE_MS).unref()
      return
    }
    await this.#upkeep.mendLoopback(site)
    this.#problems.clear()
  }
}
