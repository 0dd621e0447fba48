import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** An abstract socket (no file): the kernel takes it back when the process ends, in whatever way. */
const NAME = '\0sixgate-home'

let held: Server | undefined

/**
 * Makes this process the only one that may use the simulated site, until it ends: its namespaces and containers have
 * fixed names, so that a run can clear what a crashed one left. Throws when another process has it.
 */
export async function onlyOne(): Promise<void> {
  if (held !== undefined) return
  const server = createServer()
  server.unref()
  server.listen(NAME)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new Error('another demo or e2e run uses the simulated site on this machine: wait for it, or end it', {
      cause: error,
    })
  }
  held = server
}

/** Lets another process have it. */
export function notAnyMore(): void {
  held?.close()
  held = undefined
}
