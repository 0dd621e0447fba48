import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Runs every one of `endings`, in their order, also behind one that fails; throws what the first of those threw. */
export const endAll = async (endings: readonly (() => unknown)[]): Promise<void> => {
  const failures: unknown[] = []
  for (const end of endings)
    try {
      await end()
    } catch (error) {
      failures.push(error)
    }
  if (failures.length > 0) throw failures[0]
}

/** Ends a child by SIGTERM and waits until it is gone; one that has ended or never started is no matter. */
export const endChild = async (child: ChildProcess): Promise<void> => {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}
