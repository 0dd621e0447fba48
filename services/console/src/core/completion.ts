/** What completion has to know of a command. */
export interface CompletedCommand {
  /** One or two words. */
  readonly words: string
  readonly help: string
  /** Names with `--`. */
  readonly options: readonly string[]
  /** What may follow the words, in order; empty: anything (a file, a name). */
  readonly choices: readonly (readonly string[])[]
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

export const isShell = (text: string | undefined): text is Shell => SHELLS.some((shell) => shell === text)

/** First words, each once. */
const firstWords = (commands: readonly CompletedCommand[]): string[] => [
  ...new Set(commands.map(({ words }) => words.split(' ')[0] ?? '')),
]

/** What may come behind words that were typed: second words, then choices of the parameters; by those words. */
const followers = (commands: readonly CompletedCommand[]): ReadonlyMap<string, readonly string[]> => {
  const all = new Map<string, readonly string[]>([['', firstWords(commands)]])
  for (const { words } of commands) {
    const [first = '', second] = words.split(' ')
    if (second !== undefined) all.set(first, [...(all.get(first) ?? []), second])
  }
  // `*` stands for any word.
  for (const { words, choices } of commands)
    for (const [index, values] of choices.entries()) {
      const typed = [words, ...Array.from({ length: index }, () => '*')].join(' ')
      if (values.length > 0) all.set(typed, [...(all.get(typed) ?? []), ...values])
    }
  return all
}

/** For the shells' own quotes; the texts are ours and have no single quote but in help. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

const bash = (commands: readonly CompletedCommand[]): string => {
  const cases = [...followers(commands)].map(
    ([typed, words]) =>
      `    ${typed === '' ? "''" : typed.replaceAll(' ', String.raw`\ `)}) words=${quoted(words.join(' '))} ;;`,
  )
  const options = commands.map(
    ({ words, options: own }) =>
      `    ${words.replaceAll(' ', String.raw`\ `)}*) options=${quoted([...own, '--help'].join(' '))} ;;`,
  )
  return `# bash completion of sixgate: source <(sixgate completion bash)
_sixgate() {
  local current=\${COMP_WORDS[COMP_CWORD]} typed='' words='' options='--help' index
  for ((index = 1; index < COMP_CWORD; index++)); do
    [[ \${COMP_WORDS[index]} == -* ]] || typed+="\${typed:+ }\${COMP_WORDS[index]}"
  done
  case $typed in
${options.join('\n')}
  esac
  case $typed in
${cases.join('\n')}
  esac
  if [[ $current == -* ]]; then words=$options; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _sixgate sixgate
`
}

const zsh = (commands: readonly CompletedCommand[]): string => {
  const cases = [...followers(commands)].map(
    ([typed, words]) =>
      `    (${typed === '' ? '' : typed.replaceAll(' ', String.raw`\ `)}) words_here=(${words.map(quoted).join(' ')}) ;;`,
  )
  const options = commands.map(
    ({ words, options: own }) =>
      `    (${words.replaceAll(' ', String.raw`\ `)}*) options=(${[...own, '--help'].map(quoted).join(' ')}) ;;`,
  )
  return `#compdef sixgate
# zsh completion of sixgate: source <(sixgate completion zsh)
_sixgate() {
  local typed='' word
  local -a words_here options
  options=('--help')
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] || typed+="\${typed:+ }$word"
  done
  case $typed in
${options.join('\n')}
  esac
  case $typed in
${cases.join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    compadd -- $options
  elif (( $#words_here )); then
    compadd -- $words_here
  else
    _files
  fi
}
compdef _sixgate sixgate
`
}

const fish = (commands: readonly CompletedCommand[]): string => {
  const lines = [...followers(commands)].map(
    ([typed, words]) =>
      `complete -c sixgate -f -n ${quoted(`__sixgate_typed ${quoted(typed)}`)} -a ${quoted(words.join(' '))}`,
  )
  const options = commands.flatMap(({ words, options: own }) =>
    [...own, '--help'].map(
      (option) => `complete -c sixgate -n ${quoted(`__sixgate_begins ${quoted(words)}`)} -l ${option.slice(2)}`,
    ),
  )
  return `# fish completion of sixgate: sixgate completion fish | source
function __sixgate_words
  set -l typed
  for word in (commandline -opc)[2..]
    string match -q -- '-*' $word; or set -a typed $word
  end
  string join ' ' $typed
end
function __sixgate_typed
  string match -q -- $argv[1] (__sixgate_words; or echo '')
end
function __sixgate_begins
  string match -q -- "$argv[1]*" (__sixgate_words)
end
${[...lines, ...options].join('\n')}
`
}

/** A script that makes a shell complete the command lines of sixgate, from the table of commands. */
export const completionScript = (shell: Shell, commands: readonly CompletedCommand[]): string =>
  ({ bash, zsh, fish })[shell](commands)
