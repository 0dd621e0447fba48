import { ALG_METRICS, ALG_TALLIES } from './alg/tally.ts'
import { Verdict, VERDICT_NAMES, type VerdictName, VERDICTS } from './verdict.ts'

/** Indexes behind the verdicts in the shared array of counters. */
export const Tally = {
  BYTES_6TO4: VERDICTS,
  BYTES_4TO6: VERDICTS + 1,
  TUN_READ_ERRORS: VERDICTS + 2,
  TUN_WRITE_ERRORS: VERDICTS + 3,
  PACKETS_WRITTEN: VERDICTS + 4,
  SUPER_PACKETS: VERDICTS + 5,
  COALESCED: VERDICTS + 6,
  HANDED_OVER: VERDICTS + 7,
} as const
/** Where the counters of the gateways for FTP and SIP begin, `ALG_TALLIES` of them. */
export const ALG_COUNTERS_AT = VERDICTS + 8
/** Length of the array of counters: packets by verdict, then `Tally`, then those of the gateways. */
export const COUNTERS = ALG_COUNTERS_AT + ALG_TALLIES

/** Verdicts that are no loss. */
const CARRIED: readonly Verdict[] = [
  Verdict.TRANSLATED_6TO4,
  Verdict.TRANSLATED_4TO6,
  Verdict.HAIRPINNED,
  Verdict.ECHO_ANSWERED,
  Verdict.NEEDS_MAPPING,
  Verdict.AWAITS_MAPPING,
]

/** Verdicts that end a packet. */
export const dropVerdicts: readonly VerdictName[] = VERDICT_NAMES.filter((name) => name !== undefined).filter(
  (name) => name !== 'CONTINUE' && !CARRIED.includes(Verdict[name]),
)

/** Metric name of a verdict: `translated_6to4_packets_total`, `dropped_no_mapping_packets_total`. */
const metricName = (verdict: number, name: string): string => {
  const carried = CARRIED.some((one) => one === verdict)
  return `${carried ? '' : 'dropped_'}${name.toLowerCase()}_packets_total`
}

const DIRECTIONS = ['6to4', '4to6'] as const
const UNITS = ['packets', 'bytes'] as const

/** What both paths carried: `carried_6to4_packets_total` and so on, out of the metrics of either. */
export const carriedMetrics = (
  typescript: Readonly<Record<string, number>>,
  fastPath: Readonly<Record<string, number>>,
): Record<string, number> =>
  Object.fromEntries(
    DIRECTIONS.flatMap((direction) =>
      UNITS.map((unit) => {
        const name = `translated_${direction}_${unit}_total`
        return [`carried_${direction}_${unit}_total`, (typescript[name] ?? 0) + (fastPath[`fast_path_${name}`] ?? 0)]
      }),
    ),
  )

/** The counters as flat numbers for metrics; `values` is the array that the data plane counts in. */
export const counterMetrics = (values: ArrayLike<number>): Record<string, number> => {
  const metrics: Record<string, number> = {}
  for (const [verdict, name] of VERDICT_NAMES.entries())
    if (name !== undefined && verdict !== Verdict.CONTINUE) metrics[metricName(verdict, name)] = values[verdict] ?? 0
  metrics.translated_6to4_bytes_total = values[Tally.BYTES_6TO4] ?? 0
  metrics.translated_4to6_bytes_total = values[Tally.BYTES_4TO6] ?? 0
  metrics.tun_read_errors_total = values[Tally.TUN_READ_ERRORS] ?? 0
  metrics.tun_write_errors_total = values[Tally.TUN_WRITE_ERRORS] ?? 0
  metrics.tun_written_packets_total = values[Tally.PACKETS_WRITTEN] ?? 0
  metrics.super_packets_total = values[Tally.SUPER_PACKETS] ?? 0
  metrics.coalesced_packets_total = values[Tally.COALESCED] ?? 0
  metrics.alg_handed_over_packets_total = values[Tally.HANDED_OVER] ?? 0
  for (const [index, name] of ALG_METRICS.entries()) metrics[name] = values[ALG_COUNTERS_AT + index] ?? 0
  return metrics
}
