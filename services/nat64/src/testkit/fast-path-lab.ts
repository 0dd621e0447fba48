/**
 * The eBPF program on a real TUN whose queue the test itself holds, so that it sees which way each packet took:
 *
 *   packet socket ──send──▶ TUN egress ─┬─(translated)─▶ TUN ingress ──▶ packet socket
 *                                       └─(fell through)─▶ queue ──▶ the test
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { asIp4 } from '@sixgate/addr'
import {
  deleteLink,
  libc,
  link,
  nativeBuffer,
  POLL,
  replaceBpfFilter,
  setAddrGenMode,
  setLinkMtu,
  setLinkUp,
} from '@sixgate/host'
import { MAX_PACKET } from '../core/frame.ts'
import { type FastPathHost, fastPathPlan } from '../core/fast-path-plan.ts'
import { VNET } from '../core/wire/virtio-net.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { Generation, type GenerationOptions } from '../io/bpf-generation.ts'
import { readBpfObject } from '../io/bpf-object.ts'
import { OBJECT_FILE } from '../io/fast-path.ts'
import { attachTun } from '../io/tun.ts'
import { addressMapConfig, hostsOf, type LabOptions } from './core-lab.ts'
import { PacketSocket } from './packet-socket.ts'

const TUN = 'nat64'
const READ_BYTES = MAX_PACKET + VNET.LEN
const WAIT_MS = 5000
export const MAX_MTU = 65_535

/** Which way a packet took, and what it was at the end; offload header first. */
export interface Passage {
  readonly by: 'kernel' | 'typescript'
  readonly packet: Uint8Array
}

export class FastPathLab {
  readonly generation: Generation
  readonly hosts: readonly FastPathHost[]
  readonly ifindex: number
  readonly #socket: PacketSocket
  readonly #fd: number
  readonly #data = nativeBuffer(READ_BYTES)
  readonly #poll = nativeBuffer(16)

  constructor(options: LabOptions, mtuBytes = MAX_MTU, more: GenerationOptions = {}) {
    this.#fd = attachTun(TUN).fd
    setAddrGenMode(TUN, 'none')
    setLinkMtu(TUN, mtuBytes)
    setLinkUp(TUN, true)
    this.#socket = new PacketSocket(TUN)
    const plan = fastPathPlan(addressMapConfig(options), { ...DEFAULT_SETTINGS, ...options.settings }, mtuBytes)
    this.generation = new Generation(readBpfObject(readFileSync(OBJECT_FILE), 'tc'), plan, 16, more)
    this.hosts = hostsOf(options).map(({ ip6, ip4, pref }) => ({ ip6, ip4: asIp4(ip4), pref }))
    for (const host of this.hosts) this.generation.install(host)
    this.ifindex = link(TUN)?.index ?? assert.fail()
    replaceBpfFilter({ ifindex: this.ifindex, hook: 'egress', preference: 1 }, this.generation.programFd, 'test')
    this.#poll.view.setInt32(0, this.#fd, true)
    this.#poll.view.setInt16(4, POLL.IN, true)
    this.#poll.view.setInt32(8, this.#socket.fd, true)
    this.#poll.view.setInt16(12, POLL.IN, true)
  }

  /** Sends a packet, offload header first, and waits until it comes out on one of the two ways. */
  play(octets: ArrayLike<number>): Passage {
    this.send(octets)
    return this.outcome()
  }

  /** Sends a packet, offload header first. */
  send(octets: ArrayLike<number>): void {
    this.#socket.send(octets)
  }

  /** Waits for the next packet that comes out on one of the two ways. */
  outcome(): Passage {
    for (;;) {
      const ready = libc.poll(this.#poll.address, 2, WAIT_MS)
      assert.ok(ready > 0, 'the packet came out nowhere')
      const length = libc.read(this.#fd, this.#data.address, READ_BYTES)
      if (length >= 0) return { by: 'typescript', packet: this.#data.bytes.slice(0, length) }
      const packet = this.#socket.receive(0)
      if (packet !== undefined) return { by: 'kernel', packet }
    }
  }

  /** Forgets what has come out so far. */
  discard(): void {
    while (libc.read(this.#fd, this.#data.address, READ_BYTES) >= 0 || this.#socket.receive(0) !== undefined);
  }

  close(): void {
    this.generation.close()
    this.#socket.close()
    libc.closeFd(this.#fd)
    deleteLink(TUN)
  }
}
