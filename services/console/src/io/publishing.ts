import { BUCKETS, isOnGateway, KvBucket, type Link } from '@sixgate/bus'
import { z } from 'zod'
import { getIfAny } from './unless-missing.ts'

/** Key in bucket `leases`: which console of several gateways publishes the document. */
export const CONSOLE_LEASE = 'console'

const holderSchema = z.object({ holder: z.string() })

/** The instance of the console that publishes, when there are several gateways; undefined: none does now. Throws KvError. */
const publishingInstance = async (link: Link): Promise<string | undefined> => {
  const entry = await getIfAny(new KvBucket(link, BUCKETS.LEASES), CONSOLE_LEASE)
  if (entry === undefined) return undefined
  try {
    return holderSchema.safeParse(JSON.parse(new TextDecoder().decode(entry.value))).data?.holder
  } catch {
    return undefined
  }
}

const WHEN_GONE = 'if that gateway is gone for good, let this one publish: SIXGATE_PUBLISH=yes'

/**
 * Why the document cannot be changed at this gateway, and where instead; undefined: it can. `gateway`: its name; undefined:
 * the only one. Throws KvError.
 */
export const changedElsewhere = async (link: Link, gateway: string | undefined): Promise<string | undefined> => {
  if (gateway === undefined) return undefined
  const instance = await publishingInstance(link)
  if (instance === undefined) return `no console publishes the site document now; ${WHEN_GONE}`
  return isOnGateway(instance, gateway) ? undefined : notHere(instance)
}

/** `instance`: the console that publishes, as far as it is known. */
export const notHere = (instance: string | undefined): string => {
  const who = `the console ${instance === undefined ? 'of another gateway' : instance}`
  return `${who} publishes the site document, and this one follows it: change it there; ${WHEN_GONE}`
}
