import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { converged, instancesOf, siteStatus } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { until } from '../harness/until.ts'
import { clientConfigured } from '../transcript/ready.ts'

/** The LAN adapter is pulled out and plugged in again. */
export function linkSuite({ home, stack }: SiteUnderTest): void {
  describe('the LAN interface goes away', () => {
    it('ra-advertiser is degraded, names lan0 and says what to do', async () => {
      await home.disconnectLan()
      const problems = await until('ra-advertiser is degraded', 20, async () => {
        const [instance] = instancesOf(await siteStatus(stack), 'ra-advertiser')
        return instance?.state === 'degraded' ? instance.problems : undefined
      })
      assert.ok(problems.length > 0)
      assert.match(problems.map(({ message }) => message).join('\n'), /lan0/)
    })

    it('heals by itself when it is back: the client is configured and reaches the web', async () => {
      await home.connectLan()
      await converged(stack)
      await clientConfigured(home.client)
      assert.equal((await home.client.type('curl -s -m 5 http://www.example/')).code, 0)
    })
  })
}
