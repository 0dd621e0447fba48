/** Partial checksums and super-packets (virtio 1.2 §5.1.6), both ways: one header rewrite, the payload untouched. */
import { data, type Octets, part, tcp, udp } from '../packet-builder.ts'
import { offloaded, plain, PSEUDO, toHost4, toHost6, toServer4, toServer6, type Vector } from './vector.ts'

const rfc = 'offload'
const TCP4 = 1
const UDP_L4 = 5
const TCP6 = 4
const ECN = 0x80

const vector = (
  id: string,
  says: string,
  verdict: Vector['verdict'],
  packet: Octets,
  ...out: readonly Octets[]
): Vector => ({
  rfc,
  id,
  says,
  in: packet,
  out,
  verdict,
})

const BIG = data(4000)
const partialTcp = tcp({ checksum: 'partial', data: BIG })
const partialUdp = udp({ checksum: 'partial', data: BIG })
const tcpHead = { csumOffset: 16, gsoSize: 1400 }
const udpHead = { csumOffset: 6, gsoSize: 1400 }

/** UDP segment `index` of `size` octets of BIG, as a packet of its own. */
const datagram = (index: number, size: number): ReturnType<typeof udp> =>
  udp({ data: BIG.slice(index * size, (index + 1) * size) })

export const OFFLOADS: readonly Vector[] = [
  vector(
    'csum-tcp-6to4',
    'partial TCP checksum',
    'TRANSLATED_6TO4',
    offloaded({ hdrLen: 60, csumStart: 40, csumOffset: 16 }, toServer6(tcp({ checksum: 'partial' }))),
    offloaded({ hdrLen: 40, csumStart: 20, csumOffset: 16 }, toServer4(tcp({ checksum: 'partial' }))),
  ),
  vector(
    'csum-tcp-4to6',
    'partial TCP checksum',
    'TRANSLATED_4TO6',
    offloaded({ hdrLen: 40, csumStart: 20, csumOffset: 16 }, toHost4(tcp({ checksum: 'partial' }), { df: true })),
    offloaded({ hdrLen: 60, csumStart: 40, csumOffset: 16 }, toHost6(tcp({ checksum: 'partial' }))),
  ),
  vector(
    'csum-udp-6to4',
    'partial UDP checksum',
    'TRANSLATED_6TO4',
    offloaded({ hdrLen: 48, csumStart: 40, csumOffset: 6 }, toServer6(udp({ checksum: 'partial' }))),
    offloaded({ hdrLen: 28, csumStart: 20, csumOffset: 6 }, toServer4(udp({ checksum: 'partial' }))),
  ),
  vector(
    'csum-udp-4to6',
    'partial UDP checksum',
    'TRANSLATED_4TO6',
    offloaded({ hdrLen: 28, csumStart: 20, csumOffset: 6 }, toHost4(udp({ checksum: 'partial' }))),
    offloaded({ hdrLen: 48, csumStart: 40, csumOffset: 6 }, toHost6(udp({ checksum: 'partial' }))),
  ),
  vector(
    'csum-extension-6to4',
    'extension headers shift the start of the checksum',
    'TRANSLATED_6TO4',
    offloaded(
      { hdrLen: 68, csumStart: 48, csumOffset: 16 },
      toServer6(tcp({ checksum: 'partial' }), { extensions: [{ protocol: 60, body: [1, 4, 0, 0, 0, 0] }] }),
    ),
    offloaded({ hdrLen: 40, csumStart: 20, csumOffset: 16 }, toServer4(tcp({ checksum: 'partial' }))),
  ),
  vector(
    'csum-options-4to6',
    'IPv4 options too',
    'TRANSLATED_4TO6',
    offloaded(
      { hdrLen: 44, csumStart: 24, csumOffset: 16 },
      toHost4(tcp({ checksum: 'partial' }), { options: [1, 1, 1, 0] }),
    ),
    offloaded({ hdrLen: 60, csumStart: 40, csumOffset: 16 }, toHost6(tcp({ checksum: 'partial' }))),
  ),
  vector(
    'tso-6to4',
    'TCP super-packet: type 4 → 1, DF set since segments are long',
    'TRANSLATED_6TO4',
    offloaded({ gso: TCP6, hdrLen: 60, csumStart: 40, ...tcpHead }, toServer6(partialTcp)),
    offloaded({ gso: TCP4, hdrLen: 40, csumStart: 20, ...tcpHead }, toServer4(partialTcp, { df: true })),
  ),
  vector(
    'tso-6to4-short',
    'TCP super-packet of short segments: DF clear',
    'TRANSLATED_6TO4',
    offloaded({ gso: TCP6, hdrLen: 60, csumStart: 40, csumOffset: 16, gsoSize: 500 }, toServer6(partialTcp)),
    offloaded({ gso: TCP4, hdrLen: 40, csumStart: 20, csumOffset: 16, gsoSize: 500 }, toServer4(partialTcp)),
  ),
  vector(
    'tso-4to6',
    'TCP super-packet: type 1 → 4',
    'TRANSLATED_4TO6',
    offloaded({ gso: TCP4, hdrLen: 40, csumStart: 20, ...tcpHead }, toHost4(partialTcp, { df: true })),
    offloaded({ gso: TCP6, hdrLen: 60, csumStart: 40, ...tcpHead }, toHost6(partialTcp)),
  ),
  vector(
    'tso-ecn-6to4',
    'the ECN bit stays',
    'TRANSLATED_6TO4',
    offloaded({ gso: TCP6 | ECN, hdrLen: 60, csumStart: 40, ...tcpHead }, toServer6(partialTcp)),
    offloaded({ gso: TCP4 | ECN, hdrLen: 40, csumStart: 20, ...tcpHead }, toServer4(partialTcp, { df: true })),
  ),
  vector(
    'tso-ecn-4to6',
    'the ECN bit stays',
    'TRANSLATED_4TO6',
    offloaded({ gso: TCP4 | ECN, hdrLen: 40, csumStart: 20, ...tcpHead }, toHost4(partialTcp, { df: true })),
    offloaded({ gso: TCP6 | ECN, hdrLen: 60, csumStart: 40, ...tcpHead }, toHost6(partialTcp)),
  ),
  vector(
    'tso-4to6-df-clear',
    'DF clear: segments become short enough for lowest-ipv6-mtu (1280 - 40 - 20)',
    'TRANSLATED_4TO6',
    offloaded({ gso: TCP4, hdrLen: 40, csumStart: 20, ...tcpHead }, toHost4(partialTcp)),
    offloaded({ gso: TCP6, hdrLen: 60, csumStart: 40, csumOffset: 16, gsoSize: 1220 }, toHost6(partialTcp)),
  ),
  vector(
    'uso-6to4',
    'UDP super-packet: type stays',
    'TRANSLATED_6TO4',
    offloaded({ gso: UDP_L4, hdrLen: 48, csumStart: 40, ...udpHead }, toServer6(partialUdp)),
    offloaded({ gso: UDP_L4, hdrLen: 28, csumStart: 20, ...udpHead }, toServer4(partialUdp, { df: true })),
  ),
  vector(
    'uso-4to6',
    'UDP super-packet: type stays',
    'TRANSLATED_4TO6',
    offloaded({ gso: UDP_L4, hdrLen: 28, csumStart: 20, ...udpHead }, toHost4(partialUdp, { df: true })),
    offloaded({ gso: UDP_L4, hdrLen: 48, csumStart: 40, ...udpHead }, toHost6(partialUdp)),
  ),
  vector(
    'uso-4to6-df-clear',
    'DF clear, long segments: datagrams one by one, each in fragments, identifications upwards',
    'TRANSLATED_4TO6',
    offloaded({ gso: UDP_L4, hdrLen: 28, csumStart: 20, ...udpHead }, toHost4(partialUdp, { id: 0xffff })),
    ...[0, 1, 2].flatMap((index) => {
      const whole = datagram(index, 1400)
      const id = (0xffff + index) & 0xffff
      const length = index === 2 ? 1208 : 1408
      if (length <= 1240) return [plain(toHost6(whole))]
      return [
        plain(toHost6(part(whole, PSEUDO.toHost6, 0, 1232), { fragment: { more: true, id } })),
        plain(toHost6(part(whole, PSEUDO.toHost6, 1232), { fragment: { off8: 154, id } })),
      ]
    }),
  ),
  vector(
    'csum-4to6-fragmented',
    'a partial checksum is finished before the packet is cut',
    'TRANSLATED_4TO6',
    offloaded(
      { hdrLen: 28, csumStart: 20, csumOffset: 6 },
      toHost4(udp({ checksum: 'partial', data: data(1300) }), { id: 5 }),
    ),
    plain(toHost6(part(udp({ data: data(1300) }), PSEUDO.toHost6, 0, 1232), { fragment: { more: true, id: 5 } })),
    plain(toHost6(part(udp({ data: data(1300) }), PSEUDO.toHost6, 1232), { fragment: { off8: 154, id: 5 } })),
  ),
  vector(
    'bad-start',
    'an offload header that points elsewhere',
    'BAD_OFFLOAD',
    offloaded({ hdrLen: 60, csumStart: 44, csumOffset: 16 }, toServer6(tcp({ checksum: 'partial' }))),
  ),
  vector(
    'bad-type',
    'IPv4 segments in an IPv6 packet',
    'BAD_OFFLOAD',
    offloaded({ gso: TCP4, hdrLen: 60, csumStart: 40, ...tcpHead }, toServer6(partialTcp)),
  ),
  vector(
    'bad-size',
    'segments of no size',
    'BAD_OFFLOAD',
    offloaded({ gso: TCP6, hdrLen: 60, csumStart: 40, csumOffset: 16, gsoSize: 0 }, toServer6(partialTcp)),
  ),
  vector(
    'bad-protocol',
    'a partial checksum of a protocol that has none',
    'BAD_OFFLOAD',
    offloaded({ hdrLen: 60, csumStart: 40, csumOffset: 8 }, toServer6({ protocol: 132, build: () => data(40) })),
  ),
]
