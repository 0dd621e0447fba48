/*
 * The same home without compose and without NATS: each service is a plain process on the Pi that reads the document
 * from a file (SITE=file:site.yaml node services/<name>/src/main.ts). Here the LAN prefix is `auto`, as in deploy/site.yaml.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ROOT } from './harness/engine.ts'
import { type NetnsState, netnsState, stateDifference } from './harness/netns-state.ts'
import { STANDALONE, type StandaloneService, startStandalone } from './harness/standalone.ts'
import { until, untilTrue } from './harness/until.ts'
import { buildHome, WAN_ADDRESS } from './topologies/home.ts'
import { LAN_PREFIX } from './transcript/facts.ts'
import { clientConfigured } from './transcript/ready.ts'

const document = (await readFile(join(ROOT, 'e2e/site/site.yaml'), 'utf8')).replace(LAN_PREFIX, 'auto')
const home = await buildHome(document)

describe('without NATS', () => {
  let services: readonly StandaloneService[] = []
  let untouched: NetnsState
  let ula = ''

  before(async () => {
    untouched = await netnsState(home.piNetns)
  })
  after(async () => {
    await Promise.all(services.map((service) => service.stop()))
    await home[Symbol.asyncDispose]()
  })

  /** Starts all four and awaits that the client is configured with a prefix of the site's own ULA. */
  async function start(): Promise<void> {
    services = await Promise.all(STANDALONE.map((name) => startStandalone(home, name)))
    const crashed = services.map((service) => service.crashed)
    const kept = await Promise.race([until('the site has a ULA prefix of its own', 20, readUla), ...crashed])
    await Promise.race([clientConfigured(home.client, `${kept}:/64`, `${kept}:1`), ...crashed])
    ula = kept
  }

  /** `fdxx:xxxx:xxxx:` of `ula: fdxx:xxxx:xxxx::/48` in the file that keeps what `auto` stands for. */
  async function readUla(): Promise<string | undefined> {
    const text = await readFile(join(home.siteDir, 'site.auto.yaml'), 'utf8')
    return /^ula: (fd.*:):\/48$/m.exec(text)?.[1]
  }

  async function stop(): Promise<void> {
    const codes = await Promise.all(services.map(async (service) => [service.name, await service.stop()]))
    services = []
    assert.deepEqual(
      codes,
      STANDALONE.map((name) => [name, 0]),
    )
  }

  const page = async () => (await home.client.type('curl -sS -m 2 http://www.example/')).output

  it('each service runs alone; together they bring the client to the IPv4 web', async () => {
    await start()
    await untilTrue('the page comes, seen from the Pi', 20, async () =>
      (await page()).startsWith(`Hello ${WAN_ADDRESS}`),
    )
  })

  it('a mistake in the file changes nothing and is told with its line', async () => {
    await writeFile(join(home.siteDir, 'site.yaml'), document.replace('64:ff9b::/96', '64:ff9b::/72'))
    for (const service of services) {
      await untilTrue(`${service.name} names the mistake`, 10, async () =>
        /site\.yaml:12:.*64:ff9b::\/72/s.test(service.log()),
      )
    }
    assert.match(await page(), /^Hello/)
    await writeFile(join(home.siteDir, 'site.yaml'), document)
  })

  it('SIGTERM means the end, since nobody is there to take over: everything is put back', async () => {
    await stop()
    assert.deepEqual(stateDifference(untouched, await netnsState(home.piNetns)), [])
  })

  it('started again, the site has the same prefix', async () => {
    const before = ula
    await start()
    assert.equal(ula, before)
    assert.match(await page(), /^Hello/)
  })
})
