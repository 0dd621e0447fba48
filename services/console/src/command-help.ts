import type { Command } from './command.ts'

const HELP_COLUMN = 34

const usageOf = ({ words, parameters, options }: Command): string => {
  const names = Object.entries(options).map(([name, { kind }]) => `[--${name}${kind === 'value' ? '=…' : ''}]`)
  return ['sixgate', words, ...parameters, ...names].join(' ')
}

/** `  name   what it does`, the latter on a line of its own when the name is long. */
const entry = (name: string, help: string): string => {
  const head = `  ${name}`
  const gap = head.length < HELP_COLUMN ? ' '.repeat(HELP_COLUMN - head.length) : `\n${' '.repeat(HELP_COLUMN)}`
  return `${head}${gap}${help}`
}

/** `sixgate --help`. */
export const siteHelp = (commands: readonly Command[]): string => `sixgate: the gateway of this site

${commands.map(({ words, parameters, help }) => entry([words, ...parameters].join(' '), help)).join('\n')}

sixgate COMMAND --help says more of one, with examples. --json prints for programs.

Examples
  docker compose exec console sixgate status
  docker compose exec console sixgate status --watch
  docker compose exec -T console sixgate config validate - < new-site.yaml

Exit status: 0 all is well, 1 something is not, 2 the command was wrong.
`

/** `sixgate COMMAND --help`. */
export const commandHelp = (command: Command): string => {
  const { help, options, choices = {}, examples } = command
  const optionLines = Object.entries(options).map(([name, { kind, help: text }]) =>
    entry(`--${name}${kind === 'value' ? '=…' : ''}`, text),
  )
  const choiceLines = Object.entries(choices).map(([name, words]) => entry(name, words.join(' ')))
  const lines = [...choiceLines, ...optionLines]
  return `${usageOf(command)}

${help}
${lines.length === 0 ? '' : `\n${lines.join('\n')}\n`}
Examples
${examples.map((line) => `  sixgate ${line}\n`).join('')}`
}
