import { IP6_LEN, type Ip6 } from '@sixgate/addr'
import { decodeDnsName, encodeDnsName } from '../dns-name.ts'
import { NdpError } from '../ndp-error.ts'
import { Reader, Writer } from '../wire-cursor.ts'
import type { OptionCodec } from './option-codec.ts'

/** Encrypted DNS: a resolver that the network designates (DNR, RFC 9463 §6.1). */
export interface Dnr {
  readonly kind: 'dnr'
  /** 1..65535, the lowest first (RFC 9460 §2.4.1). */
  readonly priority: number
  /** Seconds; 0 withdraws the resolver, 0xffffffff is for ever. */
  readonly lifetimeS: number
  /** Authentication domain name: the one in the certificate. */
  readonly name: string
  /** Empty = ADN-only mode: hosts look the rest up in the DNS (RFC 9463 §3.1.6). */
  readonly addresses: readonly Ip6[]
  /** Service parameters in the wire format of RFC 9460 §2.2; empty in ADN-only mode. */
  readonly svcParams: Uint8Array
}

const UNIT_LEN = 8

const encodedName = (name: string): Uint8Array => {
  const out = new Writer('encrypted DNS')
  encodeDnsName(name, out)
  return out.done()
}

const decodedName = (octets: Uint8Array): string => {
  const reader = new Reader(octets, 'encrypted DNS name')
  const name = decodeDnsName(reader)
  if (name === undefined || reader.left > 0)
    throw new NdpError('bad-value', 'encrypted DNS: the authentication domain name is not one whole name')
  return name
}

/** What is left of an ADN-only option: padding, less than a unit, zeros. */
const isPadding = (octets: Uint8Array): boolean => octets.length < UNIT_LEN && octets.every((octet) => octet === 0)

/**
 * RFC 9463 §6.1
 * ```
 * dnr = type(144):u8 units:u8 priority:u16 lifetimeS:u32 nameLen:u16 name [ addrLen:u16 addresses svcLen:u16 svcParams ] padding:zeros
 * ```
 * The part in brackets is absent in ADN-only mode.
 */
export const DNR: OptionCodec<Dnr> = {
  name: 'encrypted DNS',
  type: 144,
  allowsUnits: (units) => units >= 2,
  encode: ({ priority, lifetimeS, name, addresses, svcParams }, out) => {
    if (priority === 0) throw new NdpError('bad-value', 'encrypted DNS: priority must be 1 to 65535 (RFC 9460 §2.4.1)')
    if (addresses.length === 0 && svcParams.length > 0)
      throw new NdpError('bad-value', 'encrypted DNS: service parameters need an address (RFC 9463 §3.1.6)')
    const nameOctets = encodedName(name)
    out.u16(priority).u32(lifetimeS).u16(nameOctets.length).bytes(nameOctets)
    if (addresses.length === 0) return
    out.u16(addresses.length * IP6_LEN)
    for (const address of addresses) out.bytes(address)
    out.u16(svcParams.length).bytes(svcParams)
  },
  decode: (body) => {
    const priority = body.u16()
    if (priority === 0) throw new NdpError('bad-value', 'encrypted DNS: priority 0 (alias) is not allowed')
    const lifetimeS = body.u32()
    const name = decodedName(body.bytes(body.u16()))
    const rest = body.bytes(body.left)
    if (isPadding(rest)) return { kind: 'dnr', priority, lifetimeS, name, addresses: [], svcParams: new Uint8Array(0) }
    const reader = new Reader(rest, 'encrypted DNS')
    const addrLen = reader.u16()
    // RFC 9463 §6.1: the length of the addresses "MUST be a multiple of 16", and without ADN-only mode there is one.
    if (addrLen === 0 || addrLen % IP6_LEN !== 0)
      throw new NdpError('bad-value', `encrypted DNS: ${addrLen} octets of addresses: must be 16, 32, 48 …`)
    const addresses = Array.from({ length: addrLen / IP6_LEN }, () => reader.ip6())
    const svcParams = reader.bytes(reader.u16())
    if (!isPadding(reader.bytes(reader.left)))
      throw new NdpError('bad-value', 'encrypted DNS: something stands behind the service parameters')
    return { kind: 'dnr', priority, lifetimeS, name, addresses, svcParams }
  },
}
