import type { Logger } from '@sixgate/obs'
import type { Service } from './contract.ts'
import type { LastKnownGood } from './last-known-good.ts'

/**
 * Takes away what an earlier process of the service left on the host, for a container that was killed or could not know
 * that the site goes down. The last known good document is applied first, so that the service finds what is its own. Ends
 * the process: 0 when all is removed.
 */
export const removeLeftovers = async (service: Service, lastKnownGood: LastKnownGood, log: Logger): Promise<never> => {
  try {
    const offer = await lastKnownGood.load()
    if (offer === undefined) log.warn('no document was ever in force here: only what needs none is removed')
    else await service.apply({ revision: offer.revision, site: offer.site })
  } catch (error) {
    log.warn(
      { err: error },
      'the last document could not be put in force again; what can be removed without is removed',
    )
  }
  await service.stop('remove')
  log.info('removed')
  return process.exit(0)
}
