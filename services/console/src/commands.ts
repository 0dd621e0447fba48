import { parseArgs } from 'node:util'
import { SiteError } from '@sixgate/site'
import { applyConfig, showConfig, validateConfig } from './config-commands.ts'
import { EXIT, type Terminal, type Variables } from './invocation.ts'
import { showStatus } from './status-command.ts'

const HELP = `sixgate: the gateway of this site

  sixgate status [--watch] [--json]   every service: instance, revision of the document, state, what to do about problems
  sixgate config show [--json]        the document in force, with what "auto" stands for
  sixgate config validate [FILE]      checks site.yaml, or FILE, and changes nothing
  sixgate config apply                publishes site.yaml now and waits until every service runs it

Examples
  docker compose exec console sixgate status
  docker compose exec console sixgate status --watch
  docker compose exec console sixgate config validate
  docker compose exec -T console sixgate config validate /dev/stdin < new-site.yaml

Exit status: 0 all is well, 1 something is not, 2 the command was wrong.
`

const OPTIONS = {
  json: { type: 'boolean' },
  watch: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** The options that a command knows, by its words. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  status: ['json', 'watch'],
  'config show': ['json'],
  'config validate': [],
  'config apply': [],
}

const usage = (terminal: Terminal, complaint: string): number => {
  terminal.complain(`${complaint}; see: sixgate --help`)
  return EXIT.USAGE
}

const dispatch = async (parameters: string[], variables: Variables, terminal: Terminal): Promise<number> => {
  const { positionals, values } = parseArgs({ args: parameters, allowPositionals: true, options: OPTIONS })
  if (values.help === true || positionals[0] === 'help') {
    terminal.print(HELP)
    return EXIT.OK
  }
  if (positionals.length === 0) {
    terminal.print(HELP)
    return EXIT.USAGE
  }
  const wordCount = positionals[0] === 'config' ? 2 : 1
  const command = positionals.slice(0, wordCount).join(' ')
  const [file, ...surplus] = positionals.slice(wordCount)
  const known = KNOWN[command]
  if (known === undefined) return usage(terminal, `there is no command "${positionals.join(' ')}"`)
  const foreign = Object.keys(values).find((option) => !known.includes(option))
  if (foreign !== undefined) return usage(terminal, `"${command}" has no option --${foreign}`)
  const unexpected = command === 'config validate' ? surplus[0] : file
  if (unexpected !== undefined) return usage(terminal, `"${command}" does not take "${unexpected}"`)
  const json = values.json ?? false
  if (command === 'status') return await showStatus(variables, terminal, { json, watch: values.watch ?? false })
  if (command === 'config show') return await showConfig(variables, terminal, json)
  if (command === 'config validate') return await validateConfig(variables, terminal, file)
  return await applyConfig(variables, terminal)
}

const isParseArgsError = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')

/** Runs one command line, without the program's name. Returns the exit status. */
export const runCommand = async (parameters: string[], variables: Variables, terminal: Terminal): Promise<number> => {
  try {
    return await dispatch(parameters, variables, terminal)
  } catch (error) {
    if (isParseArgsError(error)) return usage(terminal, error.message)
    terminal.complain(error instanceof Error ? error.message : String(error))
    if (error instanceof SiteError) terminal.complain('nothing was changed')
    return EXIT.NOT_WELL
  }
}
