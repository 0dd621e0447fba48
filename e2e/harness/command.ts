import { type ChildProcess, spawn } from 'node:child_process'
import { SLOWNESS } from '@sixgate/testkit'

/** What a finished command left: exit code (128 + signal when killed), and its two streams as text. */
export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  /** After this many seconds the command is killed and `run` throws: no command may hang a test run. Default 60. Emulated machines have SLOWNESS times as long. */
  readonly deadlineS?: number
  readonly env?: Readonly<Record<string, string>>
  /** Working directory, the caller's own when left out. */
  readonly cwd?: string
}

/** A command that failed, or did not end in time. The message holds the command line and what it said. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly result: Result | undefined
  constructor(message: string, result?: Result) {
    super(message)
    this.result = result
  }
}

const running = new Set<ChildProcess>()

/** Kills every command that runs now, for when this process is about to end. */
export function killRunning(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** Runs `argv` without a shell and waits for its end. Any exit code is a result; only a missed deadline throws. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
  const [file, ...args] = argv
  if (file === undefined) throw new TypeError('run: argv is empty')
  const deadlineS = (options.deadlineS ?? 60) * SLOWNESS
  const env = { ...process.env, ...options.env }
  const child = spawn(file, args, { cwd: options.cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
  running.add(child)
  const out: string[] = []
  const err: string[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text))
  child.stdin.on('error', () => {}) // A command that does not read its input may end before it is written.
  child.stdin.end(options.input ?? '')
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  child.on('error', reject)
  child.on('close', (code, signal) => resolve(code ?? 128 + (signal === 'SIGKILL' ? 9 : 15)))
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, deadlineS * 1000)
  const code = await promise.finally(() => {
    clearTimeout(timer)
    running.delete(child)
  })
  const result = { code, stdout: out.join(''), stderr: err.join('') }
  if (late) throw new CommandError(`${argv.join(' ')}: did not end within ${deadlineS} s\n${said(result)}`, result)
  return result
}

/** Runs `argv` and returns its stdout; throws CommandError when the exit code is not 0. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options)
  if (result.code !== 0) throw new CommandError(`${argv.join(' ')}: exit code ${result.code}\n${said(result)}`, result)
  return result.stdout
}

const said = (result: Result) => `${result.stdout}${result.stderr}`.trim()
