import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { BUCKETS, DOCUMENT_KEY, type NatsSite } from '@sixgate/bus'
import type { Logger } from '@sixgate/obs'
import { adoptUla, parseSite } from '@sixgate/site'

/** How long a console without a kept prefix waits for NATS before it makes a new one. */
const WAIT_MS = 5000

/**
 * Keeps the prefix of the document in NATS as the one that `auto` stands for, when the console lost its own file: a new
 * prefix would give every host of the site another address.
 */
export const adoptKnownPrefix = async (nats: NatsSite, autoFile: string, log: Logger): Promise<void> => {
  if (existsSync(autoFile)) return
  const deadline = Date.now() + WAIT_MS
  while (!nats.link.connected && Date.now() < deadline) await pause(50)
  try {
    const entry = await nats.bus.bucket(BUCKETS.SITE)?.get(DOCUMENT_KEY)
    if (entry === undefined) return
    const site = parseSite(JSON.parse(new TextDecoder().decode(entry.value)))
    if (await adoptUla(autoFile, site.lan.prefix))
      log.info(`the prefix of revision ${entry.revision} is kept for "auto"`)
  } catch (error) {
    // A first start: there is no bucket yet. Or the document is of another version: then it says nothing.
    log.debug({ err: error }, 'no prefix of an earlier document')
  }
}
