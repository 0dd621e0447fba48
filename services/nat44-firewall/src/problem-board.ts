import type { Problem } from '@sixgate/bus'
import { type Logger, messageOf } from '@sixgate/obs'
import { NftError } from './io/run-tool.ts'

/** What the service looks after, each with problems of its own. */
export type Part =
  | 'facts'
  | 'helpers'
  | 'prefixes'
  | 'memory'
  | 'user-rules'
  | 'table'
  | 'forwarding'
  | 'conntrack'
  | 'docker'

export const problemOf = (part: string, error: unknown): Problem => ({
  code: error instanceof NftError ? `${part}-${error.code}` : `${part}-failed`,
  message: messageOf(error),
})

/** What is wrong now, by part; the log hears what is new, and what is over. */
export class ProblemBoard {
  readonly #log: Logger
  readonly #problems = new Map<Part, readonly Problem[]>()

  constructor(log: Logger) {
    this.#log = log
  }

  get all(): readonly Problem[] {
    return [...this.#problems.values()].flat()
  }

  /** The problems of a part, all of them: those that were there before and are not now are over. */
  report(part: Part, problems: readonly Problem[]): void {
    const before = this.#problems.get(part) ?? []
    const has = (list: readonly Problem[], message: string): boolean => list.some((other) => other.message === message)
    for (const { code, message } of problems) if (!has(before, message)) this.#log.warn({ code }, message)
    for (const { code, message } of before) if (!has(problems, message)) this.#log.info({ code }, `over: ${message}`)
    this.#problems.set(part, problems)
  }

  /** Runs a part; its problems are those of its result, or that it failed. Returns undefined when it did. */
  attempt<T>(part: Part, run: () => T, problemsOf: (result: T) => readonly Problem[] = () => []): T | undefined {
    try {
      const result = run()
      this.report(part, problemsOf(result))
      return result
    } catch (error) {
      this.report(part, [problemOf(part, error)])
      return undefined
    }
  }

  /** Somebody else looks after everything from now on. */
  clear(): void {
    this.#problems.clear()
  }
}
