import { formatIp4, formatIp6, type Ip4, parseIp4, parseIp6 } from '@sixgate/addr'
import type { HostId, Mapping } from './registry.ts'

/** An entry of the KV bucket `hosts`: its key is the IPv4 address, so that taking one is a create-if-absent. */
export interface KvMapping {
  readonly host: HostId
  readonly ip4: Ip4
  /** When the host was last seen by the instance that wrote this, in seconds since 1970. */
  readonly seenS: number
}

/** `198-18-0-10`: one token of a NATS subject. */
export const kvKey = (ip4: Ip4): string => formatIp4(ip4).replaceAll('.', '-')

/** The address of a key; `undefined` when it is none. */
export const kvIp4 = (key: string): Ip4 | undefined => parseIp4(key.replaceAll('-', '.'))

export const encodeKvValue = (host: HostId, seenS: number): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ ip6: formatIp6(host.ip6), pref64: host.pref64, seen: Math.floor(seenS) }))

/** Reads an entry; `undefined` when it is none (another version's, or somebody's mistake). */
export const decodeKvEntry = (key: string, value: Uint8Array): KvMapping | undefined => {
  const ip4 = kvIp4(key)
  if (ip4 === undefined) return undefined
  try {
    const { ip6, pref64, seen } = JSON.parse(new TextDecoder().decode(value)) as Record<string, unknown>
    const address = typeof ip6 === 'string' ? parseIp6(ip6) : undefined
    if (address === undefined || typeof pref64 !== 'string' || !Number.isSafeInteger(seen)) return undefined
    return { host: { ip6: address, pref64 }, ip4, seenS: seen as number }
  } catch {
    return undefined
  }
}

/** What to do about an entry that another instance wrote, or that we wrote ourselves. */
export interface KvDecision {
  /** Mappings of ours that end. */
  readonly drop: readonly Mapping[]
  /** The entry becomes a mapping of ours. */
  readonly adopt: boolean
  /** Ours is the same: it has this revision now. */
  readonly confirm: Mapping | undefined
  /** Entries that have lost and go from the KV, if they still have that revision. */
  readonly erase: readonly { readonly ip4: Ip4; readonly revision: number }[]
}

const NOTHING = { drop: [], adopt: false, confirm: undefined, erase: [] } as const

/**
 * Two instances may have decided differently while NATS was away, or at the same time. What the KV had earlier wins:
 * every instance sees the same order of revisions, so all decide alike. `ofIp4` and `ofHost` are our mappings of the
 * entry's address and of its host.
 */
export const decideKvEntry = (
  entry: KvMapping,
  revision: number,
  ofIp4: Mapping | undefined,
  ofHost: Mapping | undefined,
): KvDecision => {
  if (ofIp4 !== undefined && ofIp4 === ofHost) return { ...NOTHING, confirm: ofIp4 }
  // The host has another address already, by an earlier entry: this one is the later of two and goes.
  if (ofHost?.revision !== undefined && ofHost.revision < revision) {
    const drop = ofIp4 === undefined || ofIp4.revision !== undefined ? [] : [ofIp4]
    return { ...NOTHING, drop, erase: [{ ip4: entry.ip4, revision }] }
  }
  const drop = [ofIp4, ofHost].filter((mapping) => mapping !== undefined)
  const erase = ofHost?.revision === undefined ? [] : [{ ip4: ofHost.ip4, revision: ofHost.revision }]
  return { drop, adopt: true, confirm: undefined, erase }
}
