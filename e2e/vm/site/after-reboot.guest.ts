/*
 * Runs in a guest of e2e/vm after up.guest.ts, when the power has gone and come back: the engine is started, nothing else is done.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { healthy } from '../../harness/healthy.ts'
import { netnsState } from '../../harness/netns-state.ts'
import { converged } from '../../harness/site-status.ts'
import { untilTrue } from '../../harness/until.ts'
import { poolAddress } from '../../suites/pool-address.ts'
import { rebootedHome, WAN_ADDRESS } from '../../topologies/home.ts'
import { clientConfigured } from '../../transcript/ready.ts'
import { pingCounts } from '../../transcript/parse.ts'
import { fastPathRemark, keptAddress, stackOf, VLAN } from './tagged-home.ts'

const home = await rebootedHome({ vlan: VLAN })
const stack = stackOf(home)

describe('the site after a power cut', () => {
  it('comes back by itself: every service with the document, the client configured, at the address that it had', async () => {
    await healthy(stack)
    await converged(stack)
    await clientConfigured(home.client)
    assert.equal(await poolAddress(home), await keptAddress())
  })

  it('the client reaches the IPv4 internet by name, by the fast path', async () => {
    const { output } = await home.client.type('ping6 -n -c 3 -i 0.2 www.example')
    assert.deepEqual(pingCounts(output), { sent: 3, received: 3 }, output)
    const page = await home.client.type('curl -s http://www.example/')
    assert.match(page.output, new RegExp(`^Hello ${WAN_ADDRESS.replaceAll('.', '\\.')}, `))
    await untilTrue('the fast path is on', 20, async () => /^fast path: on, [1-9]/.test(await fastPathRemark(stack)))
  })

  it('docker compose down takes away what was made before the power went as well', async () => {
    await stack.compose(['down'])
    const left = [...(await netnsState(home.piNetns))].filter((fact) => /nat64|sixgate|lan0\.2/.test(fact))
    assert.deepEqual(left, [])
  })
})
