import assert from 'node:assert/strict'
import { parseIp6 } from '@sixgate/addr'
import type { Icmp6, Probe } from './packet-agent.ts'

/** For tests: who is where in the packet lab, and what they send. */
export type Who = 'gateway' | 'host' | 'internet' | 'translator' | 'other'

export const HOST = 'fd00:1:2:3::10'
export const ROUTER = 'fd00:1:2:3::1'
export const HOST_GLOBAL = '2001:db8:1:2::10'
export const UPLINK = '203.0.113.2'
export const UPLINK6 = '2001:db8:ffff::2'
export const SERVER = '203.0.113.1'
export const SERVER6 = '2001:db8:ffff::1'
export const MAPPED_SERVER = '64:ff9b::c633:6407'
export const POOL_HOST = '198.18.0.9'

export const udp = (destination: string, port = 7777, source?: string): Probe => ({
  protocol: 'udp',
  destination,
  port,
  ...(source === undefined ? {} : { source }),
})
export const tcp = (destination: string, port = 7777, source?: string): Probe => ({
  ...udp(destination, port, source),
  protocol: 'tcp',
})

export const icmp6 = (type: number, changes: Partial<Icmp6> = {}): Icmp6 => ({
  source: 'fe80::10',
  destination: 'fe80::1',
  link: 'eth0',
  type,
  hopLimit: 255,
  body: '0000000000000000',
  ...changes,
})

const hexOf = (address: string): string => Buffer.from(parseIp6(address) ?? assert.fail(address)).toString('hex')
const hex = (value: number, octets: number): string => value.toString(16).padStart(2 * octets, '0')

/** IPv6 header, then what it carries, as hex octets; from the server to the host with a global address unless said otherwise. */
export const ipv6Packet = (nextHeader: string, payload: string, source = SERVER6, destination = HOST_GLOBAL): string =>
  ['60000000', hex(payload.length / 2, 2), nextHeader, '40', hexOf(source), hexOf(destination), payload].join('')

/** RFC 1071, over an even number of octets in hex. */
const internetChecksum = (octets: string): number => {
  let sum = 0
  for (let at = 0; at < octets.length; at += 4) sum += Number.parseInt(octets.slice(at, at + 4), 16)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return ~sum & 0xffff
}

/** One end of a flow. */
export interface End {
  readonly address: string
  readonly port: number
}

/** UDP without content, with its checksum; of a mobile end `source` or `destination` is the home address (RFC 6275 §6.1.7). */
export const udpDatagram = (source: End, destination: End): string => {
  const datagram = (checksum: number): string =>
    [hex(source.port, 2), hex(destination.port, 2), '0008', hex(checksum, 2)].join('')
  const pseudo = `${hexOf(source.address)}${hexOf(destination.address)}${hex(8, 4)}${hex(17, 4)}`
  return datagram(internetChecksum(`${pseudo}${datagram(0)}`))
}

/** RFC 6275 §6.3: destination options with a home address, padded to three words; UDP follows. */
export const homeAddressOption = (home: string): string => `110201020000c910${hexOf(home)}`
/** RFC 6275 §6.4: a type 2 routing header; UDP follows. */
export const routingHeader2 = (home: string): string => `1102020100000000${hexOf(home)}`

/** A SYN (RFC 9293 §3.1) in an IPv6 packet, with its checksum. */
export const synPacket = (source: End, destination: End): string => {
  const segment = (checksum: number): string =>
    [
      hex(source.port, 2),
      hex(destination.port, 2),
      '00000001',
      '00000000',
      '5002',
      'ffff',
      hex(checksum, 2),
      '0000',
    ].join('')
  const pseudo = `${hexOf(source.address)}${hexOf(destination.address)}${hex(20, 4)}${hex(6, 4)}`
  return ipv6Packet('06', segment(internetChecksum(`${pseudo}${segment(0)}`)), source.address, destination.address)
}

/** CRC-32C, reflected (RFC 9260 appendix A). */
const crc32c = (octets: Uint8Array): number => {
  let crc = 0xffffffff
  for (const octet of octets) {
    crc ^= octet
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

/** An SCTP packet with an INIT chunk (RFC 9260 §3.3.2) in an IPv6 packet, with its checksum. */
export const initPacket = (source: End, destination: End): string => {
  // Type and length, tag, window, streams, TSN.
  const chunk = ['01000014', '00000001', '0000ffff', '00010001', '00000001'].join('')
  const packet = Buffer.from(`${hex(source.port, 2)}${hex(destination.port, 2)}0000000000000000${chunk}`, 'hex')
  packet.writeUInt32LE(crc32c(packet), 8)
  return ipv6Packet('84', packet.toString('hex'), source.address, destination.address)
}
