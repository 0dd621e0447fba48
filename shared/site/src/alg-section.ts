import { integer, listOf, oneOf, section } from './fields.ts'

const port = integer(1, 65_535)
/** More would be no list of servers' ports but a mistake. */
const ports = (standard: number) =>
  listOf(port, 'ports')
    .min(1, { error: 'must hold at least one port' })
    .max(8, { error: 'must hold at most 8 ports' })
    .default([standard])

/**
 * Application layer gateways: addresses in the payload are translated too. nat64 does the IPv6 side; nat44-firewall has
 * the kernel's conntrack helpers do the masqueraded side.
 */
export const alg = section({
  /** FTP (RFC 6384), unless it is off. */
  ftp: oneOf('auto', 'off').default('auto'),
  /** SIP over UDP and TCP (RFC 3261). */
  sip: oneOf('off', 'on').default('off'),
  /** Ports of the servers. */
  ftpPorts: ports(21),
  sipPorts: ports(5060),
})
