import type { Command } from '../command.ts'
import { type CompletedCommand, completionScript, isShell, SHELLS } from '../core/completion.ts'
import { EXIT } from '../invocation.ts'

const completed = ({ words, help, options, parameters, choices = {} }: Command): CompletedCommand => ({
  words,
  help,
  options: Object.keys(options).map((name) => `--${name}`),
  choices: parameters.map((name) => choices[name.replaceAll(/[[\]]/g, '')] ?? []),
})

/** `commands`: the whole table, this command included. */
export const completionCommand = (commands: () => readonly Command[]): Command => ({
  words: 'completion',
  parameters: ['SHELL'],
  choices: { SHELL: SHELLS },
  options: {},
  help: `a script that makes SHELL (${SHELLS.join(', ')}) complete these commands`,
  examples: ['completion bash > ~/.local/share/bash-completion/completions/sixgate', 'completion fish | source'],
  run: async ({ terminal, parameters: [shell] }) => {
    if (!isShell(shell)) {
      terminal.complain(`"${shell}": there is completion for ${SHELLS.join(', ')}`)
      return EXIT.USAGE
    }
    terminal.print(completionScript(shell, commands().map(completed)))
    return EXIT.OK
  },
})
