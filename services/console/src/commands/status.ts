import { setTimeout as pause } from 'node:timers/promises'
import { KvError, type Link } from '@sixgate/bus'
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
  const [published, reports] = await Promise.all([readPublished(link), unlessMissing(readReports(link), [])])
  return overviewOf(published?.revision ?? 0, reports, Date.now(), gatewaysIn(published?.document))
}

export const printOverview = (overview: SiteOverview, terminal: Terminal): void =>
  terminal.print(renderStatus(overview, Date.now(), terminal.hasColours ? colourful : plain))

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
      if (flag('watch')) return await watch(link, terminal, json)
      const overview = await overviewNow(link)
      if (json) terminal.print(overviewText(overview))
      else printOverview(overview, terminal)
      return overview.isConverged ? EXIT.OK : EXIT.NOT_WELL
    }),
}

/** Until nobody reads any more. NATS may go and come meanwhile. */
const watch = async (link: Link, terminal: Terminal, json: boolean): Promise<number> => {
  const clear = (): void => {
    if (terminal.isInteractive && !json) terminal.print('\u001b[H\u001b[2J')
  }
  while (!terminal.closed.aborted) {
    try {
      const overview = await overviewNow(link)
      clear()
      if (json) terminal.print(overviewText(overview, 0))
      else printOverview(overview, terminal)
    } catch (error) {
      if (!(error instanceof KvError)) throw error
      clear()
      terminal.complain(`${error.message}; asked again every ${WATCH_MS / 1000} s`)
    }
    await pause(WATCH_MS, undefined, { signal: terminal.closed }).catch(() => undefined)
  }
  return EXIT.OK
}
