import { type Command, JSON_OPTION } from '../command.ts'
import { type CompletedCommand, completionScript, isShell, SHELLS } from '../core/completion.ts'
import { EXIT, UsageError } from '../invocation.ts'

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
  options: {
    ...JSON_OPTION,
    json: { kind: 'flag', help: 'for programs: the commands that the script completes, and the script' },
  },
  help: `a script that makes SHELL (${SHELLS.join(', ')}) complete these commands`,
  examples: ['completion bash > ~/.local/share/bash-completion/completions/sixgate', 'completion fish | source'],
  run: async ({ terminal, parameters: [shell], flag }) => {
    // One of `choices`, or the command line would have been refused.
    if (!isShell(shell)) throw new UsageError(`there is completion for ${SHELLS.join(', ')}`)
    const table = commands().map(completed)
    const script = completionScript(shell, table)
    terminal.print(flag('json') ? `${JSON.stringify({ shell, commands: table, script }, null, 2)}\n` : script)
    return EXIT.OK
  },
})
