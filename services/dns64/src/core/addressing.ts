import { formatIp6, parseIp6 } from '@sixgate/addr'
import type { Site } from '@sixgate/site'
import type { Upstream } from './upstreams.ts'

/** The port of DNS (RFC 1035 §4.2). */
export const DNS_PORT = 53

/** An address and port to listen on. */
export interface ListenAddress {
  readonly address: string
  readonly port: number
}

const LOOPBACK: readonly string[] = ['127.0.0.1', '::1']

/** One text for one address, without zone. */
const canonical = (address: string): string => {
  const bare = address.split('%')[0] ?? address
  const ip6 = parseIp6(bare)
  return ip6 === undefined ? bare : formatIp6(ip6)
}

/** Where a document says to listen; `auto` = the router's own address on every LAN, and loopback. No address twice. */
export const listenAddresses = (site: Site, port: number): ListenAddress[] => {
  const { listen } = site.dns64
  const texts =
    listen === 'auto'
      ? [...[site.lan, ...site.lans].map(({ router }) => formatIp6(router)), ...LOOPBACK]
      : listen.map(canonical)
  return [...new Set(texts)].map((address) => ({ address, port }))
}

/** True for an address of this machine's loopback. */
export const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

/** The addresses that stand for all of this machine's. */
export const isWildcard = (address: string): boolean => address === '::' || address === '0.0.0.0'

/** True when asking that server would be asking ourselves. */
export const isOurs = (upstream: Upstream, own: readonly ListenAddress[]): boolean => {
  const address = canonical(upstream.address)
  const isHere = ({ address: listen }: ListenAddress): boolean =>
    listen === address || (isWildcard(listen) && (isWildcard(address) || isLoopback(address)))
  return own.some((o) => o.port === upstream.port && isHere(o))
}

/**
 * Whom to ask: as written, or for `auto` the name servers of this machine (`nameservers`: addresses of its resolv.conf)
 * that are not ourselves.
 */
export const upstreamsOf = (
  site: Site,
  nameservers: readonly string[],
  own: readonly ListenAddress[],
): readonly Upstream[] => {
  const { upstreams } = site.dns64
  if (upstreams !== 'auto') return upstreams
  return nameservers.map((address) => ({ address, port: DNS_PORT })).filter((upstream) => !isOurs(upstream, own))
}

/** What is wrong with the upstreams as written: the first one that is ourselves; undefined = nothing. */
export const loopIn = (site: Site, own: readonly ListenAddress[]): Upstream | undefined => {
  const { upstreams, domains } = site.dns64
  const all = [...(upstreams === 'auto' ? [] : upstreams), ...domains.flatMap((domain) => domain.upstreams ?? [])]
  return all.find((upstream) => isOurs(upstream, own))
}
