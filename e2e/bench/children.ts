import { type ChildProcess, spawn } from 'node:child_process'

/** As much of what a process prints as is kept: the end. */
const TAIL_CHARACTERS = 20_000
/** How long a process may take to end. */
const END_MS = 10_000

/** A process, with the end of what it printed. */
export interface Running {
  readonly process: ChildProcess
  readonly output: () => string
}

/** The processes of a bench, which end together. */
export class Children {
  readonly #all: ChildProcess[] = []

  /** Starts a command with `environment` beside this process's own. */
  start(environment: Record<string, string>, command: string, ...parameters: string[]): Running {
    const child = spawn(command, parameters, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let text = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (text = (text + chunk).slice(-TAIL_CHARACTERS)))
    this.#all.push(child)
    return { process: child, output: () => text }
  }

  /** Ends those that still run; resolves when they have. */
  async end(): Promise<void> {
    const alive = this.#all.filter((child) => child.exitCode === null && child.signalCode === null)
    await Promise.all(
      alive.map(
        (child) =>
          new Promise((resolve) => {
            child.once('exit', resolve)
            child.kill('SIGTERM')
            setTimeout(() => child.kill('SIGKILL'), END_MS).unref()
          }),
      ),
    )
  }
}
