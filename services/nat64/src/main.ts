import { flushCompileCache } from 'node:module'
import { runService, type ServiceContext } from '@sixgate/bus'
import { Nat64 } from './service.ts'

/** Start-up is over by then. */
const STARTED_MS = 10_000

// Where there is a NODE_COMPILE_CACHE, it is there for the next start also when this process is killed.
setTimeout(flushCompileCache, STARTED_MS).unref()

await runService('nat64', (context: ServiceContext) => new Nat64(context, process.env.BPFFS || undefined))
