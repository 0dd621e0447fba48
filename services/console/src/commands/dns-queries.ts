import { type Call, type Command, JSON_OPTION } from '../command.ts'
import { renderColumns } from '../core/columns.ts'
import { type Kept, mergeQueries, mergeTopNames, queryRows } from '../core/dns-queries.ts'
import { EXIT, UsageError, withNats } from '../invocation.ts'
import { askQueries, askTopNames } from '../io/dns-queries.ts'
import { shortTime } from '../times.ts'

const DEFAULT_LIMIT = 50
/** Of dns64's answer to `queries`. */
const MAX_LIMIT = 500

const LIMIT_OPTION = {
  limit: { kind: 'value', help: `how many at most, 1 to ${MAX_LIMIT}; ${DEFAULT_LIMIT} unless given` },
} as const

/** The number of --limit. */
const limitOf = ({ value }: Call): number => {
  const text = value('limit')
  if (text === undefined) return DEFAULT_LIMIT
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= MAX_LIMIT) return limit
  throw new UsageError(`--limit: "${text}": must be a whole number from 1 to ${MAX_LIMIT}`)
}

const OFF =
  'dns64 keeps no queries: dns64.queryLog is off in the site document; names, or clients, keeps them in memory\n'

const nothing = (kept: Kept | null, sentence: string): string => {
  if (kept === null) return ''
  return kept === 'off' ? OFF : sentence
}

export const DNS_QUERIES: Command = {
  words: 'dns queries',
  examples: [
    'dns queries',
    'dns queries example.net --rcode=NXDOMAIN',
    'dns queries --reason=synthesised --limit=500 --json',
  ],
  parameters: ['[NAME]'],
  options: {
    client: { kind: 'value', help: 'of that address alone (with dns64.queryLog: clients)' },
    type: { kind: 'value', help: 'of that type alone: AAAA, TYPE65' },
    rcode: { kind: 'value', help: 'with that RCODE alone: NOERROR, NXDOMAIN, SERVFAIL, REFUSED' },
    reason: { kind: 'value', help: 'for that reason alone: synthesised, upstream, local, failed …' },
    ...LIMIT_OPTION,
    ...JSON_OPTION,
  },
  help: 'the newest queries, and why each answer is what it is; with NAME those whose name has it in it',
  run: async (call) => {
    const { variables, terminal, parameters, flag, value } = call
    const limit = limitOf(call)
    const filter = Object.fromEntries(['client', 'type', 'rcode', 'reason'].map((option) => [option, value(option)]))
    return await withNats(variables, terminal, async ({ link }) => {
      const { answers, complaints, wrong } = await askQueries(link, { ...filter, name: parameters[0], limit })
      if (wrong !== undefined) throw new UsageError(`"dns queries": ${wrong}`)
      const { kept, queries, sentences } = mergeQueries(answers, limit)
      if (flag('json')) terminal.print(`${JSON.stringify({ kept, queries, sentences, complaints }, null, 2)}\n`)
      else if (queries.length === 0) terminal.print(nothing(kept, 'no query that is kept is like that\n'))
      else {
        terminal.print(renderColumns(queryRows(queries, kept, shortTime)))
        const reasons = [...new Set(queries.map(({ reason }) => reason))]
        terminal.print(`\n${renderColumns(reasons.map((reason) => [reason, sentences[reason] ?? '']))}`)
      }
      for (const complaint of complaints) terminal.complain(complaint)
      return complaints.length === 0 ? EXIT.OK : EXIT.NOT_WELL
    })
  },
}

export const DNS_TOP: Command = {
  words: 'dns top',
  examples: ['dns top', 'dns top --limit=10 --json'],
  parameters: [],
  options: { ...LIMIT_OPTION, ...JSON_OPTION },
  help: 'the names asked for most, in this hour and the one before',
  run: async (call) => {
    const { variables, terminal, flag } = call
    const limit = limitOf(call)
    return await withNats(variables, terminal, async ({ link }) => {
      const { answers, complaints } = await askTopNames(link)
      const { kept, sinceMs, names } = mergeTopNames(answers, limit)
      if (flag('json')) terminal.print(`${JSON.stringify({ kept, sinceMs, names, complaints }, null, 2)}\n`)
      else if (names.length === 0 || sinceMs === null) terminal.print(nothing(kept, 'nothing was asked in that time\n'))
      else {
        const rows = names.map(({ name, queries, overAtMost }) => [
          String(queries),
          overAtMost === 0 ? '-' : String(overAtMost),
          name,
        ])
        terminal.print(
          `since ${shortTime(sinceMs)}\n${renderColumns([['QUERIES', 'TOO HIGH BY AT MOST', 'NAME'], ...rows])}`,
        )
      }
      for (const complaint of complaints) terminal.complain(complaint)
      return complaints.length === 0 ? EXIT.OK : EXIT.NOT_WELL
    })
  },
}
