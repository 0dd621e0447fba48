import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { converged } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import type { ServiceName } from '../harness/stack.ts'
import { untilTrue } from '../harness/until.ts'
import { WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped } from '../transcript/facts.ts'
import { pingCounts } from '../transcript/parse.ts'
import { poolAddress } from './pool-address.ts'
import { PING_INTERVAL_S, startTraffic } from './traffic.ts'

const WEB = mapped(WEB_ADDRESSES[0])

/** One service, what the client notices while it is stopped, and what has to be so again after its start. */
interface Case {
  readonly service: ServiceName
  readonly whileStopped: string
  readonly stopped: (site: SiteUnderTest) => Promise<void>
  readonly started: (site: SiteUnderTest) => Promise<void>
  /** True when packets may be lost while the service is stopped; no other service may lose one. */
  readonly carriesPackets?: true
}

const flows = async ({ home }: SiteUnderTest) => {
  const { output } = await home.client.type(`ping6 -n -c 3 -i 0.1 -W 1 ${WEB}`)
  assert.deepEqual(pingCounts(output), { sent: 3, received: 3 }, output)
}

const resolves = async ({ home }: SiteUnderTest) => {
  const { output } = await home.client.type('dig +short +time=2 +tries=1 www.example AAAA')
  assert.match(output, /^64:ff9b::c633:645[012]$/m)
}

// stop-then-start is a restart that takes longer. console comes last but one: its stop announces a `down` for 15 s.
const CASES: readonly Case[] = [
  {
    service: 'ra-advertiser',
    whileStopped: 'nobody answers a Router Solicitation, the client keeps its route',
    stopped: async (site) => {
      const { client } = site.home
      assert.notEqual((await client.type('rdisc6 -1 -r 1 -w 1000 eth0')).code, 0)
      assert.match((await client.type('ip -6 route show default')).output, /^default via fe80::\S+ dev eth0 proto ra/m)
      await flows(site)
    },
    started: async ({ home }) => {
      await untilTrue(
        'a Router Solicitation is answered',
        10,
        async () => (await home.client.type('rdisc6 -1 -r 1 -w 1000 eth0')).code === 0,
      )
    },
  },
  {
    service: 'dns64',
    whileStopped: 'names do not resolve, addresses go on working',
    stopped: async (site) => {
      assert.match(
        (await site.home.client.type('dig +time=1 +tries=1 www.example AAAA')).output,
        /no servers could be reached/,
      )
      await flows(site)
    },
    started: resolves,
  },
  {
    service: 'nat64',
    whileStopped: 'IPv4 cannot be reached, names go on resolving',
    carriesPackets: true,
    stopped: async (site) => {
      const { output } = await site.home.client.type(`ping6 -n -c 2 -i 0.2 -W 1 ${WEB}`)
      assert.equal(pingCounts(output)?.received, 0, output)
      await resolves(site)
    },
    started: flows,
  },
  {
    service: 'nat44-firewall',
    whileStopped: 'its rules stay in force',
    stopped: async (site) => {
      await flows(site)
      const rules = await site.home.pi.type('nft list table inet sixgate')
      assert.equal(rules.code, 0, rules.output)
    },
    started: flows,
  },
  { service: 'nats', whileStopped: 'the client notices nothing', stopped: noticesNothing, started: noticesNothing },
  { service: 'console', whileStopped: 'the client notices nothing', stopped: noticesNothing, started: noticesNothing },
]

async function noticesNothing(site: SiteUnderTest): Promise<void> {
  await flows(site)
  await resolves(site)
  assert.equal((await site.home.client.type('rdisc6 -1 -r 1 -w 1000 eth0')).code, 0)
}

/** Stops and starts each service with the rest up, under a ping and a download that run all along. */
export function restartSuite(site: SiteUnderTest): void {
  const { home, stack } = site

  for (const { service, whileStopped, stopped, started, carriesPackets } of CASES) {
    describe(service, () => {
      it(`stopped: ${whileStopped}; started: all is well again`, async () => {
        const traffic = await startTraffic(home)
        const stoppedAt = performance.now()
        await stack.compose(['stop', service])
        await stopped(site)
        await stack.compose(['start', service])
        await converged(stack)
        const outageS = (performance.now() - stoppedAt) / 1000
        await started(site)
        const { gap, resumed } = await traffic.finish()
        if (carriesPackets)
          assert.ok(gap.lost * PING_INTERVAL_S <= outageS, `${gap.lost} pings without reply, stopped for ${outageS} s`)
        else assert.equal(gap.lost, 0, `pings without reply between ${gap.between}`)
        assert.ok(resumed, 'the download goes on in the same TCP connection')
      })
    })
  }

  it('nat64 restarted in one go: the client keeps its pool address, the outage is short', async () => {
    const before = await poolAddress(home)
    const traffic = await startTraffic(home)
    await stack.compose(['restart', 'nat64'])
    await converged(stack)
    const { gap } = await traffic.finish()
    assert.equal(await poolAddress(home), before)
    assert.ok(gap.lost * PING_INTERVAL_S <= 10, `${gap.lost} pings without reply`)
  })
}
