/**
 * `node bare-loop.ts`: what a program in TypeScript on a TUN costs before it knows any rule of NAT64. It reads the packets of one
 * host and one server, whose addresses it was born with, puts the other header in front, and writes them: nothing is looked up,
 * counted, answered or cut. No translator, but a limit for one: `--floor` measures it beside the others.
 */
import { execFileSync } from 'node:child_process'
import { libc, nativeBuffer, POLL } from '@sixgate/host'
import { difference, fold, sumBytes, sumPseudoTail, updateChecksum } from '../../../services/nat64/src/core/checksum.ts'
import { HEADROOM, MAX_PACKET, readVnet, writeVnet } from '../../../services/nat64/src/core/frame.ts'
import { ICMP, ICMPV4, ICMPV6 } from '../../../services/nat64/src/core/wire/icmp.ts'
import { IPV4, IPV4_DF_U16 } from '../../../services/nat64/src/core/wire/ipv4.ts'
import { IPV6 } from '../../../services/nat64/src/core/wire/ipv6.ts'
import { PROTOCOL, TCP, UDP } from '../../../services/nat64/src/core/wire/protocol.ts'
import { GSO, VNET } from '../../../services/nat64/src/core/wire/virtio-net.ts'
import { NativeFrame } from '../../../services/nat64/src/io/native-frame.ts'
import { attachTun } from '../../../services/nat64/src/io/tun.ts'

/** fd00:6::2 and 198.51.100.2 behind fd64::/96 (lab.ts), and the host's IPv4 address 198.18.0.10. */
const HOST6 = Uint8Array.of(0xfd, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)
const SERVER6 = Uint8Array.of(0xfd, 0x64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 198, 51, 100, 2)
const HOST4 = Uint8Array.of(198, 18, 0, 10)
const SERVER4 = SERVER6.subarray(12)

const sumOf = (...addresses: readonly Uint8Array[]): number =>
  addresses.reduce((sum, bytes) => sumBytes(new DataView(bytes.buffer, bytes.byteOffset), 0, bytes.length, sum), 0)
const SUM6 = sumOf(HOST6, SERVER6)
const SUM4 = sumOf(HOST4, SERVER4)
const TO4 = difference(SUM4, SUM6)
const TO6 = difference(SUM6, SUM4)

const { fd } = attachTun('nat64')
execFileSync('ip', ['link', 'set', 'nat64', 'up'])
execFileSync('ip', ['route', 'add', '198.18.0.0/15', 'dev', 'nat64'])
execFileSync('ip', ['-6', 'route', 'add', 'fd64::/96', 'dev', 'nat64'])

const frame = new NativeFrame()
const { view, bytes } = frame
const READ_BYTES = MAX_PACKET + VNET.LEN
/** struct pollfd: fd i32, events i16, revents i16. */
const poll = nativeBuffer(8)
poll.view.setInt32(0, fd, true)
poll.view.setInt16(4, POLL.IN, true)

/** The upper layer of `lenBytes` at `o` has other addresses in its pseudo-header, `delta` their difference; ICMPv4 has no such header. */
const rewriteUpper = (o: number, lenBytes: number, protocol: number, delta: number): void => {
  if (protocol === PROTOCOL.TCP || protocol === PROTOCOL.UDP) {
    const at = o + (protocol === PROTOCOL.TCP ? TCP.CHECKSUM : UDP.CHECKSUM)
    const field = view.getUint16(at)
    view.setUint16(at, frame.needsCsum ? fold(field + delta) : updateChecksum(field, delta))
    return
  }
  const before = view.getUint16(o)
  const pseudo6 = fold(SUM6 + sumPseudoTail(lenBytes, PROTOCOL.ICMPV6))
  const isFrom6 = protocol === PROTOCOL.ICMPV6
  if (isFrom6) view.setUint8(o, view.getUint8(o) === ICMPV6.ECHO_REQUEST ? ICMPV4.ECHO_REQUEST : ICMPV4.ECHO_REPLY)
  else view.setUint8(o, view.getUint8(o) === ICMPV4.ECHO_REQUEST ? ICMPV6.ECHO_REQUEST : ICMPV6.ECHO_REPLY)
  const change = fold(difference(view.getUint16(o), before) + (isFrom6 ? difference(0, pseudo6) : pseudo6))
  view.setUint16(o + ICMP.CHECKSUM, updateChecksum(view.getUint16(o + ICMP.CHECKSUM), change))
}

/** The headers have grown by `moreBytes`. */
const write = (o: number, lenBytes: number, moreBytes: number, gsoType: number): void => {
  frame.o = o
  frame.len = lenBytes
  if (frame.needsCsum) {
    frame.csumStart += moreBytes
    if (frame.gsoType !== GSO.NONE) frame.hdrLen += moreBytes
    if (frame.gsoType === GSO.TCPV4 || frame.gsoType === GSO.TCPV6) frame.gsoType = gsoType
  }
  writeVnet(frame)
  libc.write(fd, frame.address + o - VNET.LEN, lenBytes + VNET.LEN)
}

const from6 = (): void => {
  const o = frame.o
  const upper = o + IPV6.LEN
  const at = upper - IPV4.LEN
  const upperBytes = view.getUint16(o + IPV6.PAYLOAD_LEN)
  const protocol = view.getUint8(o + IPV6.NEXT_HEADER)
  const hops = view.getUint8(o + IPV6.HOP_LIMIT) - 1
  // What the kernel says to all nodes when the link comes up.
  if (view.getUint8(o + IPV6.DST) === 0xff) return
  view.setUint16(at, 0x4500)
  view.setUint16(at + IPV4.TOTAL_LEN, IPV4.LEN + upperBytes)
  view.setUint32(at + IPV4.ID, IPV4_DF_U16)
  view.setUint8(at + IPV4.TTL, hops)
  view.setUint8(at + IPV4.PROTOCOL, protocol === PROTOCOL.ICMPV6 ? PROTOCOL.ICMP : protocol)
  view.setUint16(at + IPV4.CHECKSUM, 0)
  bytes.set(HOST4, at + IPV4.SRC)
  bytes.set(SERVER4, at + IPV4.DST)
  view.setUint16(at + IPV4.CHECKSUM, ~sumBytes(view, at, IPV4.LEN) & 0xffff)
  rewriteUpper(upper, upperBytes, protocol, TO4)
  write(at, IPV4.LEN + upperBytes, IPV4.LEN - IPV6.LEN, GSO.TCPV4)
}

const from4 = (): void => {
  const o = frame.o
  const upper = o + IPV4.LEN
  const at = upper - IPV6.LEN
  const upperBytes = view.getUint16(o + IPV4.TOTAL_LEN) - IPV4.LEN
  const protocol = view.getUint8(o + IPV4.PROTOCOL)
  const hops = view.getUint8(o + IPV4.TTL) - 1
  view.setUint32(at, 0x6000_0000)
  view.setUint16(at + IPV6.PAYLOAD_LEN, upperBytes)
  view.setUint8(at + IPV6.NEXT_HEADER, protocol === PROTOCOL.ICMP ? PROTOCOL.ICMPV6 : protocol)
  view.setUint8(at + IPV6.HOP_LIMIT, hops)
  bytes.set(SERVER6, at + IPV6.SRC)
  bytes.set(HOST6, at + IPV6.DST)
  rewriteUpper(upper, upperBytes, protocol, TO6)
  write(at, IPV6.LEN + upperBytes, IPV6.LEN - IPV4.LEN, GSO.TCPV6)
}

for (;;) {
  libc.poll(poll.address, 1, -1)
  for (;;) {
    const readBytes = libc.read(fd, frame.address + HEADROOM - VNET.LEN, READ_BYTES)
    if (readBytes < 0) break
    if (!readVnet(frame, readBytes)) continue
    if (view.getUint8(frame.o) >>> 4 === 6) from6()
    else from4()
  }
}
