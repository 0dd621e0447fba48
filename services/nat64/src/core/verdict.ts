/**
 * What became of a packet. Hot functions return one of these numbers; counters are indexed by them; the eBPF path uses
 * the same numbers. Never renumber, only add. CONTINUE is no end: "this step found nothing wrong".
 */
export const Verdict = {
  CONTINUE: 0,

  TRANSLATED_6TO4: 1,
  TRANSLATED_4TO6: 2,
  HAIRPINNED: 3,
  ECHO_ANSWERED: 4,
  NEEDS_MAPPING: 5,
  AWAITS_MAPPING: 6,

  NOT_IP: 8,
  TRUNCATED: 9,
  BAD_LENGTH: 10,
  BAD_HEADER_CHECKSUM: 11,
  BAD_ICMP_CHECKSUM: 12,
  BAD_OFFLOAD: 13,
  EXTENSION_TRUNCATED: 14,
  TOO_BIG_FOR_IPV4: 15,

  ILLEGAL_SOURCE: 16,
  SOURCE_IN_PREF64: 17,
  SOURCE_NOT_ALLOWED: 18,
  NOT_IN_PREF64: 19,
  DESTINATION_FORBIDDEN: 20,
  DESTINATION_PRIVATE: 21,
  NO_MAPPING: 22,
  POOL_EXHAUSTED: 23,
  HOLD_FULL: 24,
  OWN_ADDRESS: 25,

  HOP_LIMIT_EXCEEDED: 32,
  TTL_EXCEEDED: 33,
  SEGMENTS_LEFT: 34,
  SOURCE_ROUTE: 35,

  FRAGMENT_MISALIGNED: 40,
  FRAGMENT_OVERFLOW: 41,
  FRAGMENT_THEN_EXTENSION: 42,
  FRAGMENTED_ICMP: 43,
  TRANSPORT_TRUNCATED: 44,
  UDP_CHECKSUM_ZERO: 45,
  UDP_CHECKSUM_ZERO_FRAGMENT: 46,
  PROTOCOL_FOREIGN: 47,

  ALG_BAD_CHECKSUM: 48,
  ALG_GAP: 49,
  ALG_FULL: 50,

  ICMP_SINGLE_HOP: 56,
  ICMP_UNKNOWN: 57,
  ICMP_CODE_UNKNOWN: 58,
  ICMP_POINTER_UNKNOWN: 59,
  IGMP: 60,
  INNER_TRUNCATED: 61,
  INNER_UNTRANSLATABLE: 62,
  INNER_NESTED_ERROR: 63,
} as const
export type Verdict = (typeof Verdict)[keyof typeof Verdict]
export type VerdictName = keyof typeof Verdict

/** Length of an array indexed by verdict. */
export const VERDICTS = 64

/** One sentence per verdict for the operator: what was seen, and what to do when something can be done. */
export const EXPLAIN: Readonly<Record<VerdictName, string>> = {
  CONTINUE: 'No verdict yet (never counted).',

  TRANSLATED_6TO4: 'Translated from IPv6 to IPv4.',
  TRANSLATED_4TO6: 'Translated from IPv4 to IPv6.',
  HAIRPINNED: 'Went from one mapped host to another: translated to IPv4 and back (RFC 7757 §4).',
  ECHO_ANSWERED: "A ping to the translator's own IPv4 address, answered.",
  NEEDS_MAPPING: 'First packets of a new host, held until it has a pool address.',
  AWAITS_MAPPING: 'To a pool address that no host is known to have: held, another instance may just have given it out.',

  NOT_IP: 'Neither IPv4 nor IPv6 came out of the TUN.',
  TRUNCATED: 'Shorter than its IP header says; look for a broken link or driver.',
  BAD_LENGTH: 'The length fields contradict each other.',
  BAD_HEADER_CHECKSUM: 'The IPv4 header checksum is wrong: damaged on the way.',
  BAD_ICMP_CHECKSUM: 'The checksum of an ICMP error is wrong: damaged on the way, not passed on as valid.',
  BAD_OFFLOAD: 'The offload header of the TUN does not fit the packet; report it with the kernel version.',
  EXTENSION_TRUNCATED: 'An IPv6 extension header is longer than the packet.',
  TOO_BIG_FOR_IPV4: 'More than 65535 bytes as IPv4.',

  ILLEGAL_SOURCE: 'The source is unspecified, loopback, link-local, multicast or broadcast (RFC 7915 §4.1, §5.1).',
  SOURCE_IN_PREF64: 'An IPv6 host used a source inside pref64: spoofed or a routing loop (RFC 6146 §3.5).',
  SOURCE_NOT_ALLOWED: 'The IPv6 source is outside the prefixes that may use the pool (nat64.sources).',
  NOT_IN_PREF64: 'The IPv6 destination is in no pref64 and in no explicit map: a route points at the TUN by mistake.',
  DESTINATION_FORBIDDEN: "The IPv4 destination is never translated to (loopback, multicast, the gateway's own, …).",
  DESTINATION_PRIVATE:
    'A non-global IPv4 destination through 64:ff9b::/96 (RFC 6052 §3.1); use a prefix of your own, or relax nat64.wellKnownPrefix.',
  NO_MAPPING: 'No IPv6 host has this IPv4 address: nobody was given it, or its mapping expired.',
  POOL_EXHAUSTED: 'nat64.pool4 has no free address for a new host; enlarge it, or shorten nat64.idleLifetimeS.',
  HOLD_FULL: 'Too many packets of new hosts at once; a burst is normal after start, a steady rate is a scan.',
  OWN_ADDRESS: "A packet for the translator's own IPv4 address that is no ping.",

  HOP_LIMIT_EXCEEDED: 'Hop limit used up (traceroute, or a loop).',
  TTL_EXCEEDED: 'TTL used up (traceroute, or a loop).',
  SEGMENTS_LEFT: 'A routing header with segments left (RFC 7915 §5.1).',
  SOURCE_ROUTE: 'An IPv4 source route that is not used up (RFC 7915 §4.1).',

  FRAGMENT_MISALIGNED: 'A fragment that is not the last has a length that is no multiple of 8 (RFC 8200 §4.5).',
  FRAGMENT_OVERFLOW: 'A fragment ends behind 65535 bytes.',
  FRAGMENT_THEN_EXTENSION: 'A fragment header followed by another extension header (RFC 7915 §5.1.1).',
  FRAGMENTED_ICMP: 'Fragmented ICMP cannot be translated without reassembly (RFC 7915 §1.2); ping with less data.',
  TRANSPORT_TRUNCATED: 'The transport header is cut before its checksum.',
  UDP_CHECKSUM_ZERO: 'IPv4 UDP without checksum, policy "drop" (RFC 7915 §4.5).',
  UDP_CHECKSUM_ZERO_FRAGMENT: 'A fragmented IPv4 UDP packet without checksum: none can be computed (RFC 7915 §4.5).',
  PROTOCOL_FOREIGN: 'ICMP of the other family, or the number of an IPv6 extension header in IPv4: never legitimate.',

  ALG_BAD_CHECKSUM:
    'A packet of FTP or SIP whose checksum is wrong: damaged on the way, nothing was understood from it.',
  ALG_GAP: 'A segment of FTP or SIP that overtook another one: it is sent again, in order (RFC 6384 §5).',
  ALG_FULL: 'Too much of an FTP or SIP connection is unacknowledged, or a message does not fit a packet any more.',

  ICMP_SINGLE_HOP: 'An ICMP message that has no meaning behind one link (ND, MLD, redirect, …), as RFC 7915 demands.',
  ICMP_UNKNOWN: 'An ICMP type that has no counterpart in the other family (RFC 7915 §4.2, §5.2).',
  ICMP_CODE_UNKNOWN: 'An ICMP code that has no counterpart in the other family (RFC 7915 §4.2, §5.2).',
  ICMP_POINTER_UNKNOWN: 'A parameter problem about a field that the other family does not have (RFC 7915 fig. 3, 6).',
  IGMP: 'IGMP is not translated (RFC 7915 §4.2).',
  INNER_TRUNCATED: 'An ICMP error quotes too little of the packet it is about.',
  INNER_UNTRANSLATABLE: 'An ICMP error quotes a packet that this translator cannot have carried.',
  INNER_NESTED_ERROR: 'An ICMP error about an ICMP error (RFC 7915 §4.3, §5.3).',
}

/** Names by number, for counters and logs; `undefined` for numbers not given out. */
export const VERDICT_NAMES: readonly (VerdictName | undefined)[] = Array.from({ length: VERDICTS }, (_, number) =>
  (Object.keys(Verdict) as VerdictName[]).find((name) => Verdict[name] === number),
)
