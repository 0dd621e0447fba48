import { execFile } from 'node:child_process'
import { classifyFailure, FAILURE_TEXT, type NftFailure } from '../core/diagnose.ts'

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
const TIMEOUT_MS = 20_000
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024

/**
 * Without the machine's locale the messages are those that `classifyFailure` knows. nft reads and prints hours in its own time
 * zone; the kernel knows UTC only, and so do we.
 */
const toolEnvironment = (timeZone: string): NodeJS.ProcessEnv => ({ ...process.env, LC_ALL: 'C', TZ: timeZone })

/** Runs a tool and returns its standard output; `timeZone`: what `meta hour` in its input means. Throws NftError. */
export const runTool = (tool: string, args: readonly string[], timeZone = 'UTC0'): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = {
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: OUTPUT_MAX_BYTES,
      env: toolEnvironment(timeZone),
    } as const
    execFile(tool, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      if (error.code === 'ENOENT') return reject(new NftError('missing', tool, '', error))
      // A text is an error number of execve(2), a number the exit status.
      if (typeof error.code === 'string') return reject(new NftError('unusable', tool, error.code, error))
      if (error.killed === true) return reject(new NftError('timeout', tool, stderr, error))
      // nft -j reports on standard output in some versions.
      const printed = `${stderr}${stderr === '' ? stdout : ''}`
      const detail = printed.trim() === '' ? `it said nothing and ended with ${error.signal ?? error.code}` : printed
      return reject(new NftError(classifyFailure(detail), tool, detail, error))
    })
  })

/** Runs nft and reads what it printed; what cannot be read is an NftError too. */
export const askNft = async <T>(args: readonly string[], parse: (text: string) => T): Promise<T> => {
  const text = await runTool('nft', args)
  try {
    return parse(text)
  } catch (error) {
    throw new NftError('unreadable', 'nft', `${String(error)}: ${text.slice(0, 100)}`, error)
  }
}
