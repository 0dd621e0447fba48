import type { Step, Suite } from './suites.ts'

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

const stepLines = ({ name, argv, environment = {} }: Step): string[] => {
  const assignments = Object.entries(environment).map(([key, value]) => `${key}=${quote(value)}`)
  return [
    `echo ${quote(`vm: step begins: ${name}`)}`,
    [...assignments, ...argv.map(quote)].join(' '),
    's=$?',
    `echo "vm: step ended with status $s: "${quote(name)}`,
    '[ "$s" = 0 ] || status=1',
  ]
}

/** The shell script that the guest's process 1 runs in one of its lives: every step, whatever became of those before it. */
export const suiteScript = (suite: Pick<Suite, 'modules'>, steps: readonly Step[]): string =>
  [
    'status=0',
    ...suite.modules.map((module) => `modprobe -q ${module}`),
    ...steps.flatMap(stepLines),
    'exit $status',
    '',
  ].join('\n')
