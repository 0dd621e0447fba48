/**
 * A service for the tests of the runtime, run as a process. What it does with a document is written in the document: the
 * first port of `firewall.inbound` picks one of BEHAVIOUR, any other port is applied without ado.
 */
import { formatIp6 } from '@sixgate/addr'
import { SiteRejected } from '../contract.ts'
import { runService } from '../run-service.ts'

export const BEHAVIOUR = { REJECT: 1, FAIL_ONCE: 2, DEGRADE: 3, CRASH: 4, STOP_HANGS: 5 } as const

let hasFailed = false
let port: number | undefined

if (import.meta.main) {
  await runService('nat64', ({ log, bus }) => ({
    apply: async ({ site, revision }) => {
      const wanted = site.firewall.inbound[0]?.port
      if (wanted === BEHAVIOUR.REJECT)
        throw new SiteRejected('port-taken', 'firewall.inbound[0].port: 1: is taken; choose another')
      if (wanted === BEHAVIOUR.FAIL_ONCE && !hasFailed) {
        hasFailed = true
        throw new Error('the link is busy')
      }
      if (wanted === BEHAVIOUR.CRASH)
        setImmediate(() => {
          throw new Error('a bug')
        })
      port = wanted
      log.info(`applied ${revision} with port ${port}, hosts ${bus.bucket('hosts') === undefined ? 'alone' : 'shared'}`)
      log.debug(`router ${formatIp6(site.lan.router)}`)
    },
    problems: () =>
      port === BEHAVIOUR.DEGRADE ? [{ code: 'link-missing', message: 'link lan0: is missing; plug it in' }] : [],
    counters: () => ({ packets_total: 7 }),
    stop: async (intent) => {
      log.info(`stop ${intent}`)
      if (port === BEHAVIOUR.STOP_HANGS) await new Promise(() => undefined)
    },
  }))
}
