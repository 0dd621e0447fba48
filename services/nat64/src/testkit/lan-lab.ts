/**
 * All eBPF programs, a LAN link and forwarding between them, in the namespace of the test:
 *
 *   packet socket ─frame─▶ host0 ══ lan0 ingress ─┬─(known flow)─────────────────────▶ TUN ingress ──▶ the test
 *                                                 └─▶ IPv6 forwarding ─▶ TUN egress ─┬─▶ TUN ingress ──▶ the test
 *                                                                                    └─▶ TUN queue ────▶ the test
 *   packet socket ─▶ TUN egress ─┬─(known flow)──────────────────▶ lan0 egress ══ host0 ──▶ the test
 *                                └─▶ TUN ingress, IPv6 forwarding ─▶ lan0 egress ══ host0 ──▶ the test
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { asIp6, embedIp4, formatIp6, formatPrefix } from '@sixgate/addr'
import { link } from '@sixgate/host'
import type { Logger } from '@sixgate/obs'
import { Namespace } from '@sixgate/testkit'
import { TOTAL_FROM_LAN, TOTAL_TO_LAN } from '../core/fast-path-layout.ts'
import { IPV6 } from '../core/wire/ipv6.ts'
import { VNET, VNET_NEEDS_CSUM } from '../core/wire/virtio-net.ts'
import type { LanPrograms } from '../io/bpf-generation.ts'
import { readLanObjects } from '../io/bpf-object.ts'
import { OBJECT_FILE } from '../io/fast-path.ts'
import { monotonicMs } from '../io/messages.ts'
import { LanLinks } from '../io/lan-links.ts'
import { addressMapConfig, hostsOf, ip4Of, type LabOptions } from './core-lab.ts'
import { FastPathLab, MAX_MTU } from './fast-path-lab.ts'
import type { Passage } from './tun-queue.ts'
import { icmp4, icmp6, ip4, ip6, type Octets, tcp, udp } from './packet-builder.ts'
import { PacketSocket } from './packet-socket.ts'
import { plain } from './vectors/vector.ts'

const ETH_LEN = 14
/** The most of an IP packet that a frame of the lab can have. */
export const MAX_LAN_MTU = MAX_MTU - ETH_LEN
/** So long a flow is known at least: JUDGED_NS of bpf/lib/flows.h, less ticks of the kernel's coarse clock. */
export const KNOWN_MS = 1000 - 2 * 10
/** Of the hosts: nobody's, so that the other end of the link keeps what they get. */
const HOST_MAC = '02:00:5e:00:53:99'
/** No packet of a test has this payload. */
const MARK = Array.from({ length: 24 }, (_, index) => 0xa5 ^ index)

/** Which way a frame took. `lan`: translated at the LAN's ingress; `stack`: the kernel kept it, or answered it. */
export type LanPassage = { readonly by: 'lan' | Passage['by']; readonly packet: Uint8Array } | { readonly by: 'stack' }

/** Which way an answer took. `lan`: sent to the LAN as it was translated. With what came to the host, as it was at the TUN. */
export interface AnswerPassage {
  readonly by: 'lan' | Passage['by']
  /** Offload header, then IPv6; `undefined`: nothing came. */
  readonly packet: Uint8Array | undefined
  /** The Ethernet header that it had. */
  readonly header: Uint8Array | undefined
}

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

/** The offload header counts from the beginning of what follows it. */
const moveOffload = (header: Uint8Array, octets: number): void => {
  if (header[VNET.FLAGS] !== VNET_NEEDS_CSUM) return
  const view = new DataView(header.buffer)
  for (const field of [VNET.HDR_LEN, VNET.CSUM_START]) view.setUint16(field, view.getUint16(field, true) + octets, true)
}

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

/** What a host sends that gets a translated packet, offload header first, as an answer; `undefined`: nothing that makes a flow known. */
const questionTo = (translated: Uint8Array): Octets | undefined => {
  const packet = translated.subarray(VNET.LEN)
  const [src, dst] = [packet.subarray(24, 40), packet.subarray(8, 24)].map((address) => formatIp6(asIp6(address)))
  const fields = { src: src ?? '', dst: dst ?? '' }
  const upper = packet.subarray(40)
  if (packet[6] === 17) return plain(ip6(fields, udp({ src: read16(upper, 2), dst: read16(upper, 0) })))
  if (packet[6] !== 58) return undefined
  const rest = ((read16(upper, 4) << 16) | 7) >>> 0
  return plain(ip6(fields, icmp6({ type: upper[0] === 128 ? 129 : 128, rest, body: [1, 2, 3] })))
}

/** What came until now, but for the kernel's own reports to groups. */
const framesOf = (socket: PacketSocket): Uint8Array[] => {
  const frames: Uint8Array[] = []
  for (let frame = socket.receive(0); frame !== undefined; frame = socket.receive(0))
    if (((frame[VNET.LEN] ?? 0) & 1) === 0) frames.push(frame)
  return frames
}

export class LanLab {
  readonly tun: FastPathLab
  readonly lans: LanLinks
  readonly namespace = Namespace.here()
  readonly #links: readonly string[]
  readonly #mark: Octets
  readonly #sockets = new Map<string, PacketSocket>()

  /** `links`: LANs, each with a link `host-NAME` at its other end. */
  constructor(options: LabOptions, log: Logger, mtuBytes = MAX_MTU, links: readonly string[] = ['lan0']) {
    this.#links = links
    this.#mark = markFor(options)
    this.tun = new FastPathLab(options, mtuBytes, { lan: readLanObjects(readFileSync(OBJECT_FILE)) })
    this.lans = new LanLinks(log)
    const { namespace } = this
    namespace.sysctl('ipv6/conf/all/forwarding', 1)
    for (const name of links) {
      namespace.ip(`link add ${name} type veth peer name host-${name}`)
      for (const end of [name, `host-${name}`]) namespace.ip(`link set ${end} mtu ${MAX_LAN_MTU} addrgenmode none up`)
      this.#sockets.set(name, new PacketSocket(`host-${name}`))
    }
    for (const pref64 of addressMapConfig(options).pref64)
      namespace.ip(`-6 route add ${formatPrefix(pref64)} dev nat64`)
    for (const { ip6: host } of hostsOf(options)) {
      namespace.ip(`-6 route replace ${formatIp6(host)} dev ${links[0]}`)
      namespace.ip(`neighbour replace ${formatIp6(host)} lladdr ${HOST_MAC} dev ${links[0]} nud permanent`)
    }
    // The kernel's own errors end here without a word.
    namespace.ip('-6 route add blackhole default')
    this.tun.generation.setTun(this.tun.ifindex)
    this.lans.attach(this.programs, links)
    assert.deepEqual(this.lans.links, links)
  }

  /** Packets that were translated as they came from a LAN. */
  get shortened(): number {
    return this.tun.generation.total(TOTAL_FROM_LAN).packets
  }

  get programs(): LanPrograms {
    return this.tun.generation.lan ?? assert.fail()
  }

  /** Packets that were sent to a LAN as they were translated. */
  get delivered(): number {
    return this.tun.generation.total(TOTAL_TO_LAN).packets
  }

  /**
   * Sends an IPv6 packet, offload header first, as it is to arrive at the TUN: one hop earlier. `change` may touch the frame
   * (offload header, then Ethernet). Every packet that comes out before the one that is sent behind it is its outcome.
   */
  play(octets: ArrayLike<number>, from = this.#links[0] ?? '', change = (frame: Uint8Array) => frame): LanPassage {
    const socket = this.#sockets.get(from) ?? assert.fail(from)
    const before = this.shortened
    socket.send(change(this.#frame(octets, from)))
    const outcomes = this.#outcomes()
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
    this.#outcomes()
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
      if (answer !== undefined) assert.notEqual(this.playAnswer(answer).by, 'typescript')
      const second = this.play(octets)
      // A first one that went the short way itself was let through some time before.
      if (second.by === 'lan' || (first.by !== 'lan' && monotonicMs() - startMs < KNOWN_MS)) return { first, second }
    }
  }

  /** Sends what a server answers, offload header first, as it comes to the TUN, and looks what its host gets. */
  playAnswer(octets: ArrayLike<number>): AnswerPassage {
    const host = this.#sockets.get(this.#links[0] ?? '') ?? assert.fail()
    framesOf(host)
    const before = this.delivered
    this.tun.send(octets)
    // The stack may have something to say as well.
    const outcomes = this.#outcomes()
    const isByKernel = outcomes.some((outcome) => outcome.by === 'kernel')
    const by = this.delivered > before ? 'lan' : isByKernel ? 'kernel' : 'typescript'
    const frames = framesOf(host)
    assert.ok(frames.length <= 1, `${frames.length} frames came`)
    const [frame] = frames
    if (frame === undefined) return { by, packet: undefined, header: undefined }
    const packet = Uint8Array.from([...frame.subarray(0, VNET.LEN), ...frame.subarray(VNET.LEN + ETH_LEN)])
    packet[VNET.LEN + IPV6.HOP_LIMIT] = (packet[VNET.LEN + IPV6.HOP_LIMIT] ?? 0) + 1
    moveOffload(packet, -ETH_LEN)
    return { by, packet, header: frame.subarray(VNET.LEN, VNET.LEN + ETH_LEN) }
  }

  /**
   * Plays an answer; what its host may have asked; the answer, which the stack delivers; and the answer once more: now its
   * flow is known. All over again as with `playKnown`.
   */
  playKnownAnswer(octets: ArrayLike<number>): { readonly first: AnswerPassage; readonly second: AnswerPassage } {
    for (;;) {
      const startMs = monotonicMs()
      const first = this.playAnswer(octets)
      const question = first.packet === undefined ? undefined : questionTo(first.packet)
      if (question !== undefined) {
        assert.notEqual(this.play(question).by, 'stack')
        this.playAnswer(octets)
      }
      const second = this.playAnswer(octets)
      if (second.by === 'lan' || (first.by !== 'lan' && monotonicMs() - startMs < KNOWN_MS)) return { first, second }
    }
  }

  /** All that comes out of the TUN before a packet that is sent now. */
  #outcomes(): Passage[] {
    this.send(this.#mark)
    const outcomes: Passage[] = []
    for (;;) {
      const outcome = this.#outcome()
      if (isMark(outcome)) return outcomes
      outcomes.push(outcome)
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
    moveOffload(header, ETH_LEN)
    return Uint8Array.from([...header, ...(to ?? []), ...(from ?? []), 0x86, 0xdd, ...packet])
  }

  close(): void {
    this.lans.detachExcept([])
    for (const socket of this.#sockets.values()) socket.close()
    for (const name of this.#links) this.namespace.ip(`link delete ${name}`)
    this.namespace.ip('-6 route delete blackhole default')
    this.tun.close()
  }
}
