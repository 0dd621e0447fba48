import type { Terminal, Variables } from './invocation.ts'

export interface CommandOption {
  /** `flag`: there or not; `value`: takes a word. */
  readonly kind: 'flag' | 'value'
  /** The words that a value can be, where these are few. */
  readonly choices?: readonly string[]
  /** What it does, for the help. */
  readonly help: string
}

/** One command line, already checked against what the command allows. */
export interface Call {
  readonly variables: Variables
  readonly terminal: Terminal
  /** As many as given, at most as many as the command names. */
  readonly parameters: readonly string[]
  /** Whether the option of kind `flag` was given. */
  readonly flag: (option: string) => boolean
  /** The word of the option of kind `value`; undefined: not given. */
  readonly value: (option: string) => string | undefined
}

/** A command of `sixgate`; `src/commands.ts` lists them all. */
export interface Command {
  /** One or two words: `status`, `config show`. */
  readonly words: string
  /** Names of what follows, in order; in brackets when it may be left out: `[FILE]`. */
  readonly parameters: readonly string[]
  /** By name of a parameter, without brackets: the words that it can be, where these are few. */
  readonly choices?: Readonly<Record<string, readonly string[]>>
  readonly options: Readonly<Record<string, CommandOption>>
  /** One line for the help. */
  readonly help: string
  /** Command lines without the program's name, for `--help`. */
  readonly examples: readonly string[]
  /** Returns the exit status; what it throws becomes a complaint and exit status 1. */
  run(call: Call): Promise<number>
}

export const JSON_OPTION = { json: { kind: 'flag', help: 'for programs' } } as const satisfies Command['options']
