import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import type { Command } from './command.ts'
import { UsageError } from './invocation.ts'

/** An option as it was typed. */
interface GivenOption {
  readonly name: string
  /** With its dashes. */
  readonly rawName: string
  readonly value: string | undefined
  /** The value stood behind `=`. */
  readonly isInline: boolean
}

/** A command line, before it is known whose its options are. */
export interface CommandLine {
  readonly positionals: readonly string[]
  /** Without --help and --version. */
  readonly options: readonly GivenOption[]
  readonly isHelp: boolean
  readonly isVersion: boolean
}

/** `args`: without the program's name. What options take a word, all `commands` together say. */
export const readCommandLine = (args: readonly string[], commands: readonly Command[]): CommandLine => {
  const options: ParseArgsOptionsConfig = Object.fromEntries([
    ['help', { type: 'boolean', short: 'h' } as const],
    ['version', { type: 'boolean' } as const],
    ...commands.flatMap((command) =>
      Object.entries(command.options).map(
        ([name, { kind }]) => [name, { type: kind === 'flag' ? 'boolean' : 'string' } as const] as const,
      ),
    ),
  ])
  const { positionals, tokens } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const given = tokens.flatMap((token): GivenOption[] =>
    token.kind === 'option'
      ? [{ name: token.name, rawName: token.rawName, value: token.value, isInline: token.inlineValue ?? false }]
      : [],
  )
  const has = (wanted: string): boolean => given.some(({ name }) => name === wanted)
  const others = given.filter(({ name }) => name !== 'help' && name !== 'version')
  return { positionals, options: others, isHelp: has('help'), isVersion: has('version') }
}

const listOf = (names: readonly string[]): string => names.join(', ')

/** The words of options, by name; a flag has the word ''. Throws UsageError for what the command does not allow. */
export const checkOptions = (
  { words, options }: Command,
  given: readonly GivenOption[],
): ReadonlyMap<string, string> => {
  const checked = new Map<string, string>()
  for (const { name, rawName, value, isInline } of given) {
    const option = Object.hasOwn(options, name) ? options[name] : undefined
    if (option === undefined)
      throw new UsageError(
        `"${words}" has no option ${rawName}; it has: ${listOf([...Object.keys(options), 'help'].map((one) => `--${one}`))}`,
      )
    if (option.kind === 'flag') {
      if (value !== undefined) throw new UsageError(`--${name} takes no value, and has "${value}"`)
      checked.set(name, '')
      continue
    }
    if (value === undefined || value === '' || (!isInline && value.startsWith('-')))
      throw new UsageError(`--${name} needs a value: --${name}=…`)
    if (option.choices !== undefined && !option.choices.includes(value))
      throw new UsageError(`--${name}: "${value}": must be one of ${listOf(option.choices)}`)
    checked.set(name, value)
  }
  return checked
}

/** Throws UsageError when there are too many, too few, or one that is none of its choices. */
export const checkParameters = (
  { words, parameters, choices = {} }: Command,
  given: readonly string[],
): readonly string[] => {
  const surplus = given[parameters.length]
  if (surplus !== undefined) throw new UsageError(`"${words}" does not take "${surplus}"`)
  const missing = parameters.slice(given.length).find((name) => !name.startsWith('['))
  if (missing !== undefined) throw new UsageError(`"${words}" needs ${missing}`)
  for (const [index, value] of given.entries()) {
    const name = (parameters[index] ?? '').replaceAll(/[[\]]/g, '')
    const allowed = choices[name]
    if (allowed !== undefined && !allowed.includes(value))
      throw new UsageError(`"${words}", ${name}: "${value}": must be one of ${listOf(allowed)}`)
  }
  return given
}

/** What to say of words that no command begins with. */
export const unknownCommand = (positionals: readonly string[], commands: readonly Command[]): UsageError => {
  const [first = ''] = positionals
  const inGroup = commands.filter(({ words }) => words.startsWith(`${first} `)).map(({ words }) => words)
  const all = [...new Set(commands.map(({ words }) => words.split(' ')[0] ?? ''))]
  return new UsageError(
    `there is no command "${positionals.join(' ')}"; there are: ${listOf(inGroup.length > 0 ? inGroup : all)}`,
  )
}
