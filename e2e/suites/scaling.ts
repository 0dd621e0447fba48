import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { converged, instancesOf, siteStatus } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { until } from '../harness/until.ts'
import { askPage } from './page.ts'

/** Services of which there may be several instances on one machine. */
const SCALING = ['ra-advertiser', 'dns64', 'nat64', 'nat44-firewall', 'console'] as const

/** `docker compose up --scale`: every instance is seen, and nobody sees one that is gone. */
export function scalingSuite(site: SiteUnderTest): void {
  const { stack, home } = site
  const scale = async (count: number): Promise<void> => {
    const scales = SCALING.flatMap((service) => ['--scale', `${service}=${count}`])
    await stack.compose(['up', '-d', '--no-build', '--no-recreate', ...scales])
  }
  /** Names of the containers: the instances are called so. */
  const containers = async (service: string): Promise<string[]> =>
    (await stack.compose(['ps', '-q', service]))
      .split('\n')
      .filter((id) => id !== '')
      .map((id) => id.slice(0, 12))
      .toSorted()
  /** Waits until the site is well and reports exactly the instances that there are, and returns them. */
  const seen = async (count: number): Promise<Record<string, string[]>> => {
    const expected = Object.fromEntries(
      await Promise.all(SCALING.map(async (service) => [service, await containers(service)] as const)),
    )
    for (const service of SCALING) assert.equal(expected[service]?.length, count, service)
    await until('exactly the instances that there are report', 60, async () => {
      const status = await siteStatus(stack)
      const reporting = Object.fromEntries(
        SCALING.map((service) => [service, instancesOf(status, service).map(({ instance }) => instance)]),
      )
      assert.deepEqual(reporting, expected)
      return status.isConverged || undefined
    })
    return expected
  }
  /** A line of the table begins with the service and the instance. */
  const table = async (): Promise<Record<string, string[]>> => {
    const { stdout } = await stack.sixgate(['status'])
    const lines = [...stdout.matchAll(/^(\S+) +([0-9a-f]{12}) +\d+ of \d+ +ok /gm)]
    return Object.fromEntries(
      SCALING.map((service) => [
        service,
        lines.flatMap(([, name, instance = '']) => (name === service ? [instance] : [])),
      ]),
    )
  }
  const ofPage = async (): Promise<Record<string, string[]>> => {
    const { instances } = (await askPage(site, 'site')) as { instances: { service: string; instance: string }[] }
    return Object.fromEntries(
      SCALING.map((service) => [
        service,
        instances.flatMap((one) => (one.service === service ? [one.instance] : [])).toSorted(),
      ]),
    )
  }

  after(async () => {
    await scale(1)
    await converged(stack)
  })

  it('two of each: status, --json and the page show every instance', async () => {
    await scale(2)
    const expected = await seen(2)
    assert.deepEqual(await table(), expected)
    assert.deepEqual(await ofPage(), expected)
  })

  it('of two consoles, firewalls and advertisers one is active; names and packets go on', async () => {
    const status = await siteStatus(stack)
    const waiting = instancesOf(status, 'console').filter(({ remarks }) =>
      remarks?.some((line) => line.startsWith('stands by')),
    )
    assert.equal(waiting.length, 1)
    const { code, output } = await home.client.type('curl -s -m 5 http://www.example/')
    assert.equal(code, 0, output)
    const applied = await stack.sixgate(['config', 'apply'])
    assert.equal(applied.code, 0, applied.stdout + applied.stderr)
  })

  it('one of each again: who is gone is not shown any more', async () => {
    await scale(1)
    const expected = await seen(1)
    assert.deepEqual(await table(), expected)
    await until('the page shows those that are left', 30, async () => {
      assert.deepEqual(await ofPage(), expected)
      return true
    })
    assert.equal((await home.client.type('curl -s -m 5 http://www.example/')).code, 0)
  })
}
