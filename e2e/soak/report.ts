import { KINDS, type Measured } from '../chaos/meters.ts'
import { ALLOWANCES, type Figures, groupOf, unitOf } from './figures.ts'
import { type Trend, trendOf } from './flat.ts'

export interface Soak {
  /** `2026-11-26 15:02`, UTC, of its beginning. */
  readonly when: string
  readonly commit: string
  readonly machine: string
  readonly minutes: number
  /** Of these the first minutes are not judged: caches and pools fill. */
  readonly warmUpMinutes: number
  readonly isFastPath: boolean
  /** One for each minute after the warm-up. */
  readonly samples: readonly Figures[]
  /** Load averages of the machine, lowest and highest. */
  readonly load: readonly [number, number]
  readonly measured: Measured
  readonly churn: { readonly came: number; readonly answered: number }
}

/** Every figure that each sample has, in order. */
export const trendsOf = (samples: readonly Figures[]): ReadonlyMap<string, Trend> => {
  const names = Object.keys(samples[0] ?? {}).filter((name) => samples.every((sample) => sample[name] !== undefined))
  return new Map(
    names.map((name) => [
      name,
      trendOf(
        samples.map((sample) => sample[name] ?? Number.NaN),
        ALLOWANCES[groupOf(name)],
      ),
    ]),
  )
}

/** What must not be. */
export const soakDefects = ({ samples, measured, churn }: Soak): readonly string[] => [
  ...[...trendsOf(samples)].filter(([, { isFlat }]) => !isFlat).map(([name]) => `${name} grows`),
  ...KINDS.flatMap((kind) => {
    const { lost, wrong } = measured[kind]
    return [...(lost > 0 ? [`${lost} lost (${kind})`] : []), ...(wrong > 0 ? [`${wrong} wrong answers (${kind})`] : [])]
  }),
  ...(churn.came === churn.answered ? [] : [`${churn.came - churn.answered} new hosts without an answer`]),
  ...(measured.download.survived ? [] : ['the TCP connection broke']),
  ...(measured.lifetimeZero > 0 ? [`${measured.lifetimeZero} RAs of lifetime 0`] : []),
]

const figure = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1))

const row = (name: string, { first, median, last, growth, allowed, isFlat }: Trend): string => {
  const [group = '', ...words] = name.split(' ')
  const cells = [group, words.join(' '), unitOf(name), ...[first, median, last, growth, allowed].map(figure)]
  return `| ${[...cells, isFlat ? 'flat' : '**grows**'].join(' | ')} |`
}

const HEAD = ['', 'of', 'unit', 'first', 'median', 'last', 'growth', 'allowed', '']

/** The text of SOAK.md. */
export const soakMd = (soak: Soak): string => {
  const { when, commit, machine, minutes, warmUpMinutes, isFastPath, samples, load, measured, churn } = soak
  const defects = soakDefects(soak)
  const traffic = KINDS.map((kind) => `${kind} ${measured[kind].lost} of ${measured[kind].sent}`).join(', ')
  return `# ${minutes} minutes of mixed traffic

Written by \`make soak\`; do not edit. Run of ${when} UTC, commit ${commit}; ${machine}, load ${load[0].toFixed(1)} to ${load[1].toFixed(1)}; fast path ${isFastPath ? 'on' : 'off'}.

The client pings, sends datagrams to a server of the IPv4 world, asks names (every other one new), opens TCP connections, keeps one at 512 KiB/s and a
stream at 20 Mbit/s; a new host comes every second and is gone when it has its answer. A silent host's pool address is given back after 60 s here, and
dns64 keeps 2,000 answers, so that both turn over many times. One sample a minute; the first ${warmUpMinutes} min are not judged. Growth: along the line of
Theil and Sen through all ${samples.length} samples, from the first to the last.

**${defects.length === 0 ? 'Flat, nothing lost.' : defects.join('; ')}** Lost: ${traffic}, new hosts ${churn.came - churn.answered} of ${churn.came}; the one TCP connection ${measured.download.survived ? `stayed, stood ${(measured.download.stalledMs / 1000).toFixed(1)} s at most` : 'broke'}.

| ${HEAD.join(' | ')} |
|${HEAD.map(() => ' --- ').join('|')}|
${[...trendsOf(samples)].map(([name, trend]) => row(name, trend)).join('\n')}
`
}
