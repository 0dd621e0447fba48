import { watchNetwork } from '@sixgate/host'
import { messageOf } from '@sixgate/obs'
import { watchNftables } from './nft-events.ts'

/** Looks at everything so often, also when no event came (iptables-legacy and sysctls tell nobody). */
const LOOK_EVERY_MS = 2000
/** Events come in swarms: a container that starts, a route that flaps. */
const SETTLE_MS = 50

/**
 * Calls `look` soon after rules of nftables, links, addresses or routes changed, and every 2 s. Where events cannot be had,
 * `complain` hears why: the timer sees the same, a little later. Returns the function that ends it.
 */
export const watchHost = (look: () => void, complain: (message: string) => void): (() => void) => {
  let settling: NodeJS.Timeout | undefined
  const soon = (): void => {
    settling ??= setTimeout(() => {
      settling = undefined
      look()
    }, SETTLE_MS)
  }
  const timer = setInterval(look, LOOK_EVERY_MS)
  const stops = [() => clearInterval(timer), () => clearTimeout(settling)]
  for (const start of [
    () => watchNftables(soon),
    () => watchNetwork({ links: true, addresses: true, routes: true }, soon),
  ])
    try {
      stops.push(start())
    } catch (error) {
      const why = messageOf(error)
      complain(`${why}; changes are noticed within ${LOOK_EVERY_MS / 1000} s only`)
    }
  return () => {
    for (const stop of stops) stop()
  }
}
