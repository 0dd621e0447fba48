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

/** Words as a pattern of `case`, followed by `end`: blanks stand for themselves, `*` for any word. */
const pattern = (typed: string, end = ''): string =>
  typed === '' ? "('')" : `(${typed.replaceAll(' ', String.raw`\ `)}${end})`

const array = (words: readonly string[]): string => `(${words.map(quoted).join(' ')})`

/** For bash and zsh alike: sets the arrays `options` and `offers` from the words before the cursor, `typed`. */
const lookUp = (commands: readonly CompletedCommand[]): string => {
  const options = commands.map(
    ({ words, options: own }) => `    ${pattern(words, '*')} options=${array([...own, '--help'])} ;;`,
  )
  const offers = [...followers(commands)].map(([typed, words]) => `    ${pattern(typed)} offers=${array(words)} ;;`)
  return `  case $typed in
${options.join('\n')}
  esac
  case $typed in
${offers.join('\n')}
  esac`
}

const bash = (
  commands: readonly CompletedCommand[],
): string => `# bash completion of sixgate: source <(sixgate completion bash)
_sixgate() {
  local current=\${COMP_WORDS[COMP_CWORD]} typed='' index
  local -a offers=() options=('--help')
  for ((index = 1; index < COMP_CWORD; index++)); do
    [[ \${COMP_WORDS[index]} == -* ]] || typed+="\${typed:+ }\${COMP_WORDS[index]}"
  done
${lookUp(commands)}
  if [[ $current == -* ]]; then offers=("\${options[@]}"); fi
  mapfile -t COMPREPLY < <(compgen -W "\${offers[*]}" -- "$current")
}
complete -o default -F _sixgate sixgate
`

const zsh = (commands: readonly CompletedCommand[]): string => `#compdef sixgate
# zsh completion of sixgate: source <(sixgate completion zsh)
_sixgate() {
  local typed='' word
  local -a offers options
  options=('--help')
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] || typed+="\${typed:+ }$word"
  done
${lookUp(commands)}
  if [[ \${words[CURRENT]} == -* ]]; then
    compadd -- $options
  elif (( $#offers )); then
    compadd -- $offers
  else
    _files
  fi
}
compdef _sixgate sixgate
`

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
  echo "$typed"
end
function __sixgate_typed
  string match -q -- $argv[1] (__sixgate_words)
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
