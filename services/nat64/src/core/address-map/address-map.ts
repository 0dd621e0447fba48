import { type Ip4, type Ip6, type Pref64, type Prefix4, type Prefix6, size4 } from '@sixgate/addr'
import { Verdict } from '../verdict.ts'
import { IPV6 } from '../wire/ipv6.ts'
import { type Eam, Eamt } from './eamt.ts'
import type { HostTable } from './host-table.ts'
import {
  isIllegalSource6,
  isWellKnownPrefix,
  neverForwarded4,
  Prefix4Set,
  refusedByWellKnownPrefix,
  type WellKnownPrefixPolicy,
} from './policy.ts'
import { Pref64Table } from './pref64-table.ts'

/** What the address map of one snapshot is made of. */
export interface AddressMapConfig {
  readonly pref64: readonly Pref64[]
  readonly pool4: readonly Prefix4[]
  /** Explicit maps (RFC 7757), static hosts among them; they belong to the first pref64. */
  readonly eams: readonly Eam[]
  /** IPv4 addresses that are never translated to: the gateway's own. */
  readonly forbidden4: readonly Prefix4[]
  /** IPv6 prefixes whose hosts may take a pool address; empty for all. */
  readonly sources6: readonly Prefix6[]
  readonly wellKnownPrefixPolicy: WellKnownPrefixPolicy
  /** The translator's own addresses: source of the ICMP errors that it makes, and answering pings (IPv4). */
  readonly own4: Ip4
  readonly own6: Ip6
  readonly errorSource: ErrorSource
}

/**
 * IPv4 source of translated ICMPv6 errors whose IPv6 source (a router) has no mapping: the translator's own address, an
 * address of pool4 that nobody has, chosen by the IPv6 source so that routers can be told apart (RFC 6791 §4), or the
 * dummy address of RFC 7600 §4.8 (the 2026 draft). Such an error is never dropped.
 */
export type ErrorSource = 'own' | 'pool' | '192.0.0.8'
const ERROR_SOURCE_TRIES = 16
const DUMMY4 = 0xc0000008 | 0

/** Both addresses of one packet, in both families; a record that is used again. */
export interface AddressPair {
  /** Index of the pref64 through which the packet goes. */
  pref: number
  /** Signed 32-bit. */
  src4: number
  dst4: number
  /** IPv6 source (16 octets) and destination (16 octets); valid iff the packet goes 4to6. */
  readonly pair6: DataView
  /** Slot of the dynamic mapping that was used, -1 for none. */
  slot: number
  /** The IPv6 destination was in a pref64 (RFC 6052), not in an explicit map; valid iff the packet goes 6to4. */
  dstInPref64: boolean
}

/** A record to be filled. */
export const makeAddressPair = (): AddressPair => ({
  pref: 0,
  src4: 0,
  dst4: 0,
  pair6: new DataView(new ArrayBuffer(32)),
  slot: -1,
  dstInPref64: false,
})

/**
 * The mapping of addresses (RFC 7915 §6): explicit maps (RFC 7757), pref64 (RFC 6052) and dynamic 1:1 mappings. One
 * object per snapshot, never changed but for the host table.
 *
 * Every packet has a *local* side, the IPv6 host that this translator gives an IPv4 address to, and a *remote* side,
 * the IPv4 node that IPv6 hosts reach through pref64.
 */
export class AddressMap {
  readonly config: AddressMapConfig
  readonly hosts: HostTable
  readonly pref64s: Pref64Table
  readonly own4: number
  readonly #eamt: Eamt
  readonly #pool4: Prefix4Set
  readonly #forbidden4: Prefix4Set
  /** By pref64 index: what must not be represented by it. */
  readonly #refused4: readonly Prefix4Set[]
  readonly #sources6: Pref64Table | undefined

  constructor(config: AddressMapConfig, hosts: HostTable) {
    this.config = config
    this.hosts = hosts
    this.pref64s = new Pref64Table(config.pref64)
    this.own4 = config.own4 | 0
    this.#eamt = new Eamt(config.eams)
    this.#pool4 = new Prefix4Set(config.pool4)
    this.#forbidden4 = new Prefix4Set(config.forbidden4)
    const refused = refusedByWellKnownPrefix(config.wellKnownPrefixPolicy)
    const none = new Prefix4Set([])
    this.#refused4 = config.pref64.map((prefix) => (isWellKnownPrefix(prefix) ? refused : none))
    this.#sources6 = config.sources6.length === 0 ? undefined : new Pref64Table(config.sources6)
  }

  /** True when an IPv4 packet to `ip4` belongs to this translator: a mapped host, a free pool address, its own. */
  isLocal4(ip4: number): boolean {
    return ip4 === this.own4 || this.#pool4.has(ip4) || this.#eamt.has4(ip4)
  }

  /** True for an address that hosts are given. */
  isPool4(ip4: number): boolean {
    return this.#pool4.has(ip4)
  }

  /**
   * The IPv4 addresses of the IPv6 packet whose header is at `view[start..]`, into `pair`. `isIcmpError`: a source
   * without mapping gets the address of RFC 6791 instead of a mapping of its own.
   */
  pairTo4(view: DataView, start: number, isIcmpError: boolean, pair: AddressPair): Verdict {
    const src = start + IPV6.SRC
    if (isIllegalSource6(view, src)) return Verdict.ILLEGAL_SOURCE
    if (!this.#remoteTo4(view, start + IPV6.DST, pair)) return Verdict.NOT_IN_PREF64
    const dst4 = this.#remote4
    pair.dst4 = dst4
    // RFC 7915 §5.1 and RFC 1812 §5.3.7: these are never forwarded; the gateway's own would get round the firewall.
    if (neverForwarded4.has(dst4) || this.#forbidden4.has(dst4)) return Verdict.DESTINATION_FORBIDDEN
    if (pair.dstInPref64 && this.#refused4[pair.pref]?.has(dst4) === true && dst4 !== this.own4)
      return Verdict.DESTINATION_PRIVATE
    if (this.#localTo4(view, src, pair)) {
      pair.src4 = this.#local4
      return Verdict.CONTINUE
    }
    // RFC 6146 §3.5: an IPv6 source inside pref64 would come back to us as an answer: a loop.
    if (this.pref64s.find(view, src) >= 0) return Verdict.SOURCE_IN_PREF64
    if (isIcmpError) {
      pair.src4 = this.#errorSource4(view, src)
      return Verdict.CONTINUE
    }
    if (this.#sources6 !== undefined && this.#sources6.find(view, src) < 0) return Verdict.SOURCE_NOT_ALLOWED
    return Verdict.NEEDS_MAPPING
  }

  /** The same for the packet inside an ICMPv6 error, which went the other way: its source is remote. */
  innerPairTo4(view: DataView, start: number, pair: AddressPair): Verdict {
    if (!this.#remoteTo4(view, start + IPV6.SRC, pair)) return Verdict.INNER_UNTRANSLATABLE
    pair.src4 = this.#remote4
    if (!this.#localTo4(view, start + IPV6.DST, pair)) return Verdict.INNER_UNTRANSLATABLE
    pair.dst4 = this.#local4
    return Verdict.CONTINUE
  }

  /**
   * The IPv6 addresses of an IPv4 packet `pair.src4` → `pair.dst4`, into `pair.pair6`. `hairpin`: the packet comes from
   * a host of our own through pref64 and must look so at the far end (RFC 7757 §4.2.2): no explicit map for its source.
   */
  pairTo6(pair: AddressPair, hairpin: boolean): Verdict {
    if (neverForwarded4.has(pair.src4)) return Verdict.ILLEGAL_SOURCE
    if (!this.#localTo6(pair.dst4, pair, 16)) return Verdict.NO_MAPPING
    this.#remoteTo6(pair.src4, pair, 0, hairpin)
    return Verdict.CONTINUE
  }

  /**
   * The gateway's own ICMPv4 errors come from its IPv6 address, the one that hosts know as their router: it is one node,
   * and its IPv4 addresses are none that they could reach. To be called after `pairTo6` for an error.
   */
  replaceOwnErrorSource(pair: AddressPair): void {
    if (pair.src4 !== this.own4 && !this.#forbidden4.has(pair.src4)) return
    const { own6 } = this.config
    for (let at = 0; at < 16; at++) pair.pair6.setUint8(at, own6[at] ?? 0)
  }

  /** The same for the packet inside an ICMPv4 error, which went the other way: its destination is remote. */
  innerPairTo6(pair: AddressPair, hairpin: boolean): Verdict {
    if (!this.#localTo6(pair.src4, pair, 0)) return Verdict.INNER_UNTRANSLATABLE
    this.#remoteTo6(pair.dst4, pair, 16, hairpin)
    return Verdict.CONTINUE
  }

  /**
   * An address inside a payload, at `view[0..16)`: the IPv4 address of a host of ours that uses prefix `pref`, or of a
   * remote node. Signed; 0 for neither.
   */
  literalTo4(view: DataView, pref: number): number {
    const explicit = this.#eamt.size > 0 ? this.#eamt.to4(view, 0) : 0
    if (explicit !== 0) return explicit
    const slot = this.hosts.find6(view, 0, pref)
    if (slot >= 0) return this.hosts.ip4Of(slot)
    const prefix = this.pref64s.find(view, 0)
    return prefix < 0 ? 0 : this.pref64s.extract(view, 0, prefix)
  }

  /** The other way, into `view[0..16)`: a host of ours, or a remote node seen through prefix `pref`. */
  literalTo6(ip4: number, pref: number, view: DataView): void {
    if (this.#eamt.size > 0 && this.#eamt.to6(ip4, view, 0)) return
    const slot = this.hosts.find4(ip4)
    if (slot >= 0) this.hosts.writeIp6(slot, view, 0)
    else this.pref64s.embed(view, 0, pref, ip4)
  }

  /** True for an address of the gateway itself. */
  isForbidden4(ip4: number): boolean {
    return this.#forbidden4.has(ip4)
  }

  /** True for a node of the IPv4 network that a host of ours may speak to through prefix `pref`. */
  mayReach4(ip4: number, pref: number): boolean {
    if (neverForwarded4.has(ip4) || this.#forbidden4.has(ip4) || this.isLocal4(ip4)) return false
    return this.#refused4[pref]?.has(ip4) !== true
  }

  /** RFC 6791: who an error of a node without IPv4 address comes from. */
  #errorSource4(view: DataView, src: number): number {
    const { errorSource, pool4 } = this.config
    if (errorSource === '192.0.0.8') return DUMMY4
    const [pool] = pool4
    if (errorSource === 'own' || pool === undefined) return this.own4
    const mixed = Math.imul(view.getInt32(src + 12) ^ Math.imul(view.getInt32(src + 8), 0x9e3779b1), 0x85ebca6b) >>> 0
    // Neither the two addresses at the start of the prefix nor the last one.
    const count = size4(pool) - 3
    for (let step = 0; step < ERROR_SOURCE_TRIES; step++) {
      const ip4 = (pool.addr + 2 + ((mixed + step) % count)) | 0
      if (this.hosts.find4(ip4) < 0 && !this.#eamt.has4(ip4)) return ip4
    }
    return this.own4
  }

  /** Results of the two lookups below: fields, because a hot function returns one value. */
  #remote4 = 0
  #local4 = 0

  /** A remote node: explicit map first, then pref64 (RFC 7757 §3.3). Sets `pair.pref`. */
  #remoteTo4(view: DataView, o: number, pair: AddressPair): boolean {
    pair.dstInPref64 = false
    pair.pref = 0
    if (this.#eamt.size > 0) {
      this.#remote4 = this.#eamt.to4(view, o)
      if (this.#remote4 !== 0) return true
    }
    const pref = this.pref64s.find(view, o)
    if (pref < 0) return false
    pair.dstInPref64 = true
    pair.pref = pref
    this.#remote4 = this.pref64s.extract(view, o, pref)
    return true
  }

  /** A host of ours: explicit map (they belong to the first prefix), then the dynamic one for `pair.pref`. */
  #localTo4(view: DataView, o: number, pair: AddressPair): boolean {
    pair.slot = -1
    if (pair.pref === 0 && this.#eamt.size > 0) {
      this.#local4 = this.#eamt.to4(view, o)
      if (this.#local4 !== 0) return true
    }
    const slot = this.hosts.find6(view, o, pair.pref)
    if (slot < 0) return false
    pair.slot = slot
    this.#local4 = this.hosts.ip4Of(slot)
    return true
  }

  #localTo6(ip4: number, pair: AddressPair, at: number): boolean {
    pair.slot = -1
    pair.pref = 0
    if (this.#eamt.size > 0 && this.#eamt.to6(ip4, pair.pair6, at)) return true
    const slot = this.hosts.find4(ip4)
    if (slot < 0) return false
    pair.slot = slot
    pair.pref = this.hosts.prefOf(slot)
    this.hosts.writeIp6(slot, pair.pair6, at)
    return true
  }

  #remoteTo6(ip4: number, pair: AddressPair, at: number, hairpin: boolean): void {
    if (!hairpin && this.#eamt.size > 0 && this.#eamt.to6(ip4, pair.pair6, at)) return
    this.pref64s.embed(pair.pair6, at, pair.pref, ip4)
  }
}
