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

/** IPv6 header, then what it carries; addresses as 32 hex digits. */
export const ipv6Packet = (nextHeader: string, payload: string): string =>
  [
    '60000000',
    (payload.length / 2).toString(16).padStart(4, '0'),
    nextHeader,
    '40',
    '20010db8ffff00000000000000000001',
    '20010db8000100020000000000000010',
    payload,
  ].join('')
