import { type Ip4, mask4, type Prefix4, type Prefix6, prefix4Of } from '@sixgate/addr'
import type { AddressMapConfig } from './address-map/address-map.ts'
import { isWellKnownPrefix, neverForwarded4, refusedByWellKnownPrefix } from './address-map/policy.ts'
import { algPorts } from './alg/settings.ts'
import { COPY, LAYOUT_VERSION, MAX_PREFIXES, offsetOf, SPECIAL_WORDS, sizeOf } from './fast-path-layout.ts'
import type { XlateSettings } from './xlate.ts'

/** What the fast path makes of a document: what it may translate on its own. All the rest is TypeScript's. */
export interface FastPathPlan {
  /** Place in the program's table by index in the document; -1: not in the table. */
  readonly places: readonly number[]
  /** The program's table. */
  readonly prefixes: readonly Prefix6[]
  /** The entry of config_map. */
  readonly config: Uint8Array
  /** Remote IPv4 addresses that only TypeScript may judge, as source or destination. */
  readonly special4: readonly Prefix4[]
  /** Explicit maps: whom they cover has no business in the fast path. */
  readonly explicit6: readonly Prefix6[]
  readonly explicit4: readonly Prefix4[]
}

/** A dynamic mapping, as the fast path sees it. */
export interface FastPathHost {
  readonly ip6: Uint8Array
  readonly ip4: Ip4
  /** Index of its pref64 in the document. */
  readonly pref: number
}

const sharesBits = (a: Uint8Array, b: Uint8Array, lenBits: number): boolean => {
  for (let bit = 0; bit < lenBits; bit++)
    if ((((a[bit >>> 3] ?? 0) ^ (b[bit >>> 3] ?? 0)) & (0x80 >>> (bit & 7))) !== 0) return false
  return true
}

const overlaps = (a: Prefix6, b: Prefix6): boolean => sharesBits(a.addr, b.addr, Math.min(a.lenBits, b.lenBits))

/**
 * The plan for an address map. Prefixes of 96 bits are taken (the longest there are, so no other can match before
 * them) unless an explicit map reaches into them, which would go first (RFC 7757 §3.3).
 */
export const fastPathPlan = (map: AddressMapConfig, settings: XlateSettings, mtuBytes: number): FastPathPlan => {
  const places: number[] = []
  const taken: Prefix6[] = []
  for (const prefix of map.pref64) {
    const isTaken =
      prefix.lenBits === 96 && taken.length < MAX_PREFIXES && !map.eams.some((eam) => overlaps(eam.prefix6, prefix))
    places.push(isTaken ? taken.length : -1)
    if (isTaken) taken.push(prefix)
  }
  const explicit4 = map.eams.map((eam) => eam.prefix4)
  const special4 = [
    ...neverForwarded4.prefixes,
    ...map.forbidden4,
    // Hosts of our own: hairpinning, the translator's address, addresses that nobody has.
    ...map.pool4,
    prefix4Of(map.own4, 32),
    ...explicit4,
    ...(taken.some(isWellKnownPrefix) ? refusedByWellKnownPrefix(map.wellKnownPrefixPolicy).prefixes : []),
  ]
  return {
    places,
    prefixes: taken,
    config: configOf(taken, special4, settings, mtuBytes),
    special4,
    explicit6: map.eams.map((eam) => eam.prefix6),
    explicit4,
  }
}

/** True when the fast path may translate for a host: its prefix is in the table and no explicit map goes first. */
export const takesHost = (plan: FastPathPlan, { ip6, ip4, pref }: FastPathHost): boolean =>
  (plan.places[pref] ?? -1) >= 0 &&
  !plan.explicit6.some((prefix) => sharesBits(prefix.addr, ip6, prefix.lenBits)) &&
  !plan.explicit4.some((prefix) => ((ip4 ^ prefix.addr) & mask4(prefix.lenBits)) === 0)

/** Sets the bit of every /16 that a prefix reaches into. */
const markNets = (bits: Uint8Array, { addr, lenBits }: Prefix4): void => {
  const first = (addr & mask4(lenBits)) >>> 16
  for (let net = first; net < first + 2 ** Math.max(0, 16 - lenBits); net++) {
    const index = (net >>> 8) | ((net & 0xff) << 8)
    bits[index >>> 3]! |= 1 << (index & 7)
  }
}

const configOf = (
  prefixes: readonly Prefix6[],
  special4: readonly Prefix4[],
  settings: XlateSettings,
  mtuBytes: number,
): Uint8Array => {
  const bytes = new Uint8Array(sizeOf('config'))
  const view = new DataView(bytes.buffer)
  const put = (field: string, value: number): void => view.setUint32(offsetOf('config', field), value, true)
  put('version', LAYOUT_VERSION)
  put('prefix_count', prefixes.length)
  put('tos', settings.tosOverride ?? COPY)
  put('traffic_class', settings.trafficClassOverride ?? COPY)
  put('lowest_ipv6_mtu', settings.lowestIpv6MtuBytes)
  put('mtu', mtuBytes)
  const size = sizeOf('pref64')
  for (const [place, { addr }] of prefixes.entries())
    bytes.set(addr.subarray(0, size), offsetOf('config', 'prefixes') + place * size)
  const bits = bytes.subarray(
    offsetOf('config', 'special_nets'),
    offsetOf('config', 'special_nets') + SPECIAL_WORDS * 4,
  )
  for (const prefix of special4) markNets(bits, prefix)
  // Payloads that carry addresses are TypeScript's.
  for (const port of algPorts(settings.alg)) {
    const at = offsetOf('config', 'alg_ports') + (port >>> 5) * 4
    view.setUint32(at, (view.getUint32(at, true) | (1 << (port & 31))) >>> 0, true)
  }
  return bytes
}

/** RFC 1071 §2: one's complement sum of the little-endian 32-bit words of `bytes`, whose length is a multiple of four. */
const sum32 = (...arrays: readonly Uint8Array[]): number => {
  let sum = 0
  for (const bytes of arrays) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let o = 0; o < bytes.length; o += 4) sum += view.getUint32(o, true)
  }
  while (sum > 0xffff_ffff) sum = Math.floor(sum / 0x1_0000_0000) + (sum % 0x1_0000_0000)
  return sum
}

const prefixBytes = ({ addr }: Prefix6): Uint8Array => addr.subarray(0, sizeOf('pref64'))

/** Key and value of a host in map `hosts6`; `prefix`: its pref64, which has this place in the program's table. */
export const host6Entry = (
  host: FastPathHost,
  prefix: Prefix6,
  place: number,
): { key: Uint8Array; value: Uint8Array } => {
  const key = new Uint8Array(sizeOf('host6_key'))
  key.set(host.ip6)
  new DataView(key.buffer).setUint32(offsetOf('host6_key', 'prefix'), place, true)
  const value = new Uint8Array(sizeOf('host6'))
  const view = new DataView(value.buffer)
  view.setUint32(offsetOf('host6', 'ip4'), host.ip4)
  view.setUint32(offsetOf('host6', 'sum6'), sum32(host.ip6, prefixBytes(prefix)), true)
  return { key, value }
}

/** Key and value of a host in map `hosts4`; `prefix`: its pref64. */
export const host4Entry = (host: FastPathHost, prefix: Prefix6): { key: Uint8Array; value: Uint8Array } => {
  const key = new Uint8Array(sizeOf('host4_key'))
  new DataView(key.buffer).setUint32(0, host.ip4)
  const value = new Uint8Array(sizeOf('host4'))
  value.set(host.ip6, offsetOf('host4', 'word0'))
  value.set(prefixBytes(prefix), offsetOf('host4', 'pref0'))
  new DataView(value.buffer).setUint32(offsetOf('host4', 'sum6'), sum32(host.ip6, prefixBytes(prefix)), true)
  return { key, value }
}

/** Key of a prefix in map `special4`. */
export const special4Key = ({ addr, lenBits }: Prefix4): Uint8Array => {
  const key = new Uint8Array(sizeOf('special4_key'))
  const view = new DataView(key.buffer)
  view.setUint32(offsetOf('special4_key', 'len_bits'), lenBits, true)
  view.setUint32(offsetOf('special4_key', 'addr'), addr)
  return key
}
