import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { classifyFailure, FAILURE_TEXT, type NftFailure } from '../core/diagnose.ts'
import { withMemoryFile } from './memory-file.ts'

/** nft, iptables or ip6tables did not do what was asked. The message says which, why, and what to do. */
export class NftError extends Error {
  readonly code: NftFailure
  /** What the tool printed; empty when it did not run. */
  readonly detail: string

  constructor(code: NftFailure, tool: string, detail: string, cause?: unknown) {
    super(FAILURE_TEXT[code](tool, detail), { cause })
    this.name = 'NftError'
    this.code = code
    this.detail = detail
  }
}

/** nft takes 5 ms, with 10,000 rules 1 s; iptables waits up to 5 s for its lock. A machine may be overloaded beyond that. */
const TIMEOUT_MS = 60_000

/**
 * Without the machine's locale the messages are those that `classifyFailure` knows. nft reads and prints hours in its own time
 * zone; the kernel knows UTC only, and so do we.
 */
const toolEnvironment = (timeZone: string): NodeJS.ProcessEnv => ({ ...process.env, LC_ALL: 'C', TZ: timeZone })

/** What a tool is run with, beside its arguments. */
export interface ToolRun {
  /** What `meta hour` in its input means. */
  readonly timeZone?: string
  /** A descriptor that becomes its standard input; it stays open. Without one there is nothing to read. */
  readonly stdin?: number
}

/** Runs a tool and returns its standard output. Throws NftError. */
export const runTool = async (
  tool: string,
  args: readonly string[],
  { timeZone = 'UTC0', stdin }: ToolRun = {},
): Promise<string> => {
  const child = start(tool, args, {
    stdio: [stdin ?? 'ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    env: toolEnvironment(timeZone),
  })
  const outputs = Promise.all([read(child.stdout), read(child.stderr)])
  // Of a tool that was not started there is nothing to read.
  outputs.catch(() => {})
  const [code, signal] = await once(child, 'close').catch((error: unknown) => {
    throw startError(tool, error)
  })
  const [stdout, stderr] = await outputs
  if (code === 0) return stdout
  if (child.killed) throw new NftError('timeout', tool, stderr)
  // nft -j reports on standard output in some versions.
  const printed = `${stderr}${stderr === '' ? stdout : ''}`
  const detail = printed.trim() === '' ? `it said nothing and ended with ${signal ?? code}` : printed
  throw new NftError(classifyFailure(detail), tool, detail)
}

const start = (tool: string, args: readonly string[], options: SpawnOptions): ChildProcess => {
  try {
    return spawn(tool, args, options)
  } catch (error) {
    throw startError(tool, error)
  }
}

/** null or undefined: there were not even descriptors for pipes. */
const read = async (stream: Readable | null | undefined): Promise<string> => (stream ? await text(stream) : '')

/** The tool was not started: `error.code` is an error number of execve(2). */
const startError = (tool: string, error: unknown): unknown => {
  if (!(error instanceof Error) || !('code' in error)) return error
  return error.code === 'ENOENT'
    ? new NftError('missing', tool, '', error)
    : new NftError('unusable', tool, String(error.code), error)
}

/** Lets nft run a script that is in no directory: a full disk does not keep a firewall from its rules. Throws NftError. */
export const runNftScript = (
  script: string,
  options: readonly string[] = [],
  run: Pick<ToolRun, 'timeZone'> = {},
): Promise<string> =>
  // Not `-f -`: nft 1.0 opens /dev/stdin anew, later versions go on reading where the writer of the file stopped.
  withMemoryFile('sixgate-nft', script, (stdin) =>
    runTool('nft', [...options, '-f', '/proc/self/fd/0'], { ...run, stdin }),
  )

/** Runs nft and reads what it printed; what cannot be read is an NftError too. */
export const askNft = async <T>(args: readonly string[], parse: (text: string) => T): Promise<T> => {
  const printed = await runTool('nft', args)
  try {
    return parse(printed)
  } catch (error) {
    throw new NftError('unreadable', 'nft', `${String(error)}: ${printed.slice(0, 100)}`, error)
  }
}
