import type { ExchangeResult } from '../core/forwarder.ts'
import { errorCode } from './listener.ts'

const WHAT_THE_NETWORK_SAYS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (connection refused)',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to its network',
  EADDRNOTAVAIL: 'no local address to ask from',
  EPERM: 'a local firewall forbids it',
  EACCES: 'a local firewall forbids it',
}

/** The result of an exchange that failed with an error of the system. */
export const unreachable = (error: unknown): ExchangeResult => {
  const said = WHAT_THE_NETWORK_SAYS[errorCode(error)]
  if (said !== undefined) return { kind: 'unreachable', error: said, certain: true }
  // EMFILE, ENOBUFS …: our own trouble says nothing about the upstream.
  return { kind: 'unreachable', error: error instanceof Error ? error.message : String(error), certain: false }
}
