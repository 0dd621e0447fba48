/** Golden vectors that the eBPF program translates itself, by folder; everything else is TypeScript's. */
export const FAST_PATH_VECTORS: Readonly<Record<string, readonly string[]>> = {
  rfc7915: [
    '4.1-udp',
    '4.1-tcp',
    '4.1-tcp-options',
    '4.1-udp-empty',
    '4.1-udp-odd',
    '4.1-tos',
    '4.1-ttl',
    '4.1-df-set-long',
    '4.1-df-clear-1260',
    '4.5-udp-zero-result',
    '5.1-udp',
    '5.1-tcp',
    '5.1-udp-empty',
    '5.1-udp-odd',
    '5.1-traffic-class',
    '5.1-df-1260',
    '5.1-df-1261',
    '5.1-hop-limit',
    '5.5-udp-zero-result',
    '4.2-echo-request',
    '4.2-echo-reply',
    '4.2-echo-zeros',
    '4.2-echo-zeros-odd',
    '4.2-echo-zeros-empty',
    '4.2-echo-zero-sum',
    '5.2-echo-request',
    '5.2-echo-reply',
    '4.1-tos-override',
    '5.1-traffic-class-override',
  ],
  offload: [
    'csum-tcp-6to4',
    'csum-tcp-4to6',
    'csum-udp-6to4',
    'csum-udp-4to6',
    'tso-6to4',
    'tso-6to4-short',
    'tso-4to6',
    'tso-ecn-6to4',
    'tso-ecn-4to6',
    'uso-6to4',
    'uso-4to6',
  ],
  rfc6052: [
    '2.4-96-6to4',
    '2.4-96-4to6',
    'several-first-6to4',
    'several-first-4to6',
    '3.1-strict-global',
    '3.1-private',
    '3.1-off',
    '3.1-own-prefix',
  ],
}

/** `rfc7915 4.1-udp` …, sorted. */
export const namesOf = (vectors: Readonly<Record<string, readonly string[]>>): string[] =>
  Object.entries(vectors)
    .flatMap(([rfc, ids]) => ids.map((id) => `${rfc} ${id}`))
    .toSorted()
