import type { Ruleset } from './nft.ts'
import type { Count } from './transaction.ts'

/** One rule as `sixgate firewall rules` shows it. */
export interface RuleLine {
  readonly chain: string
  readonly id: string
  readonly text: string
  /** What becomes of a packet: `accept`, `drop`, `reject`, `masquerade`, `dnat`, `jump CHAIN` … */
  readonly verdict: string
  readonly packets: number
  readonly bytes: number
}

const verdictOf = (verdict: Readonly<Record<string, unknown>>): string => {
  const [kind = '', value] = Object.entries(verdict)[0] ?? []
  const target = typeof value === 'object' && value !== null && 'target' in value ? ` ${String(value.target)}` : ''
  return kind === 'mangle' ? 'clamp MSS' : `${kind}${target}`
}

/** Counts by rule id; the owner's rules stand in their own chains and are not listed. */
export const ruleLines = ({ chains }: Ruleset, counts: ReadonlyMap<string, Count>): readonly RuleLine[] =>
  chains.flatMap(({ name, rules }) =>
    rules.map(({ id, text, verdict }) => ({
      chain: name,
      id,
      text,
      verdict: verdictOf(verdict),
      packets: counts.get(id)?.packets ?? 0,
      bytes: counts.get(id)?.bytes ?? 0,
    })),
  )
