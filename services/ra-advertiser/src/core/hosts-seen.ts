import { formatIp6, type Ip6 } from '@sixgate/addr'
import { formatMac } from './mac.ts'

/** An entry of the kernel's neighbour table; the part of @sixgate/host's that is needed here. */
export interface NeighbourEntry {
  readonly ip: Ip6
  readonly mac: Uint8Array | undefined
  readonly state: string
  readonly isRouter: boolean
  readonly confirmedMsAgo: number | undefined
}

/** A host of one LAN, as its neighbour discovery shows it: plain data. */
export interface HostSeen {
  readonly link: string
  readonly mac: string
  /** All its addresses, shortest text first. */
  readonly addresses: readonly string[]
  readonly isRouter: boolean
  /** One of its addresses is reachable right now. */
  readonly isReachable: boolean
  /** Seconds since it was last known to be there; undefined: the kernel does not say. */
  readonly confirmedSAgo: number | undefined
}

const smallest = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)

/** Hosts by their link-layer address, in its order. Entries without one are questions that nobody answered. */
export const hostsSeen = (link: string, entries: readonly NeighbourEntry[]): HostSeen[] => {
  const hosts = new Map<string, HostSeen>()
  for (const { ip, mac, state, isRouter, confirmedMsAgo } of entries) {
    if (mac === undefined || state === 'failed' || state === 'incomplete') continue
    const key = formatMac(mac)
    const known = hosts.get(key)
    hosts.set(key, {
      link,
      mac: key,
      addresses: [...(known?.addresses ?? []), formatIp6(ip)].toSorted(
        (a, b) => a.length - b.length || (a < b ? -1 : 1),
      ),
      isRouter: isRouter || (known?.isRouter ?? false),
      isReachable: state === 'reachable' || (known?.isReachable ?? false),
      confirmedSAgo: smallest(
        known?.confirmedSAgo,
        confirmedMsAgo === undefined ? undefined : Math.round(confirmedMsAgo / 1000),
      ),
    })
  }
  return [...hosts.values()].toSorted((a, b) => (a.mac < b.mac ? -1 : 1))
}
