import { setTimeout as pause } from 'node:timers/promises'
import type { Link } from '@sixgate/bus'
import { gatewaysIn, overviewJson, overviewOf, type SiteOverview } from '../core/convergence.ts'
import { colourful, plain, renderStatus } from '../core/status-table.ts'
import { type Command, JSON_OPTION } from '../command.ts'
import { EXIT, type Terminal, withNats } from '../invocation.ts'
import { readPublished } from '../io/publisher.ts'
import { readReports } from '../io/reports.ts'
import { unlessMissing } from '../io/unless-missing.ts'

const WATCH_MS = 2000

/** Asks NATS how the site is. Throws KvError. */
export const overviewNow = async (link: Link): Promise<SiteOverview> => {
  const [published, reports] = await Promise.all([
    unlessMissing(readPublished(link), undefined),
    unlessMissing(readReports(link), []),
  ])
  return overviewOf(published?.revision ?? 0, reports, Date.now(), gatewaysIn(published?.document))
}

export const printOverview = (overview: SiteOverview, terminal: Terminal): void =>
  terminal.print(renderStatus(overview, Date.now(), terminal.isInteractive ? colourful : plain))

/** As `--json` prints it. */
export const overviewText = (overview: SiteOverview, indent = 2): string =>
  `${JSON.stringify(
    overviewJson(overview, (ms) => new Date(ms).toISOString()),
    null,
    indent,
  )}\n`

/** Exit status 0 only when every service is there, ok, and runs the current revision. */
export const STATUS: Command = {
  words: 'status',
  examples: ['status', 'status --watch', 'status --json'],
  parameters: [],
  options: { watch: { kind: 'flag', help: 'prints again every 2 s' }, ...JSON_OPTION },
  help: 'every service: instance, revision of the document, state, what to do about problems',
  run: async ({ variables, terminal, flag }) =>
    await withNats(variables, terminal, async ({ link }) => {
      const json = flag('json')
      const watch = flag('watch')
      for (;;) {
        const overview = await overviewNow(link)
        if (watch && terminal.isInteractive && !json) terminal.print('\u001b[H\u001b[2J')
        if (json) terminal.print(overviewText(overview, watch ? 0 : 2))
        else printOverview(overview, terminal)
        if (!watch) return overview.isConverged ? EXIT.OK : EXIT.NOT_WELL
        await pause(WATCH_MS)
      }
    }),
}
