/** Edges on which no golden vector stands: each of these is a comparison that could be one off, or a line that could be missing, unnoticed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CoreLab, HOST_A, OWN4, SERVER } from '../testkit/core-lab.ts'
import {
  data,
  echoReply4,
  echoRequest4,
  icmp4,
  ip4,
  type Octets,
  opaque,
  quote,
  tcp,
  udp,
} from '../testkit/packet-builder.ts'
import { offloaded, plain, toHost4, toHost6, toServer4, toServer6 } from '../testkit/vectors/vector.ts'
import type { AlgNote } from './alg/tally.ts'
import { fragmentationNeededToPacketTooBig } from './mtu.ts'
import { DEFAULT_SETTINGS } from './xlate.ts'

const wordAt = (packet: ArrayLike<number> | undefined, at: number): number =>
  (packet?.[at] ?? assert.fail()) * 256 + (packet?.[at + 1] ?? assert.fail())

test('RFC 1191 §7.1: a plateau is below the length of the packet, not equal to it', () => {
  const settings = { ...DEFAULT_SETTINGS, ipv6NexthopMtuBytes: 65_535, ipv4NexthopMtuBytes: 65_515 }
  for (const [totalLengthBytes, plateau] of [
    [2002, 1492],
    [2003, 2002],
    [4352, 2002],
    [8166, 4352],
    [65_535, 32_000],
  ] as const)
    assert.equal(fragmentationNeededToPacketTooBig(0, totalLengthBytes, settings), plateau + 20)
})

test('RFC 7915 §4.5: an empty datagram without checksum gets one, too', () => {
  const lab = new CoreLab()
  assert.deepEqual(lab.playPacket(toHost4(udp({ data: [], checksum: 'none' }))).out, [toHost6(udp({ data: [] }))])
  // A length that says less than its own header.
  const short = opaque(17, [0x9c, 0x40, 0, 53, 0, 7, 0, 0])
  assert.equal(lab.playPacket(toHost4(short)).verdict, 'BAD_LENGTH')
})

test('RFC 7915 §4.3: an ICMP message inside an error, cut before its type can be told, is not translated', () => {
  const lab = new CoreLab()
  const inner = (octets: Octets): Octets =>
    ip4({ src: HOST_A.ip4, dst: SERVER, totalLength: 20 + 24 }, opaque(1, octets))
  const outcome = (octets: Octets) => lab.playPacket(toHost4(icmp4({ type: 11, body: inner(octets) }))).verdict
  assert.deepEqual([outcome([]), outcome([8, 0, 0])], ['INNER_TRUNCATED', 'INNER_TRUNCATED'])
})

test('pings to the translator: only requests are answered, and without what lies behind the packet', () => {
  const lab = new CoreLab()
  const request = ip4({ src: SERVER, dst: OWN4 }, echoRequest4())
  const answer = ip4({ src: OWN4, dst: SERVER }, echoReply4())
  for (const padding of [[], [1, 2, 3]]) {
    const { verdict, out } = lab.playPacket([...request, ...padding])
    assert.equal(verdict, 'ECHO_ANSWERED')
    assert.deepEqual(out, [answer])
  }
  assert.equal(lab.playPacket(ip4({ src: SERVER, dst: OWN4 }, echoReply4())).verdict, 'OWN_ADDRESS')
  assert.equal(lab.playPacket(ip4({ src: SERVER, dst: OWN4 }, opaque(1, [8, 0, 0]))).verdict, 'OWN_ADDRESS')
})

test('errors of the translator have identifications of their own, one after the other', () => {
  const lab = new CoreLab()
  const ids = [1, 2, 3].map(() => wordAt(lab.playPacket(toHost4(udp(), { ttl: 1 })).out[0], 4))
  assert.deepEqual(ids, [0, 1, 2])
})

test('a partial checksum that comes out as zero is sent as all ones (RFC 768), also where the packet is cut', () => {
  const lab = new CoreLab()
  const dataWith = (last: number): Octets => [...data(1398), last >>> 8, last & 0xff]
  // The last word is chosen so that the sum over all else is its complement.
  const sumElse = wordAt(toHost6(udp({ data: dataWith(0) })), 40 + 6)
  const packet = toHost4(udp({ data: dataWith(sumElse), checksum: 'partial' }))
  const { out } = lab.play(offloaded({ hdrLen: 28, csumStart: 20, csumOffset: 6 }, packet))
  assert.equal(out.length, 2, 'cut: longer than 1280')
  assert.equal(wordAt(out[0], 10 + 40 + 8 + 6), 0xffff)
})

test('quoted packets of the other direction stay what they are', () => {
  const lab = new CoreLab()
  const { out } = lab.play(plain(toHost4(icmp4({ type: 11, body: quote(toServer4(udp({ data: [] }))) }))))
  // IPv6 and ICMPv6 header, then the packet as the host sent it.
  const inner = [...(out[0] ?? assert.fail())].slice(10 + 48)
  assert.deepEqual(inner, [...toServer6(udp({ data: [] }), { hops: 63 })])
})

test('RFC 1812 §4.3.2.7: no error about an ICMP packet that does not say what it is, whatever lies behind it', () => {
  const lab = new CoreLab()
  const options = [131, 7, 4, 203, 0, 113, 9, 0]
  const empty = toHost4(opaque(1, [8, 0, 0, 0]), { options, totalLength: 28 })
  assert.deepEqual(lab.playPacket(empty), { verdict: 'SOURCE_ROUTE', out: [] })
  assert.equal(lab.playPacket(toHost4(echoRequest4(), { options })).out.length, 1)
})

test('RFC 791 §3.1: a source route without room for an address is used up, unless its pointer says otherwise', () => {
  const lab = new CoreLab()
  const verdictOf = (options: Octets): string => lab.playPacket(toHost4(udp(), { options })).verdict
  for (const type of [131, 137]) {
    assert.equal(verdictOf([type, 3, 4, 0]), 'TRANSLATED_4TO6')
    assert.equal(verdictOf([type, 3, 3, 0]), 'SOURCE_ROUTE')
    // Too short for a pointer: what follows is another option, not one.
    assert.equal(verdictOf([type, 2, 1, 1]), 'TRANSLATED_4TO6')
  }
})

test('an operator hears of a connection that cannot be understood, once; without anybody to hear it, it is carried', () => {
  const heard: AlgNote[] = []
  for (const options of [{ onAlgNote: (note: AlgNote) => void heard.push(note) }, {}]) {
    const lab = new CoreLab({ ...options, settings: { alg: { ftpPorts: [21], sipPorts: [] } } })
    for (const src of [40_001, 40_002])
      assert.equal(lab.playPacket(toServer6(tcp({ src, dst: 990, flags: 2, data: [] }))).verdict, 'TRANSLATED_6TO4')
  }
  assert.deepEqual(heard, ['ftps'])
})
