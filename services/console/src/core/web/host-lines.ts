import { formatIp6, parseIp6 } from '@sixgate/addr'
import type { Site } from '@sixgate/site'
import { looksLikeClat } from '../clat.ts'
import { type Host, isHostSeen } from '../hosts.ts'
import type { HostLine } from './schemas.ts'

/** Names of hosts by IPv6 address, as the site document gives them (`dns64.records`). */
export const namesOf = ({ dns64 }: Site): ReadonlyMap<string, string> =>
  new Map(
    dns64.records.flatMap(({ name, type, data }) => {
      const ip6 = type === 'AAAA' ? parseIp6(data) : undefined
      return ip6 === undefined ? [] : [[formatIp6(ip6), name] as const]
    }),
  )

const withMapping = (host: Host): Omit<HostLine, 'name' | 'mac' | 'addresses'> => ({
  ip6: host.ip6,
  ip4: host.ip4,
  pref64: host.pref64,
  isLikelyClat: looksLikeClat(host.ip6, host.pref64),
  idleS: host.idleS,
  out: host.out,
  in: host.in,
})

const NO_MAPPING = {
  ip6: null,
  ip4: null,
  pref64: null,
  isLikelyClat: false,
  idleS: null,
  out: null,
  in: null,
} as const

/**
 * A line for each mapping, with what neighbour discovery knows of its host; then hosts without one. `seen`: what the
 * instances of ra-advertiser said; entries of another version are left out.
 */
export const hostLines = (
  mappings: readonly Host[],
  seen: readonly unknown[],
  names: ReadonlyMap<string, string>,
): HostLine[] => {
  const known = seen.flat().filter(isHostSeen)
  const nameOf = (addresses: readonly string[]): string | null =>
    addresses.map((address) => names.get(address)).find((name) => name !== undefined) ?? null
  const mapped = mappings.map((host): HostLine => {
    const neighbour = known.find(({ addresses }) => addresses.includes(host.ip6))
    const addresses = neighbour?.addresses ?? [host.ip6]
    return {
      name: nameOf(addresses),
      mac: neighbour?.mac ?? null,
      addresses: [...addresses],
      ...withMapping(host),
    }
  })
  const others = known
    .filter(({ mac, isRouter }) => isRouter !== true && !mapped.some((line) => line.mac === mac))
    .map(({ mac, addresses }): HostLine => ({ name: nameOf(addresses), mac, addresses: [...addresses], ...NO_MAPPING }))
  return [...mapped, ...others]
}
