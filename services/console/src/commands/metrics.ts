import { type Command, JSON_OPTION } from '../command.ts'
import { metricsJson, metricsText } from '../core/metrics.ts'
import { EXIT, withNats } from '../invocation.ts'
import { readMetrics } from '../io/metrics.ts'

export const METRICS: Command = {
  words: 'metrics',
  parameters: [],
  options: JSON_OPTION,
  help: 'what all services count, as Prometheus reads it',
  examples: ['metrics', 'metrics | grep nat64_dropped', 'metrics --json'],
  run: async ({ variables, terminal, flag }) =>
    await withNats(variables, terminal, async ({ link }) => {
      const facts = await readMetrics(link)
      if (flag('json')) terminal.print(`${JSON.stringify({ samples: metricsJson(facts) }, null, 2)}\n`)
      else terminal.print(metricsText(facts))
      return EXIT.OK
    }),
}
