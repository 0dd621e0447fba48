import type { HostTable } from './host-table.ts'

/** One dynamic mapping as the data plane has it. */
export interface Installed {
  readonly slot: number
  readonly ip6: Uint8Array
  /** Index of the pref64. */
  readonly pref: number
  readonly ip4: number
}

/** Many mappings by row, in arrays that change threads without a copy: tens of thousands of objects would be garbage. */
export interface PackedHosts {
  readonly count: number
  /** 16 octets for each row. */
  readonly ip6: Uint8Array<ArrayBuffer>
  readonly slots: Uint32Array<ArrayBuffer>
  readonly prefs: Uint8Array<ArrayBuffer>
  readonly ip4s: Uint32Array<ArrayBuffer>
}

const IP6_LEN = 16

/** Packs what `hosts` gives, at most `most`. */
export const packHosts = (hosts: Iterable<Installed>, most: number): PackedHosts => {
  const ip6 = new Uint8Array(most * IP6_LEN)
  const slots = new Uint32Array(most)
  const prefs = new Uint8Array(most)
  const ip4s = new Uint32Array(most)
  let count = 0
  for (const host of hosts) {
    if (count === most) throw new RangeError(`more than ${most} mappings`)
    ip6.set(host.ip6, count * IP6_LEN)
    slots[count] = host.slot
    prefs[count] = host.pref
    ip4s[count] = host.ip4
    count += 1
  }
  return { count, ip6, slots, prefs, ip4s }
}

/** Installs all of them into a table that has room. */
export const installPacked = (table: HostTable, { count, ip6, slots, prefs, ip4s }: PackedHosts): void => {
  for (let row = 0; row < count; row++)
    table.install(slots[row] ?? 0, ip6.subarray(row * IP6_LEN, (row + 1) * IP6_LEN), prefs[row] ?? 0, ip4s[row] ?? 0)
}

/** What moves to the other thread. */
export const buffersOf = ({ ip6, slots, prefs, ip4s }: PackedHosts): ArrayBuffer[] => [
  ip6.buffer,
  slots.buffer,
  prefs.buffer,
  ip4s.buffer,
]
