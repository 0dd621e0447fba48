import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startMeters } from '../chaos/meters.ts'
import { must } from '../harness/command.ts'
import { dockerHost, ROOT } from '../harness/engine.ts'
import { converged } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { poolAddress } from './pool-address.ts'

/** In the order in which an upgrade takes them. */
const SERVICES = ['nats', 'uplink-dns', 'dns64', 'nat64', 'ra-advertiser', 'nat44-firewall', 'console'] as const
/** Between two pings, datagrams, and questions for names. */
const EVERY_MS = 10
const RESUME_S = 30

/** Each service replaced, by the script of `make upgrade`, under traffic of all kinds: nothing of it is lost. */
export function rollingSuite({ home, stack }: SiteUnderTest): void {
  const upgrade = async (service: string): Promise<string> =>
    await must([`${ROOT}deploy/machine/upgrade.sh`, '--all', service], {
      deadlineS: 180,
      env: { ...stack.environment, DOCKER_HOST: await dockerHost(), COMPOSE_PROJECT_NAME: 'sixgate' },
    })

  for (const service of SERVICES)
    it(`${service} replaced under traffic: no packet, no answer is lost`, async (t) => {
      const ids = async (): Promise<string> => await stack.compose(['ps', '-q', service])
      const [before, address] = [await ids(), await poolAddress(home)]
      const meters = await startMeters(RESUME_S, EVERY_MS)
      const said = await upgrade(service)
      await converged(stack)
      const { ping, udp, dns, dnsOverTcp, http, download, lifetimeZero } = await meters.finish()
      t.diagnostic(JSON.stringify({ ping, udp, dns, dnsOverTcp, http, download }))
      assert.notEqual(await ids(), before, said)
      assert.equal(before.trim().split('\n').length, 1, 'as many as there were')
      const lost = Object.entries({ ping, udp, dns, dnsOverTcp, http }).map(([kind, meter]) => {
        assert.ok(meter.sent > 10, `${kind}: ${meter.sent} sent`)
        return [kind, { lost: meter.lost, wrong: meter.wrong }]
      })
      const nothing = { lost: 0, wrong: 0 }
      assert.deepEqual(Object.fromEntries(lost), {
        ping: nothing,
        udp: nothing,
        dns: nothing,
        dnsOverTcp: nothing,
        http: nothing,
      })
      assert.deepEqual([download.survived, lifetimeZero], [true, 0])
      assert.equal(await poolAddress(home), address)
    })

  it('what is current is left alone', async () => {
    const ids = async (): Promise<string> => await stack.compose(['ps', '-q'])
    const before = await ids()
    const said = await must([`${ROOT}deploy/machine/upgrade.sh`], {
      deadlineS: 60,
      env: { ...stack.environment, DOCKER_HOST: await dockerHost(), COMPOSE_PROJECT_NAME: 'sixgate' },
    })
    assert.doesNotMatch(said, /anew|in place of/)
    assert.equal(await ids(), before)
  })
}
