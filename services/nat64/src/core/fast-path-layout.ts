import { Verdict, VERDICT_NAMES, VERDICTS } from './verdict.ts'

/**
 * The data that TypeScript and the eBPF program share: what stands in the maps, and the numbers that mean the same on
 * both sides. `bpf/layout.h` is generated from these tables (`node services/nat64/src/testkit/write-layout.ts`); a test
 * says when it is not what they say.
 */

/** The kernel side refuses to work with another version. Raise it when a layout changes its meaning. */
export const LAYOUT_VERSION = 5
/** Prefixes (of 96 bits) that the fast path knows; further ones are TypeScript's. */
export const MAX_PREFIXES = 8
/** Of 32 bits, one for each IPv4 /16: whether the list of special addresses has to be looked through. */
export const SPECIAL_WORDS = 65_536 / 32
/** Words of a bitmap with a bit for each port. */
export const PORT_WORDS = 65_536 / 32
/** Behind the verdicts in the map of totals: what went past the IPv6 side of the stack, from a LAN and to it. */
export const TOTAL_FROM_LAN = VERDICTS
export const TOTAL_TO_LAN = VERDICTS + 1
export const TOTALS = VERDICTS + 2
/** `tos`, `traffic_class`: taken from the packet. */
export const COPY = 0x100

type FieldType = 'u32' | 'u64' | 'be32' | 'struct pref64'

/** Octets of a field. be32: network byte order, as in the packet; the others are in the machine's, little-endian. */
const SIZES = { u32: 4, u64: 8, be32: 4, 'struct pref64': 12 } as const satisfies Record<FieldType, number>

interface Field {
  readonly name: string
  readonly type: FieldType
  /** Of an array. */
  readonly count?: number
}

interface Struct {
  readonly name: string
  readonly says: string
  readonly fields: readonly Field[]
}

const words = (count: number, name = 'word'): readonly Field[] =>
  Array.from({ length: count }, (_, index) => ({ name: `${name}${index}`, type: 'be32' as const }))

/** What every host has on each of its two sides: packets on the wire and bytes carried, time of the last packet. */
const USAGE: readonly Field[] = [
  { name: 'packets', type: 'u64' },
  { name: 'bytes', type: 'u64' },
  { name: 'seen_ns', type: 'u64' },
]

/** One's complement sum over host and prefix, words in the machine's order: what a translated packet's checksums change by. */
const SUM6: Field = { name: 'sum6', type: 'u32' }

export const STRUCTS = {
  pref64: { name: 'pref64', says: 'The 96 bits of a NAT64 prefix.', fields: words(3) },
  config: {
    name: 'config',
    says: 'What the document says, in the one entry of config_map.',
    fields: [
      { name: 'version', type: 'u32' },
      { name: 'prefix_count', type: 'u32' },
      { name: 'tos', type: 'u32' },
      { name: 'traffic_class', type: 'u32' },
      { name: 'lowest_ipv6_mtu', type: 'u32' },
      { name: 'mtu', type: 'u32' },
      // 0: nothing happens at the LANs.
      { name: 'tun_ifindex', type: 'u32' },
      { name: 'prefixes', type: 'struct pref64', count: MAX_PREFIXES },
      // A bit for each /16, bit 0 of word 0 first, by its octets as a number with the first one lowest.
      { name: 'special_nets', type: 'u32', count: SPECIAL_WORDS },
      { name: 'alg_ports', type: 'u32', count: PORT_WORDS },
      // Zeros, as a new flow has them: there is no room for them on the program's stack.
      { name: 'new_flow', type: 'u32', count: 14 },
    ],
  },
  host6_key: {
    name: 'host6_key',
    says: 'An IPv6 host and the place of its prefix in config.prefixes.',
    fields: [...words(4), { name: 'prefix', type: 'u32' }],
  },
  host6: {
    name: 'host6',
    says: "A host's IPv4 address, and what was translated from IPv6.",
    fields: [...USAGE, { name: 'ip4', type: 'be32' }, SUM6],
  },
  host4_key: { name: 'host4_key', says: 'An IPv4 address of the pool.', fields: [{ name: 'ip4', type: 'be32' }] },
  host4: {
    name: 'host4',
    // The prefix itself, not its place: the verifier of kernel 6.1 loses the bound of an index that was in memory meanwhile.
    says: "A host's IPv6 address and its prefix, and what was translated from IPv4.",
    fields: [...USAGE, ...words(4), ...words(3, 'pref'), SUM6],
  },
  special4_key: {
    name: 'special4_key',
    says: 'An IPv4 prefix.',
    fields: [
      { name: 'len_bits', type: 'u32' },
      { name: 'addr', type: 'be32' },
    ],
  },
  flow_key: {
    name: 'flow_key',
    // In the order that an IPv6 header of an answer has: bpf/lib/4to6.h makes the one of the other.
    says: 'A flow of the LAN: ports as the host sends them, or what flow_discriminator says; protocol, server, host.',
    fields: [
      { name: 'ports', type: 'be32' },
      { name: 'protocol', type: 'u32' },
      ...words(4, 'server'),
      ...words(4, 'host'),
    ],
  },
  flow: {
    name: 'flow',
    says: 'When the stack last let a packet of a flow through and on which link it came, when there was an answer, and how the stack delivered answers; CLOCK_MONOTONIC.',
    fields: [
      { name: 'passed_ns', type: 'u64' },
      { name: 'answered_ns', type: 'u64' },
      { name: 'from_link', type: 'u64' },
      { name: 'delivered_ns', type: 'u64' },
      // The Ethernet header, and the most octets that a packet had.
      { name: 'header0', type: 'u64' },
      { name: 'header1', type: 'u64' },
      { name: 'to_link', type: 'u32' },
      { name: 'to_len', type: 'u32' },
    ],
  },
  totals: {
    name: 'totals',
    says: 'What was carried, for each verdict and CPU.',
    fields: [
      { name: 'packets', type: 'u64' },
      { name: 'bytes', type: 'u64' },
    ],
  },
} as const satisfies Record<string, Struct>
export type StructName = keyof typeof STRUCTS

/** Octets that a struct takes. */
export const sizeOf = (name: StructName): number => {
  const fields: readonly Field[] = STRUCTS[name].fields
  return fields.reduce((sum, field) => sum + SIZES[field.type] * (field.count ?? 1), 0)
}

/** Offset of a field in its struct, in octets. Throws RangeError for a name that the table does not have. */
export const offsetOf = (name: StructName, field: string): number => {
  let at = 0
  for (const one of STRUCTS[name].fields as readonly Field[]) {
    if (one.name === field) return at
    at += SIZES[one.type] * (one.count ?? 1)
  }
  throw new RangeError(`struct ${name} has no field ${field}`)
}

const structText = (name: StructName): string => {
  const { says, fields }: Struct = STRUCTS[name]
  const lines = fields.map(
    ({ name: field, type, count }) =>
      `\t${type === 'be32' ? 'u32' : type} ${field}${count === undefined ? '' : `[${count}]`};`,
  )
  const assertions = fields.map(
    (field) =>
      `_Static_assert(__builtin_offsetof(struct ${name}, ${field.name}) == ${offsetOf(name, field.name)}, "${name}.${field.name}");`,
  )
  const size = `_Static_assert(sizeof(struct ${name}) == ${sizeOf(name)}, "${name}");`
  return [`/* ${says} */`, `struct ${name} {`, ...lines, '};', ...assertions, size, ''].join('\n')
}

/** The text of `bpf/layout.h`. */
export const layoutHeader = (): string => {
  const verdicts = VERDICT_NAMES.flatMap((name) =>
    name === undefined ? [] : [`#define VERDICT_${name} ${Verdict[name]}`],
  )
  const structs = (Object.keys(STRUCTS) as StructName[]).map(structText)
  return [
    '/*',
    ' * Generated from src/core/fast-path-layout.ts by src/testkit/write-layout.ts: do not edit.',
    " * Addresses are in network byte order, all other numbers in the machine's (little-endian).",
    ' */',
    '#pragma once',
    '#include "lib/bpf.h"',
    '',
    `#define LAYOUT_VERSION ${LAYOUT_VERSION}`,
    `#define MAX_PREFIXES ${MAX_PREFIXES}`,
    `#define COPY ${COPY}`,
    '',
    ...structs,
    '/* src/core/verdict.ts */',
    `#define VERDICTS ${VERDICTS}`,
    `#define TOTAL_FROM_LAN ${TOTAL_FROM_LAN}`,
    `#define TOTAL_TO_LAN ${TOTAL_TO_LAN}`,
    `#define TOTALS ${TOTALS}`,
    ...verdicts,
    '',
  ].join('\n')
}
