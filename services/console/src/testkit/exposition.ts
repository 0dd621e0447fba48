/** A sample of the text format of Prometheus. */
export interface ExposedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** Name and labels as they stand. */
  readonly series: string
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"/g

const valueOf = (text: string): number => {
  const value =
    text === '+Inf' || text === 'Infinity'
      ? Infinity
      : text === '-Inf' || text === '-Infinity'
        ? -Infinity
        : Number(text)
  if (Number.isNaN(value)) throw new Error(`no value: ${text}`)
  return value
}

/**
 * Reads the text format (0.0.4) strictly: help and type before the samples of a metric, all of them together, no series twice,
 * counters end in `_total` and nothing else does. Throws an Error that names the line.
 */
export const parseExposition = (text: string): ExposedSample[] => {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end')
  const samples: ExposedSample[] = []
  const seen = new Set<string>()
  let [helped, typed] = ['', '']
  for (const [index, line] of text.split('\n').slice(0, -1).entries()) {
    const fail = (why: string): never => {
      throw new Error(`line ${index + 1}: ${why}: ${line}`)
    }
    const [, keyword, metric = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (keyword === 'HELP') {
      if (!NAME.test(metric) || seen.has(metric)) fail('a metric that is no name, or comes twice')
      seen.add(metric)
      helped = metric
    } else if (keyword === 'TYPE') {
      if (metric !== helped) fail('a type without help before it')
      if (rest !== (metric.endsWith('_total') ? 'counter' : 'gauge')) fail('another type than the name says')
      typed = metric
    } else {
      const [, name = '', labelText = '', value = ''] = SAMPLE.exec(line) ?? fail('no sample')
      if (name !== typed) fail('a sample outside of its metric')
      const series = line.slice(0, line.length - value.length - 1)
      if (seen.has(series) && series !== name) fail('the same series twice')
      seen.add(series)
      const labels = Object.fromEntries([...labelText.matchAll(LABEL)].map(([, label, text]) => [label, text]))
      samples.push({ name, labels: labels as Record<string, string>, value: valueOf(value), series })
    }
  }
  return samples
}
