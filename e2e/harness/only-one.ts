import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { until } from './until.ts'

/** An abstract socket (no file): the kernel takes it back when the process ends, in whatever way. */
const NAME = '\0sixgate-home'
/** Longer than a whole test run takes. */
const WAIT_S = 900

let held: Server | undefined

/**
 * Makes this process the only one that may use the simulated site, until it ends: its namespaces and containers have
 * fixed names, so that a run can clear what a crashed one left. Waits for another process that has it.
 */
export async function onlyOne(): Promise<void> {
  if (held !== undefined) return
  held = await listen()
  if (held !== undefined) return
  process.stderr.write('another demo or e2e run uses the simulated site on this machine: waiting for its end\n')
  held = await until('the other demo or e2e run ends', WAIT_S, listen)
}

/** Undefined when somebody else listens. */
async function listen(): Promise<Server | undefined> {
  const server = createServer()
  server.unref()
  server.listen(NAME)
  try {
    await once(server, 'listening')
    return server
  } catch {
    return undefined
  }
}

/** Lets another process have it. */
export function notAnyMore(): void {
  held?.close()
  held = undefined
}
