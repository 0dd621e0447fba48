import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { capture } from '../harness/capture.ts'
import { docker } from '../harness/engine.ts'
import { background } from '../harness/place.ts'
import { converged, instancesOf, siteStatus } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { until, untilTrue } from '../harness/until.ts'
import { CLIENT, WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped } from '../transcript/facts.ts'
import { longestPingGap } from '../transcript/parse.ts'

const ROUTER_ADVERTISEMENT = 'icmp6 and ip6[40] == 134'
/** Octets 6 and 7 of the message: Router Lifetime (RFC 4861 §4.2). */
const LIFETIME_ZERO = `${ROUTER_ADVERTISEMENT} and ip6[46:2] == 0`
/** DESIGN §4. */
const TAKEOVER_S = 3

/** `docker compose up --scale ra-advertiser=2`, and the active one of both is killed. */
export function takeoverSuite({ home, stack }: SiteUnderTest): void {
  const scale = async (count: number) =>
    await stack.compose(['up', '-d', '--no-build', '--no-recreate', '--scale', `ra-advertiser=${count}`])
  const containers = async () =>
    (await stack.compose(['ps', '-q', 'ra-advertiser'])).split('\n').filter((id) => id !== '')
  const standsBy = async (id: string) => (await docker(['logs', id])).includes('this one stands by')
  const route = async () =>
    (await home.client.type('ip -6 route show default')).output.replaceAll(/ expires \d+sec/g, '').trim()

  describe('ra-advertiser, two instances', () => {
    after(async () => {
      await scale(1)
      await converged(stack)
    })

    it('one is active, the other stands by, both are well', async () => {
      await scale(2)
      await until('two instances report', 30, async () => {
        const status = await siteStatus(stack)
        const instances = instancesOf(status, 'ra-advertiser')
        return status.isConverged && instances.length === 2 ? true : undefined
      })
      const waiting = await Promise.all((await containers()).map(standsBy))
      assert.deepEqual(new Set(waiting), new Set([false, true]))
    })

    it(`the active one is killed: the other advertises within ${TAKEOVER_S} s, the client notices nothing`, async () => {
      const before = await route()
      assert.match(before, /^default via fe80::/)
      const ids = await containers()
      const waiting = await Promise.all(ids.map(standsBy))
      const active = ids[waiting.indexOf(false)] ?? assert.fail('no active instance')
      const ping = await background(CLIENT, `ping6 -D -n -i 0.1 ${mapped(WEB_ADDRESSES[0])}`)
      const messages = await capture(home.piNetns, 'lan0', 'out', ROUTER_ADVERTISEMENT)
      const withdrawals = await capture(home.piNetns, 'lan0', 'out', LIFETIME_ZERO)
      const startMs = performance.now()
      await docker(['kill', active])
      await untilTrue('a message of the other', TAKEOVER_S + 5, async () => messages.lines().length > 0)
      const tookS = (performance.now() - startMs) / 1000
      assert.ok(tookS <= TAKEOVER_S, `${tookS} s`)
      assert.equal((await home.client.type('rdisc6 -1 -w 4000 eth0')).code, 0)
      assert.equal(longestPingGap(await ping.finish()).lost, 0)
      assert.deepEqual(await withdrawals.stop(), [])
      await messages.stop()
      assert.equal(await route(), before)
    })
  })
}
