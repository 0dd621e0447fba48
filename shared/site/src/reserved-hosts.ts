import { asIp4, contains6, equalIp6, type Ip4, type Ip6, type Prefix4, type Prefix6, size4 } from '@sixgate/addr'
import type { SiteIssue } from './error.ts'
import type { Site } from './schema.ts'

/** A LAN host and the pool address that is its own for good. */
export type StaticHost = Site['nat64']['hosts'][number]

/** Addresses of a pool prefix that no host gets: the first two and the last one are the gateway's own. */
const OWN_AT_START = 2
const OWN_AT_END = 1

const compare = (a: Ip6, b: Ip6): number => {
  const at = a.findIndex((octet, index) => octet !== b[index])
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}

const bitOf = (ip: Ip6, index: number): number => ((ip[index >>> 3] ?? 0) >>> (7 - (index & 7))) & 1

/**
 * The IPv4 address that an explicit map gives a host (RFC 7757 §3.3.2): the bits behind the IPv6 prefix, then zeros.
 * undefined: the map says nothing about it.
 */
const mappedBy = (prefix6: Prefix6, prefix4: Prefix4, ip6: Ip6): Ip4 | undefined => {
  if (!contains6(prefix6, ip6)) return undefined
  const suffixBits = 32 - prefix4.lenBits
  let suffix = 0
  for (let index = prefix6.lenBits; index < 128; index++) {
    const bit = bitOf(ip6, index)
    if (index < prefix6.lenBits + suffixBits) suffix = suffix * 2 + bit
    else if (bit !== 0) return undefined
  }
  return asIp4(prefix4.addr + suffix)
}

/** The IPv4 address that the document gives a host for good: by nat64.hosts, or by the longest of nat64.maps. */
export const staticIp4 = ({ nat64 }: Pick<Site, 'nat64'>, ip6: Ip6): Ip4 | undefined => {
  const host = nat64.hosts.find((other) => equalIp6(other.ip6, ip6))
  if (host !== undefined) return host.ip4
  const [mapped] = nat64.maps
    .toSorted((a, b) => b.prefix6.lenBits - a.prefix6.lenBits)
    .flatMap(({ prefix6, prefix4 }) => mappedBy(prefix6, prefix4, ip6) ?? [])
  return mapped
}

/** FNV-1a with the high bits mixed in: where the search for an address starts. */
const hash = (ip6: Ip6): number => {
  let value = 0x811c9dc5
  for (const octet of ip6) value = Math.imul(value ^ octet, 0x01000193)
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  return (value ^ (value >>> 13)) >>> 0
}

const usable = (prefix: Prefix4): number => Math.max(0, size4(prefix) - OWN_AT_START - OWN_AT_END)

const addressAt = (pool4: readonly Prefix4[], number: number): Ip4 => {
  let rest = number
  for (const prefix of pool4) {
    if (rest < usable(prefix)) return asIp4(prefix.addr + OWN_AT_START + rest)
    rest -= usable(prefix)
  }
  throw new RangeError(`no address number ${number} in the pool`)
}

/** A free address of the pool, made of the host's own: it stays the same unless another host has that one. */
const reserve = (pool4: readonly Prefix4[], taken: ReadonlySet<Ip4>, ip6: Ip6): Ip4 | undefined => {
  const count = pool4.reduce((sum, prefix) => sum + usable(prefix), 0)
  const start = hash(ip6) % Math.max(1, count)
  for (let step = 0; step < count; step++) {
    const ip4 = addressAt(pool4, (start + step) % count)
    if (!taken.has(ip4)) return ip4
  }
  return undefined
}

/** The document with the hosts that it needs beside its own, and what does not go. */
export interface Reserved {
  readonly hosts: readonly StaticHost[]
  readonly issues: readonly SiteIssue[]
}

/**
 * Pool addresses for the targets of port forwards that have none of their own: a flow from outside can only come to a host
 * whose pool address is known beforehand. Every service reads the document, so translator and firewall get the same ones.
 */
export const reserveForForwards = (site: Site): Reserved => {
  const targets = site.firewall.forwards.map(({ to }) => to).filter((to) => staticIp4(site, to) === undefined)
  const hosts: StaticHost[] = []
  const issues: SiteIssue[] = []
  const taken = new Set<Ip4>(site.nat64.hosts.map(({ ip4 }) => ip4))
  // In an order of their own, so that the document's does not matter.
  for (const ip6 of targets.toSorted(compare)) {
    if (hosts.some((other) => equalIp6(other.ip6, ip6))) continue
    const ip4 = reserve(site.nat64.pool4, taken, ip6)
    const index = site.firewall.forwards.findIndex(({ to }) => equalIp6(to, ip6))
    if (ip4 === undefined)
      issues.push({
        path: ['firewall', 'forwards', index, 'to'],
        message: 'nat64.pool4 has no address left to reserve for this host: enlarge it, or take a host off nat64.hosts',
      })
    else {
      taken.add(ip4)
      hosts.push({ ip6, ip4 })
    }
  }
  return { hosts, issues }
}
