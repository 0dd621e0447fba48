import { IP6_LEN, type Ip6 } from '@sixgate/addr'
import { NdpError } from '../ndp-error.ts'
import type { OptionCodec } from './option-codec.ts'

/** Recursive DNS Server: addresses of resolvers (RFC 8106 §5.1). */
export interface Rdnss {
  readonly kind: 'rdnss'
  /** Seconds that the addresses may be used; 0 withdraws them, 0xffffffff is for ever. */
  readonly lifetimeS: number
  /** At least one. */
  readonly servers: readonly Ip6[]
}

/**
 * RFC 8106 §5.1
 * ```
 * rdnss = type(25):u8 units(1 + 2n):u8 reserved:u16 lifetimeS:u32 n × address:octets[16], n ≥ 1
 * ```
 */
export const RDNSS: OptionCodec<Rdnss> = {
  name: 'RDNSS',
  type: 25,
  // RFC 8106 §5.3.1: valid when "the Length value is greater than or equal to 3 and satisfies (Length - 1) % 2 == 0".
  allowsUnits: (units) => units >= 3 && units % 2 === 1,
  encode: ({ lifetimeS, servers }, out) => {
    if (servers.length === 0) throw new NdpError('bad-value', 'RDNSS: needs at least one address (RFC 8106 §5.1)')
    out.u16(0).u32(lifetimeS)
    for (const server of servers) out.bytes(server)
  },
  decode: (body) => {
    body.skip(2)
    const lifetimeS = body.u32()
    const servers = Array.from({ length: body.left / IP6_LEN }, () => body.ip6())
    return { kind: 'rdnss', lifetimeS, servers }
  },
}
