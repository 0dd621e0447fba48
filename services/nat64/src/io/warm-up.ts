import { asIp4, asIp6, embedIp4, parsePref64 } from '@sixgate/addr'
import { AF, ERRNO, libc, nativeBuffer, SOCK } from '@sixgate/host'
import { packHosts } from '../core/address-map/packed-hosts.ts'
import { difference, sumBytes, sumPseudoTail, updateChecksum } from '../core/checksum.ts'
import { COUNTERS } from '../core/counters.ts'
import { FRAME_BYTES } from '../core/frame.ts'
import { ICMP, ICMPV4, ICMPV6 } from '../core/wire/icmp.ts'
import { IPV4 } from '../core/wire/ipv4.ts'
import { IPV6 } from '../core/wire/ipv6.ts'
import { PROTOCOL, TCP, TCP_ACK_U8, UDP } from '../core/wire/protocol.ts'
import { GSO, VNET, VNET_NEEDS_CSUM } from '../core/wire/virtio-net.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { AlgPeer } from './alg-peer.ts'
import { type DataPlaneSnapshot, monotonicMs, type WorkerStart } from './messages.ts'
import type { Tun } from './tun.ts'

/** Packets that make V8 compile the hot functions, both ways together; fewer when it takes longer than this. */
const PACKETS = 12_000
const AT_MOST_MS = 300
/** Packets in a batch: what a socket pair holds (net.unix.max_dgram_qlen). */
const BATCH = 8
const PAYLOAD_BYTES = 64

/** What is warmed up: reads a batch of packets from its file and writes what becomes of them. */
interface Turning {
  turn(): boolean
}

const parsed = parsePref64('64:ff9b::/96')
if (!parsed.ok) throw new Error(parsed.reason)
const PREF64 = parsed.pref64
/** Documentation addresses: nothing of this leaves the process. */
const HOST6 = asIp6(Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10))
const HOST4 = asIp4(0xc6_12_00_0a)
const SERVER = asIp4(0xc0_00_02_21)

const SNAPSHOT: DataPlaneSnapshot = {
  map: {
    pref64: [PREF64],
    pool4: [],
    eams: [],
    forbidden4: [],
    sources6: [],
    wellKnownPrefixPolicy: 'off',
    own4: asIp4(0xc6_12_00_01),
    own6: HOST6,
    errorSource: 'own',
  },
  settings: DEFAULT_SETTINGS,
  lastSeenS: new Uint32Array(new SharedArrayBuffer(4)),
  seed: 1,
  hosts: packHosts([{ slot: 0, ip6: HOST6, pref: 0, ip4: HOST4 }], 1),
}

/** One kind of packet of HOST6 to SERVER. */
interface Kind {
  readonly protocol: number
  readonly headerBytes: number
  /** Offset of the checksum in the upper-layer header. */
  readonly checksum: number
  /** Writes the upper-layer header without its checksum; `n`: which packet of the batch. */
  readonly write: (view: DataView, o: number, n: number) => void
}

const UDP_KIND: Kind = {
  protocol: PROTOCOL.UDP,
  headerBytes: UDP.LEN,
  checksum: UDP.CHECKSUM,
  write: (view, o) => view.setUint16(o + UDP.LENGTH, UDP.LEN + PAYLOAD_BYTES),
}
const TCP_KIND: Kind = {
  protocol: PROTOCOL.TCP,
  headerBytes: TCP.LEN,
  checksum: TCP.CHECKSUM,
  write: (view, o, n) => {
    view.setUint32(o + TCP.SEQ, n * PAYLOAD_BYTES)
    view.setUint16(o + TCP.DATA_OFFSET, (5 << 12) | TCP_ACK_U8)
  },
}
const ECHO_KIND: Kind = {
  protocol: PROTOCOL.ICMPV6,
  headerBytes: ICMP.LEN,
  checksum: ICMP.CHECKSUM,
  write: (view, o) => view.setUint8(o + ICMP.TYPE, ICMPV6.ECHO_REQUEST),
}

/** How a packet comes: whole, with a partial checksum, or as a super-packet (the offload header's type). */
type Offloads = 'none' | 'checksum' | typeof GSO.TCPV6 | typeof GSO.UDP_L4

/** As hosts with and without offloads send: V8 compiles for what it has seen, and begins anew for what it has not. */
const TRAFFIC: readonly (readonly [Kind, Offloads])[] = [
  [UDP_KIND, 'none'],
  [TCP_KIND, GSO.TCPV6],
  [TCP_KIND, 'none'],
  [UDP_KIND, 'checksum'],
  [ECHO_KIND, 'none'],
  [TCP_KIND, 'checksum'],
  [UDP_KIND, GSO.UDP_L4],
]

/** The `n`th packet of a batch, with its offload header. */
const packetOf = (kind: Kind, offloads: Offloads, n: number): Uint8Array => {
  const upperBytes = kind.headerBytes + PAYLOAD_BYTES
  const bytes = new Uint8Array(VNET.LEN + IPV6.LEN + upperBytes)
  const view = new DataView(bytes.buffer)
  const upper = VNET.LEN + IPV6.LEN
  view.setUint8(VNET.LEN, 0x60)
  view.setUint16(VNET.LEN + IPV6.PAYLOAD_LEN, upperBytes)
  view.setUint8(VNET.LEN + IPV6.NEXT_HEADER, kind.protocol)
  view.setUint8(VNET.LEN + IPV6.HOP_LIMIT, 64)
  bytes.set(HOST6, VNET.LEN + IPV6.SRC)
  bytes.set(embedIp4(PREF64, SERVER), VNET.LEN + IPV6.DST)
  kind.write(view, upper, n)
  const pseudo = sumBytes(view, VNET.LEN + IPV6.SRC, 32, sumPseudoTail(upperBytes, kind.protocol))
  if (offloads === 'none') {
    view.setUint16(upper + kind.checksum, ~sumBytes(view, upper, upperBytes, pseudo) & 0xffff)
    return bytes
  }
  view.setUint16(upper + kind.checksum, pseudo)
  view.setUint8(VNET.FLAGS, VNET_NEEDS_CSUM)
  view.setUint16(VNET.CSUM_START, IPV6.LEN, true)
  view.setUint16(VNET.CSUM_OFFSET, kind.checksum, true)
  if (offloads === 'checksum') return bytes
  view.setUint8(VNET.GSO_TYPE, offloads)
  view.setUint16(VNET.HDR_LEN, IPV6.LEN + kind.headerBytes, true)
  view.setUint16(VNET.GSO_SIZE, PAYLOAD_BYTES / 2, true)
  return bytes
}

/** The same from a host that has no mapping: it is held. */
const fromStranger = (packet: Uint8Array): Uint8Array => {
  const copy = packet.slice()
  copy[VNET.LEN + IPV6.DST - 1] = 0x11
  return copy
}

/** The answer to a translated packet: the same, addresses exchanged, which leaves every checksum as it is; to an echo its reply. */
const answerTo = (sent: Uint8Array): Uint8Array => {
  const answer = sent.slice()
  answer.set(sent.subarray(VNET.LEN + IPV4.SRC, VNET.LEN + IPV4.DST), VNET.LEN + IPV4.DST)
  answer.set(sent.subarray(VNET.LEN + IPV4.DST, VNET.LEN + IPV4.LEN), VNET.LEN + IPV4.SRC)
  if (answer[VNET.LEN + IPV4.PROTOCOL] === PROTOCOL.ICMP) {
    const view = new DataView(answer.buffer)
    const icmp = VNET.LEN + IPV4.LEN
    const delta = difference(ICMPV4.ECHO_REPLY << 8, ICMPV4.ECHO_REQUEST << 8)
    view.setUint8(icmp + ICMP.TYPE, ICMPV4.ECHO_REPLY)
    view.setUint16(icmp + ICMP.CHECKSUM, updateChecksum(view.getUint16(icmp + ICMP.CHECKSUM), delta))
  }
  return answer
}

/**
 * Lets a data plane of its own translate some thousand packets between the two ends of a socket pair, so that the code
 * is compiled before the first packet of a host comes: interpreted, it takes ten times as long.
 */
export const warmUp = (make: (tun: Tun, start: WorkerStart, algPeer: AlgPeer) => Turning): void => {
  const [fd, far] = libc.socketpair(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK)
  const eventFd = libc.eventfd()
  // Nobody else knows this name.
  const algPeer = new AlgPeer(`warm-up ${process.pid} ${fd}`)
  const buffer = nativeBuffer(FRAME_BYTES)
  const play = (packet: Uint8Array): void => {
    buffer.bytes.set(packet)
    libc.write(far, buffer.address, packet.length)
  }
  const take = (): Uint8Array | undefined => {
    const readBytes = libc.read(far, buffer.address, FRAME_BYTES)
    return readBytes === -ERRNO.EAGAIN ? undefined : buffer.bytes.slice(0, readBytes)
  }
  try {
    const counters = new Float64Array(COUNTERS)
    const plane = make(
      { fd, offload: 'uso' },
      { tunName: '', eventFd, counters, snapshot: SNAPSHOT, isShared: false },
      algPeer,
    )
    const endMs = monotonicMs() + AT_MOST_MS
    const batches = TRAFFIC.map((traffic) => Array.from({ length: BATCH }, (_, n) => packetOf(...traffic, n)))
    batches.push(batches[0]?.map(fromStranger) ?? [])
    for (let count = 0; count < PACKETS && monotonicMs() < endMs; count += 2 * BATCH) {
      for (const packet of batches[(count / (2 * BATCH)) % batches.length] ?? []) play(packet)
      plane.turn()
      const translated: Uint8Array[] = []
      for (let sent = take(); sent !== undefined; sent = take()) translated.push(sent)
      for (const sent of translated) play(answerTo(sent))
      if (translated.length > 0) plane.turn()
      while (take() !== undefined);
    }
  } finally {
    for (const one of [fd, far, eventFd]) libc.closeFd(one)
    algPeer.close()
  }
}
