import type { VerdictName } from '../../core/verdict.ts'
import { HOST_A, type LabOptions, PLAIN, SERVER, SERVER6 } from '../core-lab.ts'
import {
  type Ip4Fields,
  type Ip6Fields,
  ip4,
  ip4Octets,
  ip6,
  ip6Octets,
  type Octets,
  u8,
  type Upper,
} from '../packet-builder.ts'

/**
 * A golden vector: what is read from the TUN and what must be written to it, offload header included. Its files are
 * `testdata/<rfc>/<id>-in.pkt` and `<id>-out.pkt` (`-out-2.pkt` … for further packets); `id` is a row of RFC.md.
 */
export interface Vector {
  readonly rfc: string
  readonly id: string
  /** What the row demands, in a few words. */
  readonly says: string
  readonly in: Octets
  readonly out: readonly Octets[]
  readonly verdict: VerdictName
  /** What differs from the test site. */
  readonly options?: LabOptions
}

/** A packet without offload. */
export const plain = (packet: Octets): Octets => [...PLAIN, ...packet]

const le16 = (value: number): Octets => [value & 0xff, value >>> 8]

/** Fields of the virtio-net header, from the start of the IP packet. */
export interface OffloadFields {
  readonly gso?: number
  readonly hdrLen: number
  readonly gsoSize?: number
  readonly csumStart: number
  readonly csumOffset: number
}

/** A packet whose checksum (and segmentation) the device is to finish. */
export const offloaded = (
  { gso = 0, hdrLen, gsoSize = 0, csumStart, csumOffset }: OffloadFields,
  packet: Octets,
): Octets => [
  ...u8(1),
  ...u8(gso),
  ...le16(hdrLen),
  ...le16(gsoSize),
  ...le16(csumStart),
  ...le16(csumOffset),
  ...packet,
]

/** Host A → server, as IPv6 and as the IPv4 that must come of it. */
export const toServer6 = (upper: Upper, fields: Partial<Ip6Fields> = {}): Octets =>
  ip6({ src: HOST_A.ip6, dst: SERVER6, ...fields }, upper)
export const toServer4 = (upper: Upper, fields: Partial<Ip4Fields> = {}): Octets =>
  ip4({ src: HOST_A.ip4, dst: SERVER, ttl: 63, ...fields }, upper)

/** Server → host A, as IPv4 and as the IPv6 that must come of it. */
export const toHost4 = (upper: Upper, fields: Partial<Ip4Fields> = {}): Octets =>
  ip4({ src: SERVER, dst: HOST_A.ip4, ...fields }, upper)
export const toHost6 = (upper: Upper, fields: Partial<Ip6Fields> = {}): Octets =>
  ip6({ src: SERVER6, dst: HOST_A.ip6, hops: 63, ...fields }, upper)

/** Pseudo-header addresses of these flows, for parts of a message whose checksum covers the whole. */
export const PSEUDO = {
  toServer6: [...ip6Octets(HOST_A.ip6), ...ip6Octets(SERVER6)],
  toServer4: [...ip4Octets(HOST_A.ip4), ...ip4Octets(SERVER)],
  toHost4: [...ip4Octets(SERVER), ...ip4Octets(HOST_A.ip4)],
  toHost6: [...ip6Octets(SERVER6), ...ip6Octets(HOST_A.ip6)],
} as const
