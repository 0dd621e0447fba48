import assert from 'node:assert/strict'
import { it } from 'node:test'
import { netnsState, stateDifference } from '../harness/netns-state.ts'
import { converged } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { untilTrue } from '../harness/until.ts'
import { clientConfigured } from '../transcript/ready.ts'
import { poolAddress } from './pool-address.ts'

/** `docker compose down` leaves the Pi as it was found. Comes last: the site is gone afterwards. */
export function downSuite(site: SiteUnderTest): void {
  const { home, stack, containers, piBefore } = site
  const isAsBefore = async () => assert.deepEqual(stateDifference(piBefore, await netnsState(home.piNetns)), [])
  let pool4 = ''

  it('the client is told: a last RA with lifetime 0 takes the default route away', async () => {
    pool4 = await poolAddress(home)
    await containers.down({ removeVolumes: false, timeout: 30_000 })
    await untilTrue('the default route is gone', 5, async () => {
      return (await home.client.type('ip -6 route show default')).output === ''
    })
  })

  it('links, addresses, routes, rules, nft, iptables and all sysctls of the Pi are as before', isAsBefore)

  it('up again: the same document, the client has its pool address again', async () => {
    await stack.compose(['up', '-d', '--wait'])
    await converged(stack)
    await clientConfigured(home.client)
    assert.equal(await poolAddress(home), pool4)
  })

  it('down while NATS is dead: as before', async () => {
    await stack.compose(['kill', 'nats'])
    await stack.compose(['down'])
    await isAsBefore()
  })

  it('up, and down at once, before all of it runs: as before', async () => {
    await stack.compose(['up', '-d'])
    await stack.compose(['down'])
    await isAsBefore()
  })
}
