import { SERVICE_NAMES, type SiteEvent } from '@sixgate/bus'
import { type Command, JSON_OPTION } from '../command.ts'
import { colourfulEvent, eventLine, plainEvent } from '../core/event-lines.ts'
import { EXIT, UsageError, withNats } from '../invocation.ts'
import { siteEvents } from '../io/events.ts'
import { isoTime, shortTime, sinceOf } from '../times.ts'

const jsonLine = ({ atMs, ...rest }: SiteEvent): string => `${JSON.stringify({ at: isoTime(atMs), ...rest })}\n`

export const EVENTS: Command = {
  words: 'events',
  parameters: [],
  options: {
    follow: { kind: 'flag', help: 'goes on with those that come' },
    since: { kind: 'value', help: 'a time like 2026-01-31T12:00Z, or how long ago: 30min, 12h, 7d' },
    service: { kind: 'value', choices: SERVICE_NAMES, help: `of that service alone: ${SERVICE_NAMES.join(' ')}` },
    ...JSON_OPTION,
    json: { kind: 'flag', help: 'for programs: one JSON object a line' },
  },
  help: 'what happened: documents, problems, takeovers, repairs, logins; the last 30 days',
  examples: ['events', 'events --since=2h', 'events --follow --json', 'events --service=nat64'],
  run: async ({ variables, terminal, flag, value }) => {
    const wanted = value('since')
    const sinceMs = wanted === undefined ? undefined : sinceOf(wanted, Date.now())
    if (Number.isNaN(sinceMs))
      throw new UsageError(
        `--since: "${wanted}": must be a time like 2026-01-31T12:00Z, or how long ago: 90s, 30min, 12h, 7d`,
      )
    const service = value('service')
    const paint = terminal.hasColours ? colourfulEvent : plainEvent
    return await withNats(variables, terminal, async ({ link }) => {
      const follow = flag('follow') ? terminal.closed : undefined
      const when = sinceMs === undefined ? {} : { sinceMs }
      let count = 0
      for await (const event of siteEvents(link, { ...when, ...(follow === undefined ? {} : { follow }) })) {
        if (service !== undefined && event.service !== service) continue
        count += 1
        terminal.print(flag('json') ? jsonLine(event) : eventLine(event, shortTime(event.atMs), paint))
      }
      if (count === 0 && !flag('json')) terminal.print('nothing happened in that time\n')
      return EXIT.OK
    })
  },
}
