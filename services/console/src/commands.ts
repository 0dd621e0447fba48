import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { SiteError } from '@sixgate/site'
import type { Command } from './command.ts'
import { commandHelp, siteHelp } from './command-help.ts'
import { BACKUP } from './commands/backup.ts'
import { completionCommand } from './commands/completion.ts'
import { CONFIG_APPLY, CONFIG_SHOW, CONFIG_VALIDATE } from './commands/config.ts'
import { CONFIG_DIFF, CONFIG_HISTORY, CONFIG_ROLLBACK } from './commands/config-history.ts'
import { DOCTOR } from './commands/doctor.ts'
import { DNS_EXPLAIN } from './commands/dns-explain.ts'
import { DNS_QUERIES, DNS_TOP } from './commands/dns-queries.ts'
import { DROPS } from './commands/drops.ts'
import { EVENTS } from './commands/events.ts'
import { FIREWALL_RULES } from './commands/firewall-rules.ts'
import { HOSTS } from './commands/hosts.ts'
import { LOG_LEVEL } from './commands/log-level.ts'
import { METRICS } from './commands/metrics.ts'
import { RA_NEIGHBOURS } from './commands/ra-neighbours.ts'
import { RESTORE } from './commands/restore.ts'
import { STATUS } from './commands/status.ts'
import { SUPPORT_BUNDLE } from './commands/support-bundle.ts'
import { WEB } from './commands/web.ts'
import { EXIT, type Terminal, type Variables } from './invocation.ts'

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  STATUS,
  DOCTOR,
  HOSTS,
  DROPS,
  DNS_EXPLAIN,
  DNS_QUERIES,
  DNS_TOP,
  FIREWALL_RULES,
  RA_NEIGHBOURS,
  WEB,
  CONFIG_SHOW,
  CONFIG_VALIDATE,
  CONFIG_DIFF,
  CONFIG_APPLY,
  CONFIG_HISTORY,
  CONFIG_ROLLBACK,
  EVENTS,
  METRICS,
  LOG_LEVEL,
  BACKUP,
  RESTORE,
  SUPPORT_BUNDLE,
  completionCommand(() => COMMANDS),
]

/** What parseArgs has to know: the options of all commands, and --help. */
const OPTIONS: ParseArgsOptionsConfig = Object.fromEntries([
  ['help', { type: 'boolean', short: 'h' } as const],
  ...COMMANDS.flatMap(({ options }) =>
    Object.entries(options).map(
      ([name, { kind }]) => [name, { type: kind === 'flag' ? 'boolean' : 'string' } as const] as const,
    ),
  ),
])

const usage = (terminal: Terminal, complaint: string): number => {
  terminal.complain(`${complaint}; see: sixgate --help`)
  return EXIT.USAGE
}

/** The command that the words begin with: the one of more words first. */
const findCommand = (positionals: readonly string[]): Command | undefined =>
  [2, 1].flatMap((count) => {
    const words = positionals.slice(0, count).join(' ')
    return COMMANDS.filter((command) => command.words === words)
  })[0]

const dispatch = async (args: string[], variables: Variables, terminal: Terminal): Promise<number> => {
  const { positionals, values } = parseArgs({ args, allowPositionals: true, options: OPTIONS })
  const [first] = positionals
  if (first === undefined || first === 'help') {
    terminal.print(siteHelp(COMMANDS))
    return values.help === true || first === 'help' ? EXIT.OK : EXIT.USAGE
  }
  const command = findCommand(positionals)
  if (command === undefined) {
    const inGroup = COMMANDS.filter(({ words }) => words.startsWith(`${first} `))
    if (values.help === true && inGroup.length > 0) {
      terminal.print(inGroup.map(commandHelp).join('\n'))
      return EXIT.OK
    }
    return usage(terminal, `there is no command "${positionals.join(' ')}"`)
  }
  if (values.help === true) {
    terminal.print(commandHelp(command))
    return EXIT.OK
  }
  const { words, options } = command
  const foreign = Object.keys(values).find((option) => !Object.hasOwn(options, option))
  if (foreign !== undefined) return usage(terminal, `"${words}" has no option --${foreign}`)
  const parameters = positionals.slice(words.split(' ').length)
  const surplus = parameters[command.parameters.length]
  if (surplus !== undefined) return usage(terminal, `"${words}" does not take "${surplus}"`)
  const missing = command.parameters.slice(parameters.length).find((name) => !name.startsWith('['))
  if (missing !== undefined) return usage(terminal, `"${words}" needs ${missing}`)
  return await command.run({
    variables,
    terminal,
    parameters,
    flag: (option) => values[option] === true,
    value: (option) => {
      const value = values[option]
      return typeof value === 'string' ? value : undefined
    },
  })
}

const isParseArgsError = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')

/** Runs one command line, without the program's name. Returns the exit status. */
export const runCommand = async (args: string[], variables: Variables, terminal: Terminal): Promise<number> => {
  try {
    return await dispatch(args, variables, terminal)
  } catch (error) {
    if (isParseArgsError(error)) return usage(terminal, error.message)
    terminal.complain(error instanceof Error ? error.message : String(error))
    if (error instanceof SiteError) terminal.complain('nothing was changed')
    return EXIT.NOT_WELL
  }
}
