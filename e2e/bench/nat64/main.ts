/**
 * `node e2e/bench/nat64/main.ts [--rounds N] [--seconds S] [--json FILE] [--only REGEXP] [--floor]`: plain forwarding, masquerade,
 * TAYGA, sixgate (TypeScript only) and sixgate with the fast path side by side, each in namespaces of its own, in turn
 * within every round. Prints medians, spread and the ratios to reach.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  lossFreeUdp64,
  lostWhileRestarted,
  newHosts,
  peakRssBytes,
  rttIdle,
  rttLoaded,
  tcp,
  udp64,
  udpGso,
  withoutOffloads,
} from './measure.ts'
import { aligned, type Measure, median, percentile, ratio, renderTable } from './table.ts'
import {
  BARE_LOOP,
  bareLoop,
  CROWDED,
  masquerade4,
  plain6,
  sixgate,
  sixgateCrowded,
  sixgateFast,
  sixgateLan,
  tayga,
  type Variant,
} from './variants.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    json: { type: 'string' },
    only: { type: 'string', default: '' },
    floor: { type: 'boolean', default: false },
  },
})
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)

const measures: Measure[] = []
const note = (name: string, unit: string, variant: Variant, figure: number): void => {
  let measure = measures.find((known) => known.name === name)
  if (measure === undefined) measures.push((measure = { name, unit, figures: new Map() }))
  measure.figures.set(variant.name, [...(measure.figures.get(variant.name) ?? []), figure])
}

type Step = (variant: Variant) => void | Promise<void>

/** Who gives out addresses. */
const isTranslator = ({ pid }: Variant): boolean => pid !== undefined
const isNotCrowded = ({ name }: Variant): boolean => name !== CROWDED
/** Who gives an address to every host. */
const isGateway = (variant: Variant): boolean =>
  isNotCrowded(variant) && isTranslator(variant) && variant.name !== BARE_LOOP

const tcpStep = (direction: 'up' | 'down', streams: number): Step => {
  const what = `TCP ${direction} × ${streams}`
  return (variant) => {
    const result = tcp(variant, direction, streams, seconds)
    note(what, 'Gbit/s', variant, result.bitsPerS / 1e9)
    if (streams > 1) return
    if (isTranslator(variant)) note(`${what}, process CPU`, 'ms/Gbit', variant, result.processSPerGbit * 1e3)
    note(`${what}, machine CPU`, 'ms/Gbit', variant, result.machineSPerGbit * 1e3)
  }
}

const udpStep: Step = (variant) => {
  const flood = udp64(variant, 0, seconds)
  note('UDP 64 B, flood', 'packets/s', variant, flood.packetsPerS)
  // Whether mappings cost anything shows here.
  if (!isNotCrowded(variant)) return
  if (isTranslator(variant)) note('UDP 64 B, process CPU', 'µs/packet', variant, flood.processUsPerPacket)
  note(
    'UDP 64 B, loss-free',
    'packets/s',
    variant,
    lossFreeUdp64(variant, flood.packetsPerS * 1.5, 5, Math.min(1, seconds)),
  )
}

const udpGsoStep: Step = async (variant) => {
  const gso = await udpGso(variant, Math.ceil(seconds / 2))
  note('UDP GSO 50 × 1200 B', 'packets/s', variant, gso.packetsPerS)
  note('UDP GSO 50 × 1200 B, lost', '%', variant, gso.lostPart * 100)
  if (isTranslator(variant)) note('UDP GSO, process CPU', 'µs/packet', variant, gso.processUsPerPacket)
}

const singlePacketsStep: Step = (variant) => {
  withoutOffloads(variant, () => {
    for (const direction of ['up', 'down'] as const) {
      const result = tcp(variant, direction, 1, Math.ceil(seconds / 2))
      note(`TCP ${direction} × 1, offloads off`, 'Gbit/s', variant, result.bitsPerS / 1e9)
    }
  })
}

/** Pings of a round, and turns that they are taken in: what another user of the machine does for a second meets every variant. */
const PINGS = 400
const PING_TURNS = 4

/** One turn; the last one of a round notes what all of them measured. */
const rttIdleStep = (): Step => {
  const times = new Map<string, number[]>()
  return (variant) => {
    const all = [...(times.get(variant.name) ?? []), ...rttIdle(variant, PINGS / PING_TURNS)]
    times.set(variant.name, all)
    if (all.length < PINGS) return
    times.delete(variant.name)
    note('RTT idle p50', 'ms', variant, percentile(all, 0.5))
    note('RTT idle p99', 'ms', variant, percentile(all, 0.99))
  }
}

const rttLoadedStep: Step = (variant) => {
  const times = rttLoaded(variant, PINGS / 2)
  note('RTT under TCP p50', 'ms', variant, percentile(times, 0.5))
  note('RTT under TCP p99', 'ms', variant, percentile(times, 0.99))
}

const newHostsStep: Step = async (variant) => {
  const { perS, unheardPart } = await newHosts(variant)
  note('new hosts, 2000 at once', 'hosts/s', variant, perS)
  note('new hosts, never heard', '%', variant, unheardPart * 100)
}

const restartStep: Step = async (variant) => {
  if (variant.restart === undefined) return
  const { lost } = await lostWhileRestarted(variant, variant.restart)
  note('UDP 10,000/s, lost while killed and started', 'packets', variant, lost)
}

/** Name for `--only`, what is measured, and of whom. */
interface Part {
  readonly name: string
  readonly step: Step
  readonly isOf: (variant: Variant) => boolean
}

const everybody = (): boolean => true

const PARTS: readonly Part[] = [
  { name: 'TCP up × 1', step: tcpStep('up', 1), isOf: everybody },
  { name: 'TCP up × 4', step: tcpStep('up', 4), isOf: isNotCrowded },
  { name: 'TCP down × 1', step: tcpStep('down', 1), isOf: everybody },
  { name: 'TCP down × 4', step: tcpStep('down', 4), isOf: isNotCrowded },
  { name: 'UDP 64 B', step: udpStep, isOf: everybody },
  { name: 'UDP GSO', step: udpGsoStep, isOf: isNotCrowded },
  { name: 'offloads off', step: singlePacketsStep, isOf: isNotCrowded },
  ...Array.from({ length: PING_TURNS })
    .fill(rttIdleStep())
    .map((step) => ({
      name: 'RTT idle',
      step: step as Step,
      isOf: isNotCrowded,
    })),
  { name: 'RTT under TCP', step: rttLoadedStep, isOf: isNotCrowded },
  { name: 'new hosts', step: newHostsStep, isOf: isGateway },
  { name: 'killed and started', step: restartStep, isOf: isNotCrowded },
]

/** What the project asks of itself: [measure, against, at least (>) or at most (<), bound]. */
type Goal = readonly (readonly [string, string, '≥' | '≤', number])[]

const TCP_MEASURES = ['TCP up × 1', 'TCP down × 1', 'TCP up × 4', 'TCP down × 4'] as const
const PLAIN = 'plain IPv6 forwarding'
/** A figure of its own, not a ratio. */
const NOTHING = '–'

const GOALS: Readonly<Record<string, Goal>> = {
  sixgate: [
    ...TCP_MEASURES.map((name) => [name, 'TAYGA', '≥', 10] as const),
    ['TCP up × 1', PLAIN, '≥', 0.6],
    ['TCP down × 1', PLAIN, '≥', 0.6],
    ['TCP up × 1, process CPU', 'TAYGA', '≤', 0.1],
    ['TCP down × 1, process CPU', 'TAYGA', '≤', 0.1],
    ['UDP 64 B, flood', 'TAYGA', '≥', 1],
    ['UDP 64 B, loss-free', 'TAYGA', '≥', 1],
    ['UDP GSO 50 × 1200 B', 'TAYGA', '≥', 1],
    ['RTT idle p50', 'TAYGA', '≤', 1],
    // No measurable slow-down: the gateway with few mappings is at most 5 % faster.
    ['TCP up × 1', CROWDED, '≤', 1.05],
    ['UDP 64 B, flood', CROWDED, '≤', 1.05],
  ],
  'sixgate, fast path': [
    ...TCP_MEASURES.map((name) => [name, 'TAYGA', '≥', 15] as const),
    ...TCP_MEASURES.map((name) => [name, PLAIN, '≥', 0.8] as const),
    ['UDP 64 B, flood', 'TAYGA', '≥', 1.5],
    ['UDP 64 B, loss-free', 'TAYGA', '≥', 1.5],
    ['UDP 64 B, loss-free', PLAIN, '≥', 0.65],
    ['RTT idle p50', PLAIN, '≤', 1.6],
    ['UDP 10,000/s, lost while killed and started', NOTHING, '≤', 0],
  ],
  'sixgate, fast path at the LAN': [
    ...TCP_MEASURES.map((name) => [name, PLAIN, '≥', 0.8] as const),
    ['UDP 64 B, loss-free', 'TAYGA', '≥', 1.5],
    ['UDP 64 B, loss-free', PLAIN, '≥', 0.65],
    ['RTT idle p50', PLAIN, '≤', 1.6],
    ['UDP 10,000/s, lost while killed and started', NOTHING, '≤', 0],
  ],
}

/** sixgate's goals, asked of a loop that knows no rule: what that misses is not the rules' cost. */
const FLOOR: Goal = [...TCP_MEASURES.map((name) => [name, PLAIN, '≥', 0.6] as const), ['RTT idle p50', 'TAYGA', '≤', 1]]

const parts = PARTS.filter(({ name }) => new RegExp(options.only).test(name))
if (parts.length === 0) {
  const names = new Set(PARTS.map(({ name }) => name))
  throw new Error(`--only ${options.only}: no measure has such a name; there are ${[...names].join(', ')}`)
}
const variants: Variant[] = []
try {
  const makers = [plain6, masquerade4, tayga, sixgate, sixgateCrowded, sixgateFast, sixgateLan]
  for (const make of options.floor ? [...makers, bareLoop] : makers) variants.push(await make())
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`round ${round + 1} of ${rounds} …\n`)
    // Another one goes first in each round, and within a round the variants alternate at every measure.
    const order = variants
      .map((_, index) => variants[(index + round) % variants.length])
      .filter((variant) => variant !== undefined)
    for (const { step, isOf } of parts) for (const variant of order.filter(isOf)) await step(variant)
  }
  process.stdout.write(
    `${renderTable(
      measures,
      variants.map(({ name }) => name),
    )}\n\n`,
  )
  const goals = Object.entries(options.floor ? { ...GOALS, [BARE_LOOP]: FLOOR } : GOALS).flatMap(([who, list]) =>
    list.flatMap(([name, against, relation, bound]) => {
      const measure = measures.find((known) => known.name === name)
      // Left out by --only.
      if (measure === undefined) return []
      const value = against === NOTHING ? median(measure.figures.get(who) ?? []) : ratio(measure, who, against)
      const reached = relation === '≥' ? value >= bound : value <= bound
      return { who, name, against, relation, bound, value, reached }
    }),
  )
  const rows = goals.map((goal) => [
    goal.who,
    `${goal.name} ÷ ${goal.against}`,
    goal.value.toPrecision(3),
    `${goal.relation} ${goal.bound}`,
    goal.reached ? 'reached' : 'NOT reached',
  ])
  process.stdout.write(`${aligned([['who', 'who ÷ other, median of the rounds', 'ratio', 'goal', ''], ...rows])}\n`)
  const rss = Object.fromEntries(
    variants.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, peakRssBytes(pid)]])),
  )
  const inMb = Object.entries(rss).map(([name, bytes]) => `${name} ${Math.round(bytes / 1e6)} MB`)
  process.stdout.write(`\npeak resident memory: ${inMb.join(', ')}\n`)
  if (options.json !== undefined) {
    const plain = measures.map(({ name, unit, figures }) => ({
      name,
      unit,
      figures: Object.fromEntries(figures),
      medians: Object.fromEntries([...figures].map(([variant, all]) => [variant, median(all)])),
    }))
    writeFileSync(
      options.json,
      `${JSON.stringify({ rounds, seconds, measures: plain, goals, peakRssBytes: rss }, null, 2)}\n`,
    )
  }
} finally {
  for (const variant of variants) await variant.close()
}
