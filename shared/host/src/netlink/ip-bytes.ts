import { asIp6, formatIp4, formatIp6, type Ip4, type Ip6, ip4FromBytes, ip4ToBytes } from '@sixgate/addr'
import { AF } from '../libc.ts'
import { readBytes } from './attributes.ts'
import { malformed } from './error.ts'

/** 4 or 6. */
export type Family = 4 | 6

/** The address family number of netlink for 4, 6 or (undefined) both. */
export const afOf = (family: Family | undefined): number =>
  family === undefined ? AF.UNSPEC : family === 4 ? AF.INET : AF.INET6

/** 4 or 6 for an address family number; undefined for others. */
export const familyOf = (af: number): Family | undefined => (af === AF.INET ? 4 : af === AF.INET6 ? 6 : undefined)

/** The family of an address value: IPv4 addresses are numbers, IPv6 addresses octets. */
export const familyOfIp = (ip: Ip4 | Ip6): Family => (typeof ip === 'number' ? 4 : 6)

/** The octets of an address in network order. */
export const ipToBytes = (ip: Ip4 | Ip6): Uint8Array => (typeof ip === 'number' ? ip4ToBytes(ip) : ip)

/** RFC 5952 or dotted quad. */
export const formatIp = (ip: Ip4 | Ip6): string => (typeof ip === 'number' ? formatIp4(ip) : formatIp6(ip))

/** An address attribute of a family; throws `NetlinkError` when its length does not fit. */
export const readIp4 = (payload: DataView | undefined): Ip4 | undefined => {
  if (payload === undefined) return undefined
  if (payload.byteLength !== 4) throw malformed(`IPv4 address of ${payload.byteLength} octets`)
  return ip4FromBytes(readBytes(payload) ?? new Uint8Array(4))
}

/** As `readIp4`, for IPv6. */
export const readIp6 = (payload: DataView | undefined): Ip6 | undefined => {
  if (payload === undefined) return undefined
  if (payload.byteLength !== 16) throw malformed(`IPv6 address of ${payload.byteLength} octets`)
  return asIp6(readBytes(payload) ?? new Uint8Array(16))
}
