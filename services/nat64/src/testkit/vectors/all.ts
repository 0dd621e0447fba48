import { PAYLOADS } from './alg.ts'
import { OFFLOADS } from './offload.ts'
import { EXTENSIONS } from './rfc4884.ts'
import { PREFIXES } from './rfc6052.ts'
import { EXPLICIT_MAPS } from './rfc7757.ts'
import { HEADERS_4TO6 } from './rfc7915-4-headers.ts'
import { HEADERS_6TO4 } from './rfc7915-5-headers.ts'
import { ECHO_ZEROS } from './rfc7915-echo-zeros.ts'
import { ICMP_4TO6, ICMP_6TO4, ICMP_OWN } from './rfc7915-icmp.ts'
import type { Vector } from './vector.ts'

/** All golden vectors. */
export const VECTORS: readonly Vector[] = [
  ...HEADERS_4TO6,
  ...HEADERS_6TO4,
  ...ICMP_4TO6,
  ...ICMP_6TO4,
  ...ICMP_OWN,
  ...ECHO_ZEROS,
  ...EXTENSIONS,
  ...PREFIXES,
  ...EXPLICIT_MAPS,
  ...OFFLOADS,
  ...PAYLOADS,
]
