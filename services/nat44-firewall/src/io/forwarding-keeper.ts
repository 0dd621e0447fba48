import { join } from 'node:path'
import { OriginalValues, type RestoreReport, type Sysctls } from '@sixgate/host'
import { type ConntrackUse, planConntrack, planConntrackSize } from '../core/conntrack.ts'
import { type ForwardingLinks, IP6_FORWARD, IP_FORWARD, planForwarding } from '../core/forwarding.ts'
import type { Facts } from '../core/zones.ts'
import { isWritable } from './is-writable.ts'
import { conntrackNames, readConntrackUse, readSysctlState } from './host-facts.ts'

const CONNTRACK_MAX = 'netfilter/nf_conntrack_max'
/**
 * Documentation/networking/ip-sysctl.rst: connections that a listener has not accepted when it is closed go to another one of its port
 * (SO_REUSEPORT): an instance of dns64 that is replaced loses none. Kernel ≥ 5.14.
 */
const TCP_MIGRATE = 'ipv4/tcp_migrate_req'

/** Keeps the sysctls of a router, and can make them what they were before. */
export class ForwardingKeeper {
  readonly #sysctls: Sysctls
  readonly #originals: OriginalValues

  /** `file` holds the original values. */
  constructor(sysctls: Sysctls, file: string) {
    this.#sysctls = sysctls
    this.#originals = new OriginalValues(sysctls, file)
  }

  /** What the operator should know about the file of originals; undefined when all is well. */
  get note(): string | undefined {
    return this.#originals.note
  }

  /** Whether the host forwarded before this service first switched it on. Throws HostError. */
  routedBefore(): Facts['routedBefore'] {
    const wasOn = (path: string): boolean =>
      (this.#originals.originals.get(path) ?? this.#sysctls.read(path) ?? '0') !== '0'
    return { ip4: wasOn(IP_FORWARD), ip6: wasOn(IP6_FORWARD) }
  }

  /**
   * Switches forwarding on where it is off, sets the timers of conntrack, and has listeners hand over. Call only while the rules stand. Returns the
   * paths that were changed. Throws HostError.
   */
  keep(links: ForwardingLinks): readonly string[] {
    return [
      ...planForwarding(links, readSysctlState(this.#sysctls, links.uplinks)),
      ...planConntrack(conntrackNames(this.#sysctls)),
      ...(this.#sysctls.read(TCP_MIGRATE) === undefined ? [] : [{ path: TCP_MIGRATE, value: '1', affects: [] }]),
    ]
      .filter(({ path, value, affects }) => this.#originals.set(path, value, { affects }))
      .map(({ path }) => path)
  }

  /**
   * Gives conntrack room by the memory. Only the host's own network namespace may: elsewhere nothing is done. Returns the paths
   * that were changed. Throws HostError.
   */
  keepConntrackSize(memoryBytes: number): readonly string[] {
    if (!isWritable(join(this.#sysctls.root, CONNTRACK_MAX))) return []
    return planConntrackSize(this.conntrackUse().max, memoryBytes)
      .filter(({ path, value }) => this.#originals.set(path, value))
      .map(({ path }) => path)
  }

  /** How many flows the kernel follows. Throws HostError. */
  conntrackUse(): ConntrackUse {
    return readConntrackUse(this.#sysctls)
  }

  /** Writes the originals back. */
  restore(): RestoreReport {
    return this.#originals.restore()
  }
}
