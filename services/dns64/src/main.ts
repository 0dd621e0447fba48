import { runService } from '@sixgate/bus'
import { DNS_PORT } from './core/addressing.ts'
import { Dns64 } from './service.ts'

/** Tests listen on a high port; everyone else asks port 53. */
const portOf = (text: string | undefined): number => {
  if (text === undefined || text === '') return DNS_PORT
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new RangeError(`DNS_PORT: ${JSON.stringify(text)}: must be a port from 1 to 65535`)
  return port
}

/** A restart is noticed for so much longer, and the first clients of a start wait for so much less. */
const WARM_UP_MS = 500

await runService(
  'dns64',
  ({ log }) =>
    new Dns64({
      log,
      port: portOf(process.env.DNS_PORT),
      resolvConf: process.env.RESOLV_CONF || '/etc/resolv.conf',
      warmUpMs: WARM_UP_MS,
    }),
)
