/*
 * Runs in a guest of e2e/vm: the product's images for its architecture, brought up by docker-compose.yml on a Pi whose LAN is VLAN 2 of
 * its port. At the end it is started once more, and the power goes (after-reboot.guest.ts).
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { keepEngine } from '../../harness/engine.ts'
import { ip } from '../../harness/netns.ts'
import { healthy } from '../../harness/healthy.ts'
import { netnsState, stateDifference } from '../../harness/netns-state.ts'
import { converged } from '../../harness/site-status.ts'
import { untilTrue } from '../../harness/until.ts'
import { poolAddress } from '../../suites/pool-address.ts'
import { buildHome } from '../../topologies/home.ts'
import { transcript } from '../../transcript/chapters.ts'
import { clientConfigured } from '../../transcript/ready.ts'
import { runStep } from '../../transcript/step.ts'
import { fastPathRemark, keepAddress, stackOf, taggedDocument, VLAN } from './tagged-home.ts'

const home = await buildHome(await taggedDocument(), { vlan: VLAN })
const piBefore = await netnsState(home.piNetns)
const stack = stackOf(home)

const up = (): Promise<string> => stack.compose(['up', '--detach', '--no-build'], 180)
/** The console says when each of them is over. */
for (const [what, work] of [
  ['docker compose up', up],
  ['every container is healthy', () => healthy(stack)],
  ['every service has the document', () => converged(stack)],
  ['the client is configured', () => clientConfigured(home.client)],
] as const) {
  await work()
  process.stdout.write(`${what}\n`)
}

describe('the site in the guest', () => {
  it(`the LAN is VLAN ${VLAN} of the port, and nothing of the site is untagged`, async () => {
    const links = JSON.parse(await ip(home.piNetns, `-d -j link show lan0.${VLAN}`)) as readonly {
      readonly linkinfo: { readonly info_kind: string; readonly info_data: { readonly id: number } }
    }[]
    const [{ linkinfo } = assert.fail('no link')] = links
    assert.deepEqual([linkinfo.info_kind, linkinfo.info_data.id], ['vlan', VLAN])
    assert.doesNotMatch(await ip(home.piNetns, '-6 address show dev lan0'), /scope global/)
  })

  it('the fast path is on', async () => {
    await untilTrue('it has a host', 20, async () => {
      const { output } = await home.client.type('ping6 -n -c 1 www.example')
      const remark = await fastPathRemark(stack)
      if (/^fast path: on, [1-9]/.test(remark)) return true
      throw new Error(`${remark}\n${output}`)
    })
  })

  for (const chapter of transcript(stack)) {
    describe(chapter.title, () => {
      for (const step of chapter.steps) {
        it(`${step.at}$ ${step.line}`, async () => {
          await runStep(step, home)
        })
      }
    })
  }

  it('docker compose down leaves the guest as it was found', async () => {
    await keepAddress(await poolAddress(home))
    await stack.compose(['down'])
    assert.deepEqual(stateDifference(piBefore, await netnsState(home.piNetns)), [])
    // The power is about to go, in the midst of a start.
    await up()
    await keepEngine()
  })
})
