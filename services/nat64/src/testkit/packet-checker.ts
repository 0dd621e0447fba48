/**
 * Says what is wrong with a packet as a receiver would: lengths and checksums, in full, of the packet and of the one
 * inside an ICMP error. Shares no code with core/.
 */
import { checksumOf, type Octets, u32 } from './packet-builder.ts'

const at16 = (octets: Octets, at: number): number => (octets[at] ?? 0) * 256 + (octets[at + 1] ?? 0)

/** An IP packet taken apart. */
export interface Taken {
  readonly family: 4 | 6
  readonly protocol: number
  /** Addresses, as the pseudo-header has them. */
  readonly pseudo: Octets
  readonly upper: Octets
  /** Upper-layer length by the length fields, and whether all of it is there. */
  readonly upperLength: number
  /** First fragment or whole. */
  readonly startsHere: boolean
  readonly whole: boolean
}

const take4 = (octets: Octets): Taken | string => {
  const headerLength = ((octets[0] ?? 0) & 15) * 4
  if (headerLength < 20 || octets.length < headerLength) return 'IPv4 header length'
  const header = octets.slice(0, headerLength)
  if (checksumOf(header) !== 0) return 'IPv4 header checksum'
  const total = at16(octets, 2)
  if (total < headerLength) return 'IPv4 total length'
  const fragment = at16(octets, 6) & 0x3fff
  return {
    family: 4,
    protocol: octets[9] ?? 0,
    pseudo: octets.slice(12, 20),
    upper: octets.slice(headerLength, total),
    upperLength: total - headerLength,
    startsHere: (fragment & 0x1fff) === 0,
    whole: fragment === 0,
  }
}

const take6 = (octets: Octets): Taken | string => {
  if (octets.length < 40) return 'IPv6 header length'
  const end = 40 + at16(octets, 4)
  let protocol = octets[6] ?? 0
  let at = 40
  let offsetFlags = 0
  while ([0, 43, 44, 60].includes(protocol)) {
    if (at + 8 > Math.min(end, octets.length)) return 'IPv6 extension header'
    if (protocol === 44) offsetFlags = at16(octets, at + 2)
    const length = protocol === 44 ? 8 : ((octets[at + 1] ?? 0) + 1) * 8
    protocol = octets[at] ?? 0
    at += length
    if (offsetFlags >>> 3 > 0) break
  }
  if (at > end) return 'IPv6 payload length'
  return {
    family: 6,
    protocol,
    pseudo: octets.slice(8, 40),
    upper: octets.slice(at, end),
    upperLength: end - at,
    startsHere: offsetFlags >>> 3 === 0,
    whole: (offsetFlags & 0xfff9) === 0,
  }
}

/** Takes a packet apart, extension headers stepped over, or says what is wrong. */
export const takeApart = (octets: Octets): Taken | string => {
  const version = (octets[0] ?? 0) >>> 4
  if (version === 4) return take4(octets)
  return version === 6 ? take6(octets) : `IP version ${version}`
}

const CHECKSUM_AT: Readonly<Record<number, number>> = { 6: 16, 17: 6, 33: 6, 136: 6 }

/** UDP says itself how long it is; what follows is not covered (RFC 768). A length that cannot be is the receiver's affair. */
const coveredLength = ({ protocol, upper, upperLength }: Taken): number => {
  const udpLength = at16(upper, 4)
  return protocol === 17 && udpLength >= 8 && udpLength <= upperLength ? udpLength : upperLength
}

const upperFault = (taken: Taken): string | undefined => {
  const { family, protocol, pseudo } = taken
  const upperLength = coveredLength(taken)
  const upper = taken.upper.slice(0, upperLength)
  const head = [...pseudo, ...u32(upperLength), 0, 0, 0, protocol]
  if (protocol === 1 && family === 4) return checksumOf(upper) === 0 ? undefined : 'ICMPv4 checksum'
  if (protocol === 58 && family === 6) return checksumOf([...head, ...upper]) === 0 ? undefined : 'ICMPv6 checksum'
  const field = CHECKSUM_AT[protocol]
  if (field === undefined) return undefined
  if (upper.length < field + 2) return 'transport header'
  if (protocol === 17 && at16(upper, field) === 0) return family === 4 ? undefined : 'UDP without checksum in IPv6'
  return checksumOf([...head, ...upper]) === 0 ? undefined : `checksum of protocol ${protocol}`
}

const isError = ({ family, protocol, upper }: Taken): boolean => {
  const type = upper[0] ?? 0
  return family === 4 ? protocol === 1 && [3, 4, 5, 11, 12].includes(type) : protocol === 58 && type < 128
}

/** What is wrong with a packet that came out of the translator; `undefined` when nothing is. */
export const faultOf = (octets: Octets): string | undefined => {
  const taken = takeApart(octets)
  if (typeof taken === 'string') return taken
  if (taken.upper.length !== taken.upperLength) return 'shorter than it says'
  const declared = octets.length - taken.upper.length
  if (declared !== (taken.family === 4 ? ((octets[0] ?? 0) & 15) * 4 : octets[6] === 44 ? 48 : 40))
    return 'longer than it says'
  if (!taken.whole) return undefined
  const fault = upperFault(taken)
  if (fault !== undefined || !isError(taken)) return fault
  return innerFault(taken.upper.slice(8))
}

/** The packet inside an ICMP error: checksums only where all that they cover is there. */
const innerFault = (octets: Octets): string | undefined => {
  const taken = takeApart(octets)
  if (typeof taken === 'string') return `inner: ${taken}`
  if (!taken.whole || taken.upper.length !== taken.upperLength) return undefined
  const fault = upperFault(taken)
  return fault === undefined ? undefined : `inner: ${fault}`
}
