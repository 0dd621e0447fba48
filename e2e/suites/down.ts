import assert from 'node:assert/strict'
import { it } from 'node:test'
import { netnsState, stateDifference } from '../harness/netns-state.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { untilTrue } from '../harness/until.ts'

/** `docker compose down` leaves the Pi as it was found. Comes last: the site is gone afterwards. */
export function downSuite({ home, containers, piBefore }: SiteUnderTest): void {
  it('the client is told: a last RA with lifetime 0 takes the default route away', async () => {
    await containers.down({ removeVolumes: false, timeout: 30_000 })
    await untilTrue(
      'the default route is gone',
      5,
      async () => (await home.client.type('ip -6 route show default')).output === '',
    )
  })

  it('links, addresses, routes, rules, nft, iptables and all sysctls of the Pi are as before', async () => {
    assert.deepEqual(stateDifference(piBefore, await netnsState(home.piNetns)), [])
  })
}
