import { VERSION } from '@sixgate/bus'
import { SiteError } from '@sixgate/site'
import type { Command } from './command.ts'
import { commandHelp, siteHelp } from './command-help.ts'
import { checkOptions, checkParameters, readCommandLine, unknownCommand } from './command-line.ts'
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
import { EXIT, type Terminal, UsageError, type Variables } from './invocation.ts'

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

/** The command that the words begin with: the one of more words first. */
const findCommand = (positionals: readonly string[]): Command | undefined =>
  [2, 1].flatMap((count) => {
    const words = positionals.slice(0, count).join(' ')
    return COMMANDS.filter((command) => command.words === words)
  })[0]

/** The help of a command, of all that begin with a word, or of everything. */
const helpOf = (positionals: readonly string[]): string => {
  const [first] = positionals
  if (first === undefined) return siteHelp(COMMANDS)
  const command = findCommand(positionals)
  if (command !== undefined) return commandHelp(command)
  const inGroup = COMMANDS.filter(({ words }) => positionals.length === 1 && words.startsWith(`${first} `))
  if (inGroup.length === 0) throw unknownCommand(positionals, COMMANDS)
  return inGroup.map(commandHelp).join('\n')
}

const dispatch = async (args: readonly string[], variables: Variables, terminal: Terminal): Promise<number> => {
  const { positionals, options, isHelp, isVersion } = readCommandLine(args, COMMANDS)
  const [first] = positionals
  if (isHelp || first === 'help') {
    terminal.print(helpOf(first === 'help' ? positionals.slice(1) : positionals))
    return EXIT.OK
  }
  if (isVersion) {
    terminal.print(`sixgate ${VERSION}\n`)
    return EXIT.OK
  }
  if (first === undefined) {
    terminal.print(siteHelp(COMMANDS))
    return EXIT.USAGE
  }
  const command = findCommand(positionals)
  if (command === undefined) throw unknownCommand(positionals, COMMANDS)
  const parameters = checkParameters(command, positionals.slice(command.words.split(' ').length))
  const values = checkOptions(command, options)
  return await command.run({
    variables,
    terminal,
    parameters,
    flag: (option) => values.has(option),
    value: (option) => values.get(option),
  })
}

/** Runs one command line, without the program's name. Returns the exit status. */
export const runCommand = async (
  args: readonly string[],
  variables: Variables,
  terminal: Terminal,
): Promise<number> => {
  try {
    return await dispatch(args, variables, terminal)
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.complain(`${error.message}; see: sixgate --help`)
      return EXIT.USAGE
    }
    terminal.complain(error instanceof Error ? error.message : String(error))
    if (error instanceof SiteError) terminal.complain('nothing was changed')
    return EXIT.NOT_WELL
  }
}
