/**
 * `node e2e/bench/dns64/main.ts [--rounds N] [--seconds S] [--names N] [--json FILE] [--only PATTERN]`: sixgate, BIND and
 * unbound (Debian's, with their DNS64) side by side, one processor each, in turn within every round. Prints medians,
 * spread and the ratios to reach.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { aligned, type Measure, median, ratio, renderTable } from '../nat64/table.ts'
import { Lab } from './lab.ts'
import { distinctNames, hits, latency, type Load, misses, removeNames, rssBytes } from './measure.ts'
import { ADDRESSES, type Server, Servers } from './servers.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    names: { type: 'string', default: '0' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
})
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)
/** Distinct names for the memory of sixgate; 0 = left out. */
const names = Number(options.names)
/** Queries of one run of misses. */
const MISSES = Math.round(15_000 * seconds)
/** The rate that latency is measured at. */
const RATE = { fresh: 2000, kept: 5000 } as const

const measures: Measure[] = []
const note = (name: string, unit: string, server: Server, figure: number): void => {
  let measure = measures.find((known) => known.name === name)
  if (measure === undefined) measures.push((measure = { name, unit, figures: new Map() }))
  measure.figures.set(server.name, [...(measure.figures.get(server.name) ?? []), figure])
}

const load = (kind: Load['kind'], type: Load['type'], transport: Load['transport'], edns: boolean): Load => ({
  kind,
  type,
  transport,
  edns,
})
const LOADS = {
  'AAAA made': load('v4', 'AAAA', 'udp', false),
  'AAAA made, EDNS': load('v4', 'AAAA', 'udp', true),
  'AAAA native, EDNS': load('v6', 'AAAA', 'udp', true),
  'A, EDNS': load('v4', 'A', 'udp', true),
  'AAAA made, TCP': load('v4', 'AAAA', 'tcp', false),
} as const satisfies Record<string, Load>

type Step = (lab: Lab, server: Server) => void

const STEPS: readonly (readonly [string, Step])[] = [
  ...Object.entries(LOADS).flatMap(([what, how]) =>
    (['hits', 'misses'] as const).map((which): readonly [string, Step] => [
      `${which}, ${what}`,
      (lab, server) => {
        const result = which === 'hits' ? hits(lab, server, how, seconds) : misses(lab, server, how, MISSES)
        note(`${which}, ${what}: CPU`, 'µs/query', server, result.cpuUsPerQuery)
        note(`${which}, ${what}: rate`, 'queries/s', server, result.qps)
        note(`${which}, ${what}: lost`, '%', server, result.lostPart * 100)
      },
    ]),
  ),
  ...([false, true] as const).map((fresh): readonly [string, Step] => {
    const which = fresh ? 'misses' : 'hits'
    const qps = fresh ? RATE.fresh : RATE.kept
    return [
      `${which}, latency`,
      (lab, server) => {
        const { p50, p99 } = latency(lab, server, LOADS['AAAA made, EDNS'], { fresh, qps, count: qps * seconds })
        note(`${which}, AAAA made at ${qps}/s: p50`, 'ms', server, p50)
        note(`${which}, AAAA made at ${qps}/s: p99`, 'ms', server, p99)
      },
    ]
  }),
]

/** What the project asks of itself: the measure's CPU of sixgate ÷ that of the other is at most so much. */
const GOALS: readonly (readonly [string, keyof typeof ADDRESSES, number])[] = Object.keys(LOADS).flatMap((what) => [
  [`hits, ${what}: CPU`, 'BIND', 0.8] as const,
  [`hits, ${what}: CPU`, 'unbound', 0.9] as const,
  [`misses, ${what}: CPU`, 'BIND', 1] as const,
  [`misses, ${what}: CPU`, 'unbound', 1] as const,
])

const lab = new Lab(Object.values(ADDRESSES))
const make = new Servers(lab)
try {
  make.internet()
  const servers = [make.sixgate({ cacheMaxEntries: Math.max(names, 1_000_000) }), make.bind(), make.unbound()]
  for (const server of servers) await make.ready(server)
  const idle = rssBytes(servers[0]?.pid ?? 0).now
  const steps = STEPS.filter(([name]) => name.includes(options.only))
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`round ${round + 1} of ${rounds} …\n`)
    // Another one goes first in each round, and within a round they alternate at every measure.
    const order = servers.map((_, index) => servers[(index + round) % servers.length] as Server)
    for (const [, step] of steps) for (const server of order) step(lab, server)
  }
  const table = renderTable(
    measures,
    servers.map(({ name }) => name),
  )
  process.stdout.write(`${table}\n\n`)
  const goals = GOALS.flatMap(([name, against, bound]) => {
    const measure = measures.find((known) => known.name === name)
    if (measure === undefined) return []
    const value = ratio(measure, 'sixgate', against)
    return [{ name, against, bound, value, reached: value <= bound }]
  })
  const rows = goals.map((goal) => [
    `${goal.name} ÷ ${goal.against}`,
    goal.value.toPrecision(3),
    `≤ ${goal.bound}`,
    goal.reached ? 'reached' : 'NOT reached',
  ])
  process.stdout.write(`${aligned([['sixgate ÷ other, median of the rounds', 'ratio', 'goal', ''], ...rows])}\n`)
  const memory = Object.fromEntries(servers.map(({ name, pid }) => [name, rssBytes(pid).peak]))
  const inMb = Object.entries(memory).map(([name, bytes]) => `${name} ${Math.round(bytes / 1e6)} MB`)
  process.stdout.write(`\npeak resident memory: ${inMb.join(', ')}; sixgate idle ${Math.round(idle / 1e6)} MB\n`)
  let peak: number | undefined
  const [sixgate] = servers
  if (names > 0 && sixgate !== undefined) {
    peak = distinctNames(lab, sixgate, names)
    const bound = Math.max(names, 1_000_000) * 1000
    process.stdout.write(
      `${names} distinct names: peak ${Math.round(peak / 1e6)} MB, of these ${Math.round((peak - idle) / 1e6)} MB above idle; configured ${Math.round(bound / 1e6)} MB: ${peak - idle <= bound ? 'reached' : 'NOT reached'}\n`,
    )
  }
  if (options.json !== undefined) {
    const plain = measures.map(({ name, unit, figures }) => ({
      name,
      unit,
      figures: Object.fromEntries(figures),
      medians: Object.fromEntries([...figures].map(([server, all]) => [server, median(all)])),
    }))
    const report = { rounds, seconds, measures: plain, goals, peakRssBytes: memory, names, namesPeakBytes: peak }
    writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`)
  }
} finally {
  await lab.close()
  make.close()
  removeNames()
}
