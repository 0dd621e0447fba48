import { RCODE } from './wire.ts'

/** What the service counts since it started; names as in metrics, without the service's prefix. */
export const newCounters = () => ({
  queries_total: 0,
  queries_tcp_total: 0,
  dropped_total: 0,
  refused_strangers_total: 0,
  overload_total: 0,
  rate_limited_total: 0,
  responses_noerror_total: 0,
  responses_formerr_total: 0,
  responses_servfail_total: 0,
  responses_nxdomain_total: 0,
  responses_notimp_total: 0,
  responses_refused_total: 0,
  responses_other_total: 0,
  truncated_total: 0,
  cache_hits_total: 0,
  cache_misses_total: 0,
  deduplicated_total: 0,
  local_total: 0,
  denied_total: 0,
  stale_total: 0,
  prefetched_total: 0,
  synthesised_total: 0,
  excluded_partly_total: 0,
  reverse_total: 0,
  upstream_queries_total: 0,
  upstream_timeouts_total: 0,
  upstream_unreachable_total: 0,
  upstream_garbage_total: 0,
  upstream_mismatched_total: 0,
  upstream_tcp_total: 0,
  defects_total: 0,
})

export type Counters = ReturnType<typeof newCounters>

const BY_RCODE: Readonly<Record<number, keyof Counters>> = {
  [RCODE.NOERROR]: 'responses_noerror_total',
  [RCODE.FORMERR]: 'responses_formerr_total',
  [RCODE.SERVFAIL]: 'responses_servfail_total',
  [RCODE.NXDOMAIN]: 'responses_nxdomain_total',
  [RCODE.NOTIMP]: 'responses_notimp_total',
  [RCODE.REFUSED]: 'responses_refused_total',
}

/** Counts a response by its RCODE. */
export const countResponse = (counters: Counters, rcode: number): void => {
  counters[BY_RCODE[rcode] ?? 'responses_other_total']++
}
