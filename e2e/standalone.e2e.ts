/*
 * The same home without compose and without NATS: each service is a plain process on the Pi that reads the document
 * from a file (SITE=file:site.yaml node services/<name>/src/main.ts).
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, describe, it } from 'node:test'
import { ROOT } from './harness/engine.ts'
import { netnsState, stateDifference } from './harness/netns-state.ts'
import { STANDALONE, type StandaloneService, startStandalone } from './harness/standalone.ts'
import { until } from './harness/until.ts'
import { buildHome, WAN_ADDRESS } from './topologies/home.ts'
import { clientConfigured } from './transcript/ready.ts'

const home = await buildHome('')

describe('without NATS', () => {
  const services: StandaloneService[] = []
  after(async () => {
    await Promise.all(services.map((service) => service.stop()))
    await home[Symbol.asyncDispose]()
  })

  it('each service runs alone; together they bring the client to the IPv4 web', async () => {
    const document = await readFile(`${ROOT}e2e/site/site.yaml`, 'utf8')
    const before = await netnsState(home.piNetns)
    for (const name of STANDALONE) services.push(await startStandalone(home, name, document))
    const crashed = services.map((service) => service.crashed)
    await Promise.race([clientConfigured(home.client), ...crashed])
    const page = await until('the page by name', 20, async () => {
      const { code, output } = await home.client.type('curl -sS -m 2 http://www.example/')
      if (code !== 0) throw new Error(output)
      return output
    })
    assert.ok(page.startsWith(`Hello ${WAN_ADDRESS}`), page)

    // Without NATS there is nobody to take over: SIGTERM means the end, and everything is put back.
    for (const service of services.splice(0).toReversed()) assert.equal(await service.stop(), 0, service.log())
    assert.deepEqual(stateDifference(before, await netnsState(home.piNetns)), [])
  })
})
