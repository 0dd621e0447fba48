import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** What a process has written so far. */
export interface Output {
  readonly stdout: string
  readonly stderr: string
}

/** How many times slower than usual this machine is: an emulated one sets it, so that patience does not end before it is done. */
export const SLOWNESS = Number(process.env['SIXGATE_SLOWNESS'] ?? 1)
/** How long `output` waits unless told otherwise: far more than anything here takes, so that only a real failure ends it. */
const OUTPUT_TIMEOUT_MS = Math.max(60_000, 20_000 * SLOWNESS)

/** How long the output of a process that is over may still come. */
const ORPHANS_MS = 3_000 * SLOWNESS

/** A process that was started for a test and runs beside it. */
export class Process {
  readonly child: ChildProcess
  readonly #title: string
  readonly #ended: Promise<number>
  #stdout = ''
  #stderr = ''

  constructor(child: ChildProcess, title: string) {
    this.child = child
    this.#title = title
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    this.#ended = once(child, 'close').then(
      ([code, signal]) => (typeof code === 'number' ? code : signal === null ? -1 : -2),
      (error: unknown) => {
        this.#stderr += String(error)
        return -1
      },
    )
  }

  /** Exit status; −2 when a signal ended it, −1 when it could not be started. */
  get ended(): Promise<number> {
    return this.#ended
  }

  get output(): Output {
    return { stdout: this.#stdout, stderr: this.#stderr }
  }

  /**
   * Waits until the text that the process has written (standard output or error) matches, and returns the match. Throws,
   * with all that it wrote, when the process ends or the time is over before.
   */
  async waitFor(pattern: RegExp, timeoutMs = OUTPUT_TIMEOUT_MS): Promise<RegExpExecArray> {
    const find = (): RegExpExecArray | null => pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr)
    const found = find()
    if (found !== null) return found
    return await new Promise((resolve, reject) => {
      const streams = [this.child.stdout, this.child.stderr]
      const finish = (settle: () => void): void => {
        clearTimeout(timer)
        for (const stream of streams) stream?.off('data', look)
        settle()
      }
      const fail = (why: string): void =>
        finish(() => reject(new Error(`${this.#title}: ${why} before ${pattern}\n${this.#stdout}${this.#stderr}`)))
      const look = (): void => {
        const match = find()
        if (match !== null) finish(() => resolve(match))
      }
      const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs)
      for (const stream of streams) stream?.on('data', look)
      const lookOnceMore = async (): Promise<void> => {
        const status = await this.#ended
        look()
        fail(this.child.signalCode === null ? `ended with status ${status}` : `ended by ${this.child.signalCode}`)
      }
      void lookOnceMore()
    })
  }

  get #isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** Ends the process (SIGKILL unless another signal is given) and waits until it has gone. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<number> {
    if (!this.#isOver) {
      const exit = once(this.child, 'exit')
      this.child.kill(signal)
      await Promise.race([exit, this.#ended])
    }
    const timer = setTimeout(() => this.#letGo(), ORPHANS_MS)
    const status = await this.#ended
    clearTimeout(timer)
    return status
  }

  /** What it wrote has long been read: a child that it left behind holds the other end, and would for ever. */
  #letGo(): void {
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.destroy()
  }
}
