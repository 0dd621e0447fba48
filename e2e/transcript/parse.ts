/** Reads the output of the stock tools, as far as the checks need it. Every function returns an empty list or undefined when nothing fits. */

/** `ip address`: the addresses with their prefix length and flags. */
export function addresses(output: string): { address: string; lenBits: number; flags: string }[] {
  return [...output.matchAll(/^\s+inet6? (?<address>\S+)\/(?<len>\d+) (?<flags>.*)$/gm)].map(({ groups }) => ({
    address: groups?.address ?? '',
    lenBits: Number(groups?.len),
    flags: groups?.flags ?? '',
  }))
}

/** One record of `dig +noall +answer`. */
export interface DnsRecord {
  readonly name: string
  readonly ttlS: number
  readonly type: string
  readonly data: string
}

/** `dig +noall +answer`: its records in order. */
export function dnsRecords(output: string): DnsRecord[] {
  return [...output.matchAll(/^(?<name>[^;\s]\S*)\s+(?<ttl>\d+)\s+IN\s+(?<type>\S+)\s+(?<data>.*)$/gm)].map(
    ({ groups }) => ({
      name: groups?.name ?? '',
      ttlS: Number(groups?.ttl),
      type: groups?.type ?? '',
      data: groups?.data ?? '',
    }),
  )
}

/** The data of all records of one type, sorted. */
export const recordData = (output: string, type: string): string[] =>
  dnsRecords(output)
    .filter((record) => record.type === type)
    .map((record) => record.data)
    .toSorted()

/** `ping`: packets sent and answered. */
export function pingCounts(output: string): { sent: number; received: number } | undefined {
  const groups = /^(?<sent>\d+) packets transmitted, (?<received>\d+) received/m.exec(output)?.groups
  return groups && { sent: Number(groups.sent), received: Number(groups.received) }
}

/** `ping`: who answered first. */
export const pingPeer = (output: string): string | undefined =>
  /bytes from .*?([\da-f:]{2,}[\da-f])\)?: icmp_seq/.exec(output)?.[1]

/** The longest run of echo requests without an answer. */
export interface PingGap {
  readonly lost: number
  /** When the answers around it came, for comparing with logs; empty without `ping -D`. */
  readonly between: string
}

/** `ping -D` (each line begins with the time in seconds): the longest gap between answers. */
export function longestPingGap(output: string): PingGap {
  const answers = [...output.matchAll(/^(?:\[(?<time>[\d.]+)\] )?.*icmp_seq=(?<seq>\d+) ttl/gm)]
    .map(({ groups }) => ({ seq: Number(groups?.seq), at: clock(groups?.time) }))
    .toSorted((a, b) => a.seq - b.seq)
  let worst = { lost: 0, between: '' }
  let before = { seq: 0, at: '' }
  for (const answer of answers) {
    const lost = answer.seq - before.seq - 1
    if (lost > worst.lost) worst = { lost, between: `${before.at} ${answer.at}`.trim() }
    before = answer
  }
  return worst
}

const clock = (seconds: string | undefined): string =>
  seconds === undefined ? '' : new Date(Number(seconds) * 1000).toISOString().slice(11, 23)

/** `iperf3`: what the receiver measured. `lost` is only there for UDP. */
export function iperfReceiver(output: string): { mbitPerS: number; lost?: number; total?: number } | undefined {
  const pattern =
    /(?<rate>[\d.]+) (?<unit>[KMG]?)bits\/sec\s+(?:[\d.]+ ms\s+(?<lost>\d+)\/(?<total>\d+)[^\n]*)?receiver/
  const groups = pattern.exec(output)?.groups
  if (groups === undefined) return undefined
  const scale = { '': 1e-6, K: 1e-3, M: 1, G: 1e3 }[groups.unit as '' | 'K' | 'M' | 'G']
  const mbitPerS = Number(groups.rate) * scale
  return groups.total === undefined
    ? { mbitPerS }
    : { mbitPerS, lost: Number(groups.lost), total: Number(groups.total) }
}

/** `traceroute -n -q 1`: one address (or `*`) per hop. */
export const hops = (output: string): string[] =>
  [...output.matchAll(/^\s*\d+\s+(\*|[\da-f:.]+)/gm)].map((match) => match[1] ?? '*')

/** `… | sort | uniq -c`: how often each line came. */
export const tally = (output: string): Map<string, number> =>
  new Map([...output.matchAll(/^\s*(\d+)\s+(\S+)$/gm)].map((match) => [match[2] ?? '', Number(match[1])]))
