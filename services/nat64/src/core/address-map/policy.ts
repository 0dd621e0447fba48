import { type Ip4, mask4, type Prefix4, type Prefix6, parsePrefix4 } from '@sixgate/addr'

const prefixes4 = (...texts: readonly string[]): readonly Prefix4[] =>
  texts.map((text) => {
    const prefix = parsePrefix4(text)
    if (prefix === undefined) throw new TypeError(`${text} is no IPv4 prefix`)
    return prefix
  })

/**
 * IPv4 addresses that are never a source or destination of a forwarded packet: RFC 1122 §3.2.1.3, RFC 1812 §5.3.7 and
 * §4.2.2.11, RFC 3927 §2.7 (link-local), RFC 1112 §4 (class E).
 */
const NEVER_FORWARDED4 = prefixes4('0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4')

/** Private use (RFC 1918) and shared (RFC 6598) addresses. */
const PRIVATE4 = prefixes4('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10')

/** What RFC 6052 §3.1 calls non-global beyond those: RFC 6890 and its registry. */
const SPECIAL4 = prefixes4(
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
)

/**
 * Non-global IPv4 addresses through the well-known prefix 64:ff9b::/96, which "MUST NOT be used to represent" them
 * (RFC 6052 §3.1): `strict` obeys, `allow-private` lets private and shared ones through (the 2026 draft that relaxes
 * the rule for RFC 1918), `off` lets all through. Prefixes of one's own are not concerned.
 */
export type WellKnownPrefixPolicy = 'strict' | 'allow-private' | 'off'

/** IPv4 prefixes in a form for the hot path; addresses are signed 32-bit numbers. */
export class Prefix4Set {
  readonly prefixes: readonly Prefix4[]
  readonly #addrs: Int32Array
  readonly #masks: Int32Array

  constructor(prefixes: readonly Prefix4[]) {
    this.prefixes = prefixes
    this.#addrs = Int32Array.from(prefixes, (prefix) => prefix.addr | 0)
    this.#masks = Int32Array.from(prefixes, (prefix) => mask4(prefix.lenBits) | 0)
  }

  has(ip4: number): boolean {
    const masks = this.#masks
    for (let index = 0; index < masks.length; index++)
      if ((ip4 & (masks[index] ?? 0)) === this.#addrs[index]) return true
    return false
  }
}

/** The IPv4 addresses that never appear in a forwarded packet. */
export const neverForwarded4 = new Prefix4Set(NEVER_FORWARDED4)

/** What the well-known prefix must not represent under a policy. */
export const refusedByWellKnownPrefix = (policy: WellKnownPrefixPolicy): Prefix4Set => {
  if (policy === 'off') return new Prefix4Set([])
  return new Prefix4Set(policy === 'strict' ? [...PRIVATE4, ...SPECIAL4] : SPECIAL4)
}

/** RFC 6052 §2.1: 64:ff9b::/96. */
export const isWellKnownPrefix = (prefix: Prefix6): boolean =>
  prefix.lenBits === 96 && prefix.addr.every((octet, index) => octet === ([0x00, 0x64, 0xff, 0x9b][index] ?? 0))

/**
 * True when the IPv6 address at `view[o..o+16)` is no source of a forwarded packet: unspecified, loopback, multicast,
 * link-local, or IPv4-mapped or -compatible (RFC 4291 §2.5.2, §2.5.3, §2.5.5, §2.5.6, §2.7).
 */
export const isIllegalSource6 = (view: DataView, o: number): boolean => {
  const first = view.getUint16(o)
  if (first === 0) return view.getInt32(o) === 0 && view.getInt32(o + 4) === 0
  return first >= 0xff00 || (first & 0xffc0) === 0xfe80
}

/** True when no ICMP error may be sent to the IPv4 address (RFC 1812 §4.3.2.7). */
export const isNoErrorTarget4 = (ip4: number): boolean => neverForwarded4.has(ip4)

/** Signed 32-bit form of an address, as the hot path has it. */
export const toSigned = (ip4: Ip4): number => ip4 | 0
