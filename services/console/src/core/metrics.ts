import { SERVICE_NAMES, type ServiceName, type Status } from '@sixgate/bus/names'
import { overviewOf, SILENT_MS } from './convergence.ts'
import { FAMILIES, helpOf, RENAMED } from './metric-catalogue.ts'

/** Media type of the text format of Prometheus. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export interface MetricsFacts {
  /** Revision of the document in NATS; 0 = none was published yet. */
  readonly revision: number
  readonly reports: readonly Status[]
  readonly nowMs: number
  /** Those of the document; none: one machine, without a name. */
  readonly gateways?: readonly string[]
}

/** No label holds a name or an address of the site. */
interface Labels {
  readonly service?: string
  readonly instance?: string
  readonly reason?: string
  readonly version?: string
}

/** One value. */
interface Sample {
  /** Without `sixgate_`, except in metricsJson. */
  readonly name: string
  readonly labels: Labels
  readonly value: number
}

const MS_PER_S = 1000

const prefixOf = (service: ServiceName): string => `${service.replaceAll('-', '_')}_`

/** Letters, digits and `_` only, in case a service says something else. */
const metricWord = (text: string): string => text.replaceAll(/[^a-zA-Z0-9_]/g, '_')

/** The metric that a counter of a service is, without `sixgate_`, and its reason where the name has one. */
export const metricOf = (service: ServiceName, counter: string): { name: string; reason?: string } => {
  for (const { pattern, metric } of FAMILIES[service]) {
    const groups = pattern.exec(counter)?.groups
    if (groups?.reason === undefined) continue
    const name = metric.replace('$<unit>', groups.unit ?? '')
    return { name: `${prefixOf(service)}${name}`, reason: groups.reason }
  }
  return { name: `${prefixOf(service)}${metricWord(RENAMED[service]?.[counter] ?? counter)}` }
}

const counterSamples = ({ service, instance, counters }: Status): Sample[] =>
  Object.entries(counters).map(([counter, value]) => {
    const { name, reason } = metricOf(service, counter)
    return { name, labels: { service, instance, ...(reason === undefined ? {} : { reason }) }, value }
  })

const instanceSamples = (report: Status, isSilent: boolean): Sample[] => {
  const { service, instance, version, revision, state, startedAtMs, problems } = report
  const labels = { service, instance }
  const well: Sample = { name: 'service_well', labels, value: state === 'ok' && !isSilent ? 1 : 0 }
  if (isSilent) return [well]
  const codes = [...new Set(problems.map(({ code }) => code))]
  return [
    { name: 'build_info', labels: { ...labels, version }, value: 1 },
    { name: 'config_revision', labels, value: revision },
    well,
    ...codes.map((reason): Sample => ({ name: 'service_problem', labels: { ...labels, reason }, value: 1 })),
    { name: 'start_time_seconds', labels, value: startedAtMs / MS_PER_S },
    ...counterSamples(report),
  ]
}

const escaped = (text: string): string =>
  text.replaceAll('\\', String.raw`\\`).replaceAll('"', String.raw`\"`).replaceAll('\n', String.raw`\n`)

const seriesOf = ({ name, labels }: Sample): string => {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escaped(String(value))}"`)
  return pairs.length === 0 ? `sixgate_${name}` : `sixgate_${name}{${pairs.join(',')}}`
}

const typeOf = (name: string): string => (name.endsWith('_total') ? 'counter' : 'gauge')

/** Samples of one metric stand together, below its help and type; the same series twice is given once. */
const render = (samples: readonly Sample[]): string => {
  const byName = Map.groupBy(samples, ({ name }) => name)
  return [...byName]
    .map(([name, own]) => {
      const series = new Map(own.map((sample) => [seriesOf(sample), sample.value]))
      const head = `# HELP sixgate_${name} ${helpOf(name)}\n# TYPE sixgate_${name} ${typeOf(name)}\n`
      return `${head}${[...series].map(([text, value]) => `${text} ${value}\n`).join('')}`
    })
    .join('')
}

/** Counters of the reports, which come every 2 s, and the state of the site. */
const samplesOf = ({ revision, reports, nowMs, gateways }: MetricsFacts): readonly Sample[] => {
  const isSilent = ({ atMs }: Status): boolean => nowMs - atMs > SILENT_MS
  const ordered = reports.toSorted((a, b) => (`${a.service} ${a.instance}` < `${b.service} ${b.instance}` ? -1 : 1))
  return [
    { name: 'config_published_revision', labels: {}, value: revision },
    {
      name: 'config_converged',
      labels: {},
      value: overviewOf(revision, reports, nowMs, gateways).isConverged ? 1 : 0,
    },
    ...SERVICE_NAMES.map((service): Sample => {
      const live = reports.filter((report) => report.service === service && !isSilent(report))
      return { name: 'service_instances', labels: { service }, value: live.length }
    }),
    ...ordered.flatMap((report) => instanceSamples(report, isSilent(report))),
  ]
}

/** What all services and instances count, in the text format of Prometheus (0.0.4). */
export const metricsText = (facts: MetricsFacts): string => render(samplesOf(facts))

/** The same as values, with the names that Prometheus has. */
export const metricsJson = (facts: MetricsFacts): readonly Sample[] => [
  ...new Map(
    samplesOf(facts).map((sample) => [seriesOf(sample), { ...sample, name: `sixgate_${sample.name}` }]),
  ).values(),
]
