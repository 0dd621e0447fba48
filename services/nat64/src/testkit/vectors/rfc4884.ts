/** RFC 4884: ICMP extensions are carried, the length attribute is adjusted (RFC 7915 §4.3, §5.3). */
import { data, icmp4, icmp6, type Octets, quote, u16, udp } from '../packet-builder.ts'
import { checksumOf } from '../packet-builder.ts'
import { plain, toHost4, toHost6, toServer4, toServer6, type Vector } from './vector.ts'

const rfc = 'rfc4884'

/** RFC 4950: an MPLS label stack object, with the extension header of RFC 4884 §7 before it. */
const MPLS: Octets = (() => {
  const object = [0, 8, 1, 1, 0x12, 0x34, 0x51, 0x40]
  const header = [0x20, 0, 0, 0]
  return [0x20, 0, ...u16(checksumOf([...header, ...object])), ...object]
})()

const padded = (octets: Octets, length: number): Octets => [
  ...octets,
  ...Array.from({ length: length - octets.length }, () => 0),
]

/** A message whose original datagram is padded to `length` octets and followed by the extension. */
const body = (datagram: Octets, length: number): Octets => [...padded(datagram, length), ...MPLS]

const vector = (id: string, says: string, verdict: Vector['verdict'], packet: Octets, out: Octets): Vector => ({
  rfc,
  id,
  says,
  in: plain(packet),
  out: [plain(out)],
  verdict,
})
const words4 = (length: number): number => (length / 4) << 16
const words6 = (length: number): number => (length / 8) << 24

const SENT4 = toServer4(udp({ data: data(72) }))
const SENT6 = toServer6(udp({ data: data(72) }), { hops: 63 })
const GOT6 = toHost6(udp({ data: data(72) }))
const GOT4 = toHost4(udp({ data: data(72) }), { ttl: 63 })
const LONG4 = toServer4(udp({ data: data(1300) }), { df: true })
const LONG6 = toServer6(udp({ data: data(1300) }), { hops: 63 })

export const EXTENSIONS: readonly Vector[] = [
  vector(
    '4to6-padded',
    'datagram of 128 octets (100 and zeros) → 128 (120 and zeros), extension behind it',
    'TRANSLATED_4TO6',
    toHost4(icmp4({ type: 11, rest: words4(128), body: body(SENT4, 128) })),
    toHost6(icmp6({ type: 3, rest: words6(128), body: body(SENT6, 128) })),
  ),
  vector(
    '4to6-grows',
    'datagram of 140 octets → 160',
    'TRANSLATED_4TO6',
    toHost4(icmp4({ type: 3, code: 13, rest: words4(140), body: body(quote(LONG4, 140), 140) })),
    toHost6(icmp6({ type: 1, code: 1, rest: words6(160), body: body(quote(LONG6, 160), 160) })),
  ),
  vector(
    '4to6-rounded',
    'datagram of 132 octets → 152: whole 64-bit words',
    'TRANSLATED_4TO6',
    toHost4(icmp4({ type: 11, rest: words4(136), body: body(quote(LONG4, 136), 136) })),
    toHost6(icmp6({ type: 3, rest: words6(160), body: body(quote(LONG6, 156), 160) })),
  ),
  vector(
    '4to6-long',
    'a datagram that is too long is cut so that the extension stays within 1280 bytes',
    'TRANSLATED_4TO6',
    // 255 words is the most that ICMPv4 can say: 1020 octets of datagram, and an extension of 300.
    toHost4(icmp4({ type: 11, rest: words4(1020), body: [...quote(LONG4, 1020), ...MPLS, ...data(288)] })),
    toHost6(icmp6({ type: 3, rest: words6(928), body: [...quote(LONG6, 928), ...MPLS, ...data(288)] })),
  ),
  vector(
    '4to6-no-room',
    'Packet Too Big has no length attribute: the extension is left out',
    'TRANSLATED_4TO6',
    toHost4(icmp4({ type: 3, code: 4, rest: words4(128) | 1400, body: body(SENT4, 128) })),
    toHost6(icmp6({ type: 2, rest: 1420, body: SENT6 })),
  ),
  vector(
    '4to6-bad-length',
    'a length that is more than there is counts as none',
    'TRANSLATED_4TO6',
    toHost4(icmp4({ type: 11, rest: words4(400), body: SENT4 })),
    toHost6(icmp6({ type: 3, body: SENT6 })),
  ),
  vector(
    '6to4-padded',
    'datagram of 128 octets (120 and zeros) → 128 (100 and zeros)',
    'TRANSLATED_6TO4',
    toServer6(icmp6({ type: 3, rest: words6(128), body: body(GOT6, 128) })),
    toServer4(icmp4({ type: 11, rest: words4(128), body: body(GOT4, 128) })),
  ),
  vector(
    '6to4-shrinks',
    'datagram of 168 octets → 148',
    'TRANSLATED_6TO4',
    toServer6(
      icmp6({ type: 1, code: 4, rest: words6(168), body: body(quote(toHost6(udp({ data: data(400) })), 168), 168) }),
    ),
    toServer4(
      icmp4({
        type: 3,
        code: 3,
        rest: words4(148),
        body: body(quote(toHost4(udp({ data: data(400) }), { ttl: 63 }), 148), 148),
      }),
    ),
  ),
  vector(
    '6to4-long',
    'a datagram of more than 255 words of 32 bits is cut to 1020 octets',
    'TRANSLATED_6TO4',
    toServer6(
      icmp6({ type: 3, rest: words6(1200), body: body(quote(toHost6(udp({ data: data(1300) })), 1200), 1200) }),
    ),
    toServer4(
      icmp4({
        type: 11,
        rest: words4(1020),
        body: body(quote(toHost4(udp({ data: data(1300) }), { ttl: 63, df: true }), 1020), 1020),
      }),
    ),
  ),
]
