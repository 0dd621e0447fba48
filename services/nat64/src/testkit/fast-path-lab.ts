/** The eBPF program on a real TUN, see tun-queue.ts. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { asIp4 } from '@sixgate/addr'
import { link, replaceBpfFilter } from '@sixgate/host'
import { type FastPathHost, fastPathPlan } from '../core/fast-path-plan.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { Generation, type GenerationOptions } from '../io/bpf-generation.ts'
import { readBpfObject } from '../io/bpf-object.ts'
import { OBJECT_FILE } from '../io/fast-path.ts'
import { addressMapConfig, hostsOf, type LabOptions } from './core-lab.ts'
import { type Passage, TunQueue } from './tun-queue.ts'

const TUN = 'nat64'
export const MAX_MTU = 65_535

export class FastPathLab {
  readonly generation: Generation
  readonly hosts: readonly FastPathHost[]
  readonly ifindex: number
  readonly #queue: TunQueue

  constructor(options: LabOptions, mtuBytes = MAX_MTU, more: GenerationOptions = {}) {
    this.#queue = new TunQueue(TUN, mtuBytes)
    const plan = fastPathPlan(addressMapConfig(options), { ...DEFAULT_SETTINGS, ...options.settings }, mtuBytes)
    this.generation = new Generation(readBpfObject(readFileSync(OBJECT_FILE), 'tc'), plan, 16, more)
    this.hosts = hostsOf(options).map(({ ip6, ip4, pref }) => ({ ip6, ip4: asIp4(ip4), pref }))
    for (const host of this.hosts) this.generation.install(host)
    this.ifindex = link(TUN)?.index ?? assert.fail()
    replaceBpfFilter({ ifindex: this.ifindex, hook: 'egress', preference: 1 }, this.generation.programFd, 'test')
  }

  /** Sends a packet, offload header first, and waits until it comes out on one of the two ways. */
  play(octets: ArrayLike<number>): Passage {
    return this.#queue.play(octets)
  }

  /** Sends a packet, offload header first. */
  send(octets: ArrayLike<number>): void {
    this.#queue.send(octets)
  }

  /** Waits for the next packet that comes out on one of the two ways. */
  outcome(): Passage {
    return this.#queue.outcome()
  }

  /** Forgets what has come out so far. */
  discard(): void {
    this.#queue.discard()
  }

  close(): void {
    this.generation.close()
    this.#queue.close()
  }
}
