import { type Kind, KINDS, type Measured, type Meter } from './meters.ts'

/** One fault, as it came out. */
export interface Outcome {
  readonly name: string
  readonly expected: string
  /** Of what answers may be missing. */
  readonly costs: readonly Kind[]
  readonly measured: Measured
  /** From the end of the fault until every service is well again, and stays so; undefined: it was not within the time. */
  readonly recoveredS: number | undefined
  readonly breaksConnections: boolean
  readonly withdraws: boolean
  /** Load average of the machine at its end: with several per processor a service takes long to start. */
  readonly load: number
  /** What was acknowledged before and is not so any more. */
  readonly lost: readonly string[]
  /** `2026-11-26 11:02`, UTC. */
  readonly when: string
  /** Commit of the working tree, with `+` when something in it is not committed. */
  readonly commit: string
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1)

/** `3 of 120, 0.4 s`: lost, and the longest time without an answer. */
const meter = ({ sent, lost, wrong, longestGapMs }: Meter): string =>
  lost === 0 && wrong === 0
    ? `0 of ${sent}`
    : `${lost} of ${sent}, ${seconds(longestGapMs)} s${wrong === 0 ? '' : `, **${wrong} wrong**`}`

/** What must not be, whatever goes wrong. */
export const defectsOf = ({
  measured,
  recoveredS,
  breaksConnections,
  withdraws,
  costs,
  lost,
}: Outcome): readonly string[] => [
  ...(recoveredS === undefined ? ['not well again'] : []),
  ...(measured.lifetimeZero > 0 && !withdraws ? [`${measured.lifetimeZero} RAs of lifetime 0`] : []),
  ...KINDS.flatMap((kind) => {
    const { wrong, lost: missing } = measured[kind]
    return [
      ...(wrong > 0 ? [`${wrong} wrong answers (${kind})`] : []),
      ...(missing > 0 && !costs.includes(kind) ? [`${missing} lost (${kind})`] : []),
    ]
  }),
  ...(!measured.download.survived && !breaksConnections ? ['the TCP connection broke'] : []),
  ...lost,
]

const row = (outcome: Outcome): string => {
  const { name, expected, measured, recoveredS, load, when, commit } = outcome
  const { ping, udp, dns, http, download, lifetimeZero } = measured
  const stays = download.survived ? `stays, stood ${seconds(download.stalledMs)} s` : 'does not go on'
  const defects = defectsOf(outcome)
  const cells = [
    name,
    expected,
    meter(ping),
    meter(udp),
    meter(dns),
    meter(http),
    stays,
    String(lifetimeZero),
    recoveredS === undefined ? 'no' : `${recoveredS.toFixed(1)} s`,
    load.toFixed(0),
    `${when} ${commit}`,
    defects.length === 0 ? 'as expected' : `**${defects.join('; ')}**`,
  ]
  return `| ${cells.join(' | ')} |`
}

const HEAD = [
  'what happens',
  'may cost',
  'pings lost',
  'datagrams lost',
  'names failed',
  'new TCP failed',
  'one TCP connection',
  'RAs of lifetime 0',
  'all well again after',
  'load',
  'run',
  'verdict',
]

/** The text of CHAOS.md. */
export const chaosMd = (outcomes: readonly Outcome[], missing: readonly string[], about: string): string =>
  `# What goes wrong, and what a host of the LAN notices

Written by \`make chaos\`; do not edit. ${about}

The client pings, sends datagrams to a server of the IPv4 world, asks names (every other one new, so it goes upstream), opens TCP connections and keeps one
all the time. Lost: no answer within 2 s; behind it the longest time without a good answer. Well again: counted from the end of the fault until
\`sixgate status\` says that every service is ok with the current document, and goes on to say so for 7 s (it needs 6 s to notice that one is gone); the
traffic runs all that time. After each fault the document in force and the client's pool address
must be what they were. Floods come from another address than the client's own. A row is of the run and the commit that it names; \`CHAOS_ONLY\` makes some
rows anew. The clock jumps in an emulated machine with Debian 13 (\`make chaos-clock\`), where everything takes ten times as long and there is a
tenth of the traffic; there an answer may take 20 s.

| ${HEAD.join(' | ')} |
|${HEAD.map(() => ' --- ').join('|')}|
${outcomes.map(row).join('\n')}
${missing.length === 0 ? '' : `\n## Not in the runs of this table\n${missing.map((name) => `- ${name}`).join('\n')}\n`}`
