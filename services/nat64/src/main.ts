import { runService, type ServiceContext } from '@sixgate/bus'
import { Nat64 } from './service.ts'

await runService('nat64', (context: ServiceContext) => new Nat64(context, process.env.BPFFS || undefined))
