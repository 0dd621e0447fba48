/**
 * Both eBPF programs, a LAN link and forwarding between them, in the namespace of the test:
 *
 *   packet socket ─frame─▶ host0 ══ lan0 ingress ─┬─(known flow)─────────────────────▶ TUN ingress ──▶ the test
 *                                                 └─▶ IPv6 forwarding ─▶ TUN egress ─┬─▶ TUN ingress ──▶ the test
 *                                                                                    └─▶ TUN queue ────▶ the test
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { embedIp4, formatIp6, formatPrefix } from '@sixgate/addr'
import { link } from '@sixgate/host'
import type { Logger } from '@sixgate/obs'
import { Namespace } from '@sixgate/testkit'
import { TOTAL_LAN } from '../core/fast-path-layout.ts'
import { IPV6 } from '../core/wire/ipv6.ts'
import { VNET, VNET_NEEDS_CSUM } from '../core/wire/virtio-net.ts'
import { readBpfObject } from '../io/bpf-object.ts'
import { OBJECT_FILE } from '../io/fast-path.ts'
import { monotonicMs } from '../io/messages.ts'
import { LanIngress } from '../io/lan-ingress.ts'
import { addressMapConfig, hostsOf, ip4Of, type LabOptions } from './core-lab.ts'
import { FastPathLab, MAX_MTU } from './fast-path-lab.ts'
import type { Passage } from './tun-queue.ts'
import { icmp4, ip4, ip6, type Octets, tcp, udp } from './packet-builder.ts'
import { PacketSocket } from './packet-socket.ts'
import { plain } from './vectors/vector.ts'

const ETH_LEN = 14
/** The most of an IP packet that a frame of the lab can have. */
export const MAX_LAN_MTU = MAX_MTU - ETH_LEN
/** So long a flow is known at least: JUDGED_NS of bpf/lib/flows.h, less ticks of the kernel's coarse clock. */
export const KNOWN_MS = 1000 - 2 * 10
/** No packet of a test has this payload. */
const MARK = Array.from({ length: 24 }, (_, index) => 0xa5 ^ index)

/** Which way a frame took. `lan`: translated at the LAN's ingress; `stack`: the kernel kept it, or answered it. */
export type LanPassage = { readonly by: 'lan' | Passage['by']; readonly packet: Uint8Array } | { readonly by: 'stack' }

/** The kernel's own multicast listener reports; forwarding lets nothing without a source through (RFC 4291 §2.5.2). */
const hasNoSource = ({ packet }: Passage): boolean =>
  (packet[VNET.LEN] ?? 0) >>> 4 === 6 &&
  packet.subarray(VNET.LEN + IPV6.SRC, VNET.LEN + IPV6.DST).every((octet) => octet === 0)

/**
 * TCP, which never takes the short way, to where the program at the TUN translates if it translates anything: the test reads
 * the TUN's queue first, so whatever was sent before it is seen before it.
 */
const markFor = (options: LabOptions): Octets => {
  const { pref64 } = addressMapConfig(options)
  const isTaken = ({ pref }: { readonly pref: number }) => pref64[pref]?.lenBits === 96
  const hosts = hostsOf(options)
  const { ip6: src, pref } = hosts.find(isTaken) ?? hosts[0] ?? assert.fail('no host')
  const dst = embedIp4(pref64[pref] ?? assert.fail(), ip4Of('8.8.8.8'))
  return plain(ip6({ src: formatIp6(src), dst: formatIp6(dst) }, tcp({ data: MARK })))
}

const isMark = ({ packet }: Passage): boolean =>
  Buffer.from(packet).subarray(-MARK.length).equals(Uint8Array.from(MARK))

const read16 = (bytes: Uint8Array, o: number): number => (bytes[o] ?? 0) * 256 + (bytes[o + 1] ?? 0)
const address4 = (bytes: Uint8Array, o: number): string => bytes.subarray(o, o + 4).join('.')

/** What a server answers to a translated packet, offload header first; `undefined`: nothing that makes a flow known. */
export const answerTo = (translated: Uint8Array): Octets | undefined => {
  const packet = translated.subarray(VNET.LEN)
  const fields = { src: address4(packet, 16), dst: address4(packet, 12) }
  const upper = packet.subarray(20)
  if (packet[9] === 17) return plain(ip4(fields, udp({ src: read16(upper, 2), dst: read16(upper, 0) })))
  if (packet[9] !== 1) return undefined
  const rest = ((read16(upper, 4) << 16) | 7) >>> 0
  return plain(ip4(fields, icmp4({ type: upper[0] === 8 ? 0 : 8, rest, body: [1, 2, 3] })))
}

export class LanLab {
  readonly tun: FastPathLab
  readonly ingress: LanIngress
  readonly namespace = Namespace.here()
  readonly #links: readonly string[]
  readonly #mark: Octets
  readonly #sockets = new Map<string, PacketSocket>()

  /** `links`: LANs, each with a link `host-NAME` at its other end. */
  constructor(options: LabOptions, log: Logger, mtuBytes = MAX_MTU, links: readonly string[] = ['lan0']) {
    this.#links = links
    this.#mark = markFor(options)
    this.tun = new FastPathLab(options, mtuBytes, { lan: readBpfObject(readFileSync(OBJECT_FILE), 'lan') })
    this.ingress = new LanIngress(log)
    const { namespace } = this
    namespace.sysctl('ipv6/conf/all/forwarding', 1)
    for (const name of links) {
      namespace.ip(`link add ${name} type veth peer name host-${name}`)
      for (const end of [name, `host-${name}`]) namespace.ip(`link set ${end} mtu ${MAX_LAN_MTU} addrgenmode none up`)
      this.#sockets.set(name, new PacketSocket(`host-${name}`))
    }
    for (const pref64 of addressMapConfig(options).pref64)
      namespace.ip(`-6 route add ${formatPrefix(pref64)} dev nat64`)
    // Answers, and the kernel's own errors, end here without a word.
    namespace.ip('-6 route add blackhole default')
    this.tun.generation.setTun(this.tun.ifindex)
    this.ingress.attach(this.tun.generation, links)
    assert.deepEqual(this.ingress.links, links)
  }

  /** Packets that were translated at a LAN's ingress. */
  get shortened(): number {
    return this.tun.generation.total(TOTAL_LAN).packets
  }

  /**
   * Sends an IPv6 packet, offload header first, as it is to arrive at the TUN: one hop earlier. `change` may touch the frame
   * (offload header, then Ethernet). Every packet that comes out before the one that is sent behind it is its outcome.
   */
  play(octets: ArrayLike<number>, from = this.#links[0] ?? '', change = (frame: Uint8Array) => frame): LanPassage {
    const socket = this.#sockets.get(from) ?? assert.fail(from)
    const before = this.shortened
    socket.send(change(this.#frame(octets, from)))
    socket.send(this.#frame(this.#mark, from))
    const outcomes: Passage[] = []
    for (;;) {
      const outcome = this.#outcome()
      if (isMark(outcome)) break
      outcomes.push(outcome)
    }
    assert.ok(outcomes.length <= 1, `${outcomes.length} packets came out`)
    const [outcome] = outcomes
    if (outcome === undefined) return { by: 'stack' }
    return { by: this.shortened > before ? 'lan' : outcome.by, packet: outcome.packet }
  }

  /** Sends a packet as `play` does, and waits for nothing. */
  send(octets: ArrayLike<number>): void {
    const from = this.#links[0] ?? ''
    this.#sockets.get(from)?.send(this.#frame(octets, from))
  }

  /** Waits until everything that was sent so far has come out. */
  drain(): void {
    this.send(this.#mark)
    while (!isMark(this.#outcome()));
  }

  /**
   * Plays a packet, the server's answer, and the packet once more: now its flow is known. All over again when the machine was
   * away for so long meanwhile that it is known no more.
   */
  playKnown(octets: ArrayLike<number>): { readonly first: LanPassage; readonly second: LanPassage } {
    for (;;) {
      const startMs = monotonicMs()
      const first = this.play(octets)
      const answer = first.by === 'stack' || first.by === 'typescript' ? undefined : answerTo(first.packet)
      if (answer !== undefined) {
        this.tun.send(answer)
        assert.equal(this.#outcome().by, 'kernel')
      }
      const second = this.play(octets)
      // A first one that went the short way itself was let through some time before.
      if (second.by === 'lan' || (first.by !== 'lan' && monotonicMs() - startMs < KNOWN_MS)) return { first, second }
    }
  }

  #outcome(): Passage {
    for (;;) {
      const outcome = this.tun.outcome()
      if (!hasNoSource(outcome)) return outcome
    }
  }

  #frame(octets: ArrayLike<number>, lan: string): Uint8Array {
    const [to, from] = [lan, `host-${lan}`].map((name) => link(name)?.address ?? assert.fail(name))
    const bytes = Uint8Array.from(octets)
    const header = bytes.slice(0, VNET.LEN)
    const packet = bytes.slice(VNET.LEN)
    packet[IPV6.HOP_LIMIT] = (packet[IPV6.HOP_LIMIT] ?? 0) + 1
    if (header[VNET.FLAGS] === VNET_NEEDS_CSUM) {
      const view = new DataView(header.buffer)
      for (const field of [VNET.HDR_LEN, VNET.CSUM_START])
        view.setUint16(field, view.getUint16(field, true) + ETH_LEN, true)
    }
    return Uint8Array.from([...header, ...(to ?? []), ...(from ?? []), 0x86, 0xdd, ...packet])
  }

  close(): void {
    this.ingress.detachExcept([])
    for (const socket of this.#sockets.values()) socket.close()
    for (const name of this.#links) this.namespace.ip(`link delete ${name}`)
    this.namespace.ip('-6 route delete blackhole default')
    this.tun.close()
  }
}
