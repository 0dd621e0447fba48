import { asIp4, type Ip4, type Ip6, type Prefix4, size4 } from '@sixgate/addr'

/** Addresses at the start of each pool4 prefix that no host gets: in the first prefix, the kernel's and the translator's. */
const RESERVED_AT_START = 2
/** And at its end: the broadcast address. */
const RESERVED_AT_END = 1

/** Hosts at most, whatever the size of pool4: bounds memory and the search for a free address. */
export const MAX_HOSTS = 262_144

/** The translator's own IPv4 address: the second one of the first pool4 prefix. */
export const ownAddress4 = (pool4: readonly Prefix4[]): Ip4 => asIp4((pool4[0]?.addr ?? 0) + 1)

/**
 * The kernel's IPv4 address on the TUN: the first one of the first pool4 prefix. The kernel's own ICMP errors to pool
 * addresses leave with it; without it they would have some address of another link. It must not be the translator's:
 * the kernel takes no packets from outside that come from an address of its own.
 */
export const kernelAddress4 = (pool4: readonly Prefix4[]): Ip4 => asIp4(pool4[0]?.addr ?? 0)

/** FNV-1a over the host's address and its prefix: where the search for an address starts. */
const hashHost = (ip6: Uint8Array, pref64: string): number => {
  let hash = 0x811c9dc5
  for (const octet of ip6) hash = Math.imul(hash ^ octet, 0x01000193)
  for (let index = 0; index < pref64.length; index++) hash = Math.imul(hash ^ pref64.charCodeAt(index), 0x01000193)
  // FNV's low bits are weak: mix the high ones in.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}

/**
 * The addresses that hosts may get, in a row of numbers 0 … size-1. A host's search starts at a number made of its own
 * address: it tends to get the same IPv4 address again, and two instances that give one host an address at the same time
 * try the same one.
 */
export class Pool {
  readonly #prefixes: readonly Prefix4[]
  readonly #taken: ReadonlySet<number>
  /** Number of addresses, static ones included. */
  readonly #count: number

  /** `taken`: addresses of static hosts, which are never given out. */
  constructor(prefixes: readonly Prefix4[], taken: Iterable<Ip4>) {
    this.#prefixes = prefixes
    this.#taken = new Set(taken)
    this.#count = prefixes.reduce((sum, prefix) => sum + usable(prefix), 0)
  }

  /** Addresses that can be given out. */
  get size(): number {
    return Math.max(0, this.#count - [...this.#taken].filter((ip4) => this.#inRange(asIp4(ip4))).length)
  }

  /** True when a host may have this address. */
  has(ip4: Ip4): boolean {
    return this.#inRange(ip4) && !this.#taken.has(ip4)
  }

  /** The first address for which `isFree` holds, in the host's own order; `undefined` when there is none. */
  find(ip6: Ip6, pref64: string, isFree: (ip4: Ip4) => boolean): Ip4 | undefined {
    if (this.#count === 0) return undefined
    const start = hashHost(ip6, pref64) % this.#count
    for (let step = 0; step < this.#count; step++) {
      const ip4 = this.#at((start + step) % this.#count)
      if (!this.#taken.has(ip4) && isFree(ip4)) return ip4
    }
    return undefined
  }

  #at(number: number): Ip4 {
    let rest = number
    for (const prefix of this.#prefixes) {
      if (rest < usable(prefix)) return asIp4(prefix.addr + RESERVED_AT_START + rest)
      rest -= usable(prefix)
    }
    throw new RangeError(`no address number ${number} in the pool`)
  }

  #inRange(ip4: Ip4): boolean {
    return this.#prefixes.some((prefix) => {
      const offset = ip4 - prefix.addr
      return offset >= RESERVED_AT_START && offset < size4(prefix) - RESERVED_AT_END
    })
  }
}

const usable = (prefix: Prefix4): number => Math.max(0, size4(prefix) - RESERVED_AT_START - RESERVED_AT_END)
