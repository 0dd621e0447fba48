import type { Logger } from '@sixgate/obs'

/** Docker kills 10 s after SIGTERM. */
const STOP_DEADLINE_MS = 8000

/**
 * Ends the process on SIGTERM or SIGINT: with status 0 when `stop` is done, with 1 when it takes too long (an error in it
 * is one that nobody caught). Signals after the first are ignored.
 */
export const stopOnSignal = (log: Logger, stop: () => Promise<void>): void => {
  let isStopping = false
  const end = async (signal: string): Promise<void> => {
    if (isStopping) return
    isStopping = true
    setTimeout(() => {
      log.error(`not stopped within ${STOP_DEADLINE_MS / 1000} s; the process ends`)
      process.exit(1)
    }, STOP_DEADLINE_MS)
    log.info(`${signal}: stopping`)
    await stop()
    log.info('stopped')
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end(signal))
}
