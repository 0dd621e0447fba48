import type { Direction } from './alg/flow.ts'
import { ALG_OFF, type AlgSettings } from './alg/settings.ts'
import { type AddressMap, type AddressPair, makeAddressPair } from './address-map/address-map.ts'
import { Frame } from './frame.ts'
import type { IdentificationGenerator } from './identification.ts'
import { type IpLayout, makeIpLayout } from './ip-layout.ts'
import type { TokenBucket } from './rate-limit.ts'
import type { Verdict } from './verdict.ts'

/** What to do with IPv4 UDP packets that have no checksum (RFC 7915 §4.5). */
export type UdpChecksumZero = 'drop' | 'compute' | 'forward'

/** The choices that RFC 7915 leaves to the operator. */
export interface XlateSettings {
  /** RFC 7915 §4.1 "lowest-ipv6-mtu": IPv4 packets with DF clear are fragmented to it, at least 1280. */
  readonly lowestIpv6MtuBytes: number
  /** MTU towards the IPv4 and the IPv6 side (RFC 7915 §4.2, §5.2 "MTU_of_IPv4_nexthop", "MTU_of_IPv6_nexthop"). */
  readonly ipv4NexthopMtuBytes: number
  readonly ipv6NexthopMtuBytes: number
  readonly udpChecksumZero: UdpChecksumZero
  /** Type of service of all translated IPv4 packets; `undefined`: the traffic class is copied (RFC 7915 §5.1). */
  readonly tosOverride: number | undefined
  /** Traffic class of all translated IPv6 packets; `undefined`: the type of service is copied (RFC 7915 §4.1). */
  readonly trafficClassOverride: number | undefined
  /** ICMP errors that the translator makes itself, each family, per second and at once. */
  readonly icmpErrorsPerSecond: number
  readonly icmpErrorsBurst: number
  /** Ports whose payload is translated too. */
  readonly alg: AlgSettings
}

export const DEFAULT_SETTINGS: XlateSettings = {
  lowestIpv6MtuBytes: 1280,
  ipv4NexthopMtuBytes: 1500,
  ipv6NexthopMtuBytes: 1500,
  udpChecksumZero: 'compute',
  tosOverride: undefined,
  trafficClassOverride: undefined,
  icmpErrorsPerSecond: 100,
  icmpErrorsBurst: 50,
  alg: ALG_OFF,
}

/** Time as io sees it, written once per batch. */
export interface Clock {
  nowMs: number
  /** Unsigned, for `HostTable.lastSeenS`. */
  nowS: number
}

/** Where finished packets go. */
export interface Output {
  /** The translator is done with the frame, except for one that it made itself (an ICMP error): that is valid during the call only. */
  send(frame: Frame): void
  /** One of the pieces that a packet is cut into: the frame is valid during the call only, the next piece is made in it. */
  sendPiece(frame: Frame): void
}

/** Changes the payload of packets of some protocols, just before they are translated (`Alg`). */
export interface PayloadGateway {
  /** CONTINUE: go on; else the packet is dropped. `x.outer` and `x.outerPair` say what it is. */
  apply(x: Xlate, frame: Frame, direction: Direction): Verdict
}

/** The type, code and last 32 header bits of the ICMP message to be written. */
export interface IcmpHead {
  type: number
  code: number
  rest: number
}

/**
 * Everything that one translating thread works with: the snapshot in force and the records that are filled for each
 * packet. The steps of RFC 7915 take it as their first argument.
 */
export interface Xlate {
  settings: XlateSettings
  map: AddressMap
  errors4: TokenBucket
  errors6: TokenBucket
  readonly clock: Clock
  readonly ids: IdentificationGenerator
  readonly output: Output
  readonly alg: PayloadGateway
  /** Packet under way. */
  readonly outer: IpLayout
  readonly outerPair: AddressPair
  /** The packet inside an ICMP error; valid iff the packet under way is one. */
  readonly inner: IpLayout
  readonly innerPair: AddressPair
  readonly icmp: IcmpHead
  /** One fragment or segment of the packet under way; valid iff it is cut. */
  readonly piece: IpLayout
  /** Where ICMP errors are made. */
  readonly reply: Frame
}

/** The records of a translating thread; the rest is the caller's. */
export const makeRecords = (): Pick<
  Xlate,
  'outer' | 'outerPair' | 'inner' | 'innerPair' | 'icmp' | 'piece' | 'reply'
> => ({
  outer: makeIpLayout(),
  outerPair: makeAddressPair(),
  inner: makeIpLayout(),
  innerPair: makeAddressPair(),
  icmp: { type: 0, code: 0, rest: 0 },
  piece: makeIpLayout(),
  reply: new Frame(),
})
