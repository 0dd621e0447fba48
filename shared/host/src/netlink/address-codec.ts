/*
 * RTM_NEWADDR body = ifaddrmsg attributes          rtnetlink(7), linux/if_addr.h
 *   IFA_LOCAL octets (the interface's own address), IFA_ADDRESS octets (the same, or the far end of a point-to-point
 *   link), IFA_FLAGS u32 (replaces the u8 of ifaddrmsg), IFA_CACHEINFO { preferred u32 s, valid u32 s, … }
 */
import type { Ip4, Ip6 } from '@sixgate/addr'
import { attribute, attributeU32, concat, decodeAttributes, readU32 } from './attributes.ts'
import { IFA, IFA_CACHEINFO, IFA_F, IFADDRMSG, INFINITE_S, NLM_F, RTM } from './constants.ts'
import { malformed } from './error.ts'
import { afOf, type Family, familyOf, familyOfIp, ipToBytes, readIp4, readIp6 } from './ip-bytes.ts'
import type { Request } from './message.ts'

interface AddressFields {
  readonly ifindex: number
  readonly lenBits: number
  /** RT_SCOPE: 0 global, 253 link, 254 host. */
  readonly scope: number
  /** Duplicate address detection is still running (RFC 4862 §5.4): not usable yet. */
  readonly tentative: boolean
  /** Another host has this address. */
  readonly dadFailed: boolean
  readonly deprecated: boolean
  /** Without lifetime: set by an administrator, not by an RA. */
  readonly permanent: boolean
  /** Seconds left; 0xffffffff = no end. */
  readonly preferredLifetimeS: number
  readonly validLifetimeS: number
}
/** An address of an interface. */
export type Address =
  | (AddressFields & { readonly family: 4; readonly ip: Ip4 })
  | (AddressFields & { readonly family: 6; readonly ip: Ip6 })

/** Reads the body of an RTM_NEWADDR or RTM_DELADDR; undefined for other families. Throws `NetlinkError`. */
export const decodeAddress = (body: DataView): Address | undefined => {
  if (body.byteLength < IFADDRMSG.SIZE) throw malformed(`address of ${body.byteLength} octets`)
  const family = familyOf(body.getUint8(IFADDRMSG.FAMILY_U8))
  if (family === undefined) return undefined
  const attributes = decodeAttributes(body, IFADDRMSG.SIZE)
  const flags = readU32(attributes.get(IFA.FLAGS)) ?? body.getUint8(IFADDRMSG.FLAGS_U8)
  const cache = attributes.get(IFA.CACHEINFO)
  if (cache !== undefined && cache.byteLength < IFA_CACHEINFO.SIZE)
    throw malformed(`address lifetimes of ${cache.byteLength} octets`)
  const fields: AddressFields = {
    ifindex: body.getUint32(IFADDRMSG.INDEX_U32, true),
    lenBits: body.getUint8(IFADDRMSG.PREFIXLEN_U8),
    scope: body.getUint8(IFADDRMSG.SCOPE_U8),
    tentative: (flags & IFA_F.TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F.DADFAILED) !== 0,
    deprecated: (flags & IFA_F.DEPRECATED) !== 0,
    permanent: (flags & IFA_F.PERMANENT) !== 0,
    preferredLifetimeS: cache?.getUint32(IFA_CACHEINFO.PREFERRED_S_U32, true) ?? INFINITE_S,
    validLifetimeS: cache?.getUint32(IFA_CACHEINFO.VALID_S_U32, true) ?? INFINITE_S,
  }
  const octets = attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS)
  if (family === 4) {
    const ip = readIp4(octets)
    if (ip === undefined) throw malformed('IPv4 address entry without an address')
    return { family, ip, ...fields }
  }
  const ip = readIp6(octets)
  if (ip === undefined) throw malformed('IPv6 address entry without an address')
  return { family, ip, ...fields }
}

/** Which address on which interface. */
export interface AddressSpec {
  readonly ifindex: number
  readonly ip: Ip4 | Ip6
  /** Prefix length of the on-link prefix, 0..32 or 0..128. */
  readonly lenBits: number
  /** IPv6: use it at once, without duplicate address detection (RFC 4862 §5.4). */
  readonly noDad?: boolean
  /** Do not make the route of the on-link prefix. */
  readonly noPrefixRoute?: boolean
}

/** Body of a dump request: this family (or both), this interface (or all). */
export const encodeAddressFilter = (family: Family | undefined, ifindex = 0): Uint8Array => {
  const fixed = new Uint8Array(IFADDRMSG.SIZE)
  const view = new DataView(fixed.buffer)
  view.setUint8(IFADDRMSG.FAMILY_U8, afOf(family))
  view.setUint32(IFADDRMSG.INDEX_U32, ifindex, true)
  return fixed
}

const addressBody = (spec: AddressSpec): Uint8Array => {
  const fixed = encodeAddressFilter(familyOfIp(spec.ip), spec.ifindex)
  fixed[IFADDRMSG.PREFIXLEN_U8] = spec.lenBits
  const flags = (spec.noDad === true ? IFA_F.NODAD : 0) | (spec.noPrefixRoute === true ? IFA_F.NOPREFIXROUTE : 0)
  if (flags <= 0xff) fixed[IFADDRMSG.FLAGS_U8] = flags
  const octets = ipToBytes(spec.ip)
  return concat([
    fixed,
    attribute(IFA.LOCAL, octets),
    ...(flags <= 0xff ? [] : [attributeU32(IFA.FLAGS, flags)]),
    attribute(IFA.ADDRESS, octets),
  ])
}

/** Adds an address; refused with EEXIST when it is there. */
export const addAddressRequest = (spec: AddressSpec): Request => ({
  type: RTM.NEWADDR,
  flags: NLM_F.CREATE | NLM_F.EXCL,
  body: addressBody(spec),
})

/** Removes an address. */
export const deleteAddressRequest = (spec: AddressSpec): Request => ({
  type: RTM.DELADDR,
  flags: 0,
  body: addressBody({ ifindex: spec.ifindex, ip: spec.ip, lenBits: spec.lenBits }),
})
