import { docker, tryDocker } from './engine.ts'
import { inNetns, type Netns } from './netns.ts'
import { type Result, type RunOptions, run } from './command.ts'

/** What a command typed at some place answered. `output` has stdout and stderr as a terminal shows them. */
export interface Answer {
  readonly code: number
  readonly output: string
}

/** Somewhere a command line can be typed. */
export interface Place {
  readonly name: string
  /** Types `line` into a shell there and waits. Any exit code is an answer; only a missed deadline throws. */
  type(line: string, options?: RunOptions): Promise<Answer>
}

// Both streams into one, in the order they were written, because the transcript shows what a person would see.
const merged = (line: string) => ['sh', '-c', `exec 2>&1\n${line}`]
const answer = (result: Result): Answer => ({ code: result.code, output: result.stdout })

/** A shell in a network namespace, with the machine's own files, in directory `cwd`. */
export const netnsPlace = (name: string, netns: Netns, cwd: string): Place => ({
  name,
  type: async (line, options) => answer(await run(inNetns(netns, merged(line)), { cwd, ...options })),
})

/** A shell in a running container of the site engine. */
export const containerPlace = (name: string, container: string): Place => ({
  name,
  type: async (line, options) => {
    const result = await tryDocker(['exec', container, ...merged(line)], options)
    return { code: result.code, output: result.stdout + result.stderr }
  },
})

/** A command that runs in a container while a test does something else; its output goes to a file there. */
export interface Background {
  /** What it has written so far. */
  output(): Promise<string>
  /** Sends SIGINT (which makes ping and curl print their summary), waits for the end, returns the whole output. */
  finish(): Promise<string>
}

let backgroundCount = 0

/** Starts `line` in `container`. It runs until `finish`, or until the container goes. */
export async function background(container: string, line: string): Promise<Background> {
  const file = `/tmp/background-${++backgroundCount}`
  // bash: a background child of dash would have SIGINT ignored. `exec` keeps the pid.
  await docker(['exec', '-d', container, 'bash', '-c', `echo $$ >${file}.pid; exec ${line} >${file} 2>&1`])
  const inside = async (script: string) => (await docker(['exec', container, 'bash', '-c', script])).trimEnd()
  await inside(`until [ -s ${file}.pid ]; do read -rt 0.05 <> <(:) || true; done`)
  return {
    output: () => inside(`cat ${file}`),
    finish: () =>
      inside(
        `p=$(<${file}.pid); kill -INT "$p"; while [ -e /proc/$p ]; do read -rt 0.05 <> <(:) || true; done; cat ${file}`,
      ),
  }
}
