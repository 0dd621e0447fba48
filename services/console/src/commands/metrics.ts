import type { Command } from '../command.ts'
import { EXIT, withNats } from '../invocation.ts'
import { readMetrics } from '../io/metrics.ts'

export const METRICS: Command = {
  words: 'metrics',
  parameters: [],
  options: {},
  help: 'what all services count, as Prometheus reads it',
  examples: ['metrics', 'metrics | grep nat64_dropped'],
  run: async ({ variables, terminal }) =>
    await withNats(variables, terminal, async ({ link }) => {
      terminal.print(await readMetrics(link))
      return EXIT.OK
    }),
}
