import type { Place } from '../harness/place.ts'
import { untilTrue } from '../harness/until.ts'
import { inPrefix, LAN_PREFIX, ROUTER } from './facts.ts'
import { addresses } from './parse.ts'

/** Awaits what a Router Advertisement gives: an address that may be used, a default route and a name server. */
export async function clientConfigured(client: Place, prefix = LAN_PREFIX, router = ROUTER): Promise<void> {
  await untilTrue(`the client has an address in ${prefix}, default route and name server from an RA`, 30, async () => {
    const { output } = await client.type(
      'ip -6 address show dev eth0 -tentative; ip -6 route show default; cat /etc/resolv.conf',
    )
    const hasAddress = addresses(output).some(({ address }) => inPrefix(address, prefix))
    return hasAddress && /^default via/m.test(output) && output.includes(`nameserver ${router}\n`)
  })
}
