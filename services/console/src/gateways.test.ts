import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { BUCKETS, DOCUMENT_KEY, KvBucket, type Link } from '@sixgate/bus'
import type { Process } from '@sixgate/testkit'
import { SiteLab, siteYaml } from './testkit/site-lab.ts'

/** The consoles of two gateways, each with a site.yaml of its own, at one NATS. */

const MAIN = join(import.meta.dirname, 'main.ts')
const CLI = join(import.meta.dirname, 'cli.ts')

const GATEWAYS = `gateways:
  - { name: a, router: "::1" }
  - { name: b, router: "::2" }
`
const yaml = (pref64?: string): string => `${siteYaml(pref64)}${GATEWAYS}`

const OLD = '64:ff9b::/96'
const NEW = '2001:db8:64::/96'
const OTHER = '2001:db8:65::/96'

const variablesOf = (lab: SiteLab, gateway: string, publish: string): Record<string, string> => {
  const directory = join(lab.directory, gateway)
  return {
    GATEWAY: gateway,
    PUBLISH: publish,
    CONFIRM_S: '0',
    STATE_DIR: join(directory, 'state'),
    HEALTH_FILE: join(directory, 'health.json'),
    STOPPING_FILE: join(directory, 'stopping'),
    SITE_FILE: join(directory, 'site/site.yaml'),
  }
}

const write = (lab: SiteLab, gateway: string, text: string): void => {
  const file = join(lab.directory, gateway, 'site/site.yaml')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

const start = (lab: SiteLab, gateway: string, publish = 'yes'): Process =>
  lab.run('console', MAIN, [], variablesOf(lab, gateway, publish))

const sixgate = async (
  lab: SiteLab,
  gateway: string,
  publish: string,
  args: readonly string[],
): Promise<{ status: number; stdout: string; stderr: string }> => {
  const running = lab.run('console', CLI, args, variablesOf(lab, gateway, publish))
  const status = await running.ended
  return { status, ...running.output }
}

/** Waits until the document in NATS has this NAT64 prefix. */
const published = async (link: Link, pref64: string): Promise<void> =>
  await new Promise((resolve) => {
    const stop = new KvBucket(link, BUCKETS.SITE).watch(({ key, value }) => {
      const { pref64: list } = JSON.parse(new TextDecoder().decode(value)) as { pref64: string[] }
      if (key !== DOCUMENT_KEY || list[0] !== pref64) return
      setImmediate(() => stop())
      resolve()
    })
  })

const health = (lab: SiteLab, gateway: string): { state: string; problems: string[] } =>
  JSON.parse(readFileSync(join(lab.directory, gateway, 'health.json'), 'utf8'))

describe('the consoles of two gateways', () => {
  it('one that follows publishes nothing of its own, and says where the document is changed', async () => {
    await using lab = await SiteLab.start()
    write(lab, 'a', yaml(OLD))
    write(lab, 'b', yaml(OTHER))
    const b = start(lab, 'b', 'no')
    const a = start(lab, 'a')
    const { link } = await lab.connect('nat64')
    await published(link, OLD)
    await Promise.all([a.waitFor(/state: ok/), b.waitFor(/state: ok/)])
    write(lab, 'b', yaml(NEW))
    for (const words of ['config apply', 'config rollback 1']) {
      const { status, stderr } = await sixgate(lab, 'b', 'no', words.split(' '))
      assert.equal(status, 1, words)
      assert.match(stderr, /console a-\S+ publishes the site document|no console publishes the site document/, words)
    }
    write(lab, 'a', yaml(NEW))
    await published(link, NEW)
    const entry = await new KvBucket((await lab.connect('console', 'look')).link, BUCKETS.SITE).get(DOCUMENT_KEY)
    // Two writes in all: nothing of b in between.
    assert.equal(entry?.revision, 2)
    assert.equal(health(lab, 'b').state, 'ok')
  })

  it('of two that would publish one does; the other says so, and does when the first one is gone', async () => {
    await using lab = await SiteLab.start()
    write(lab, 'a', yaml(OLD))
    const a = start(lab, 'a')
    await a.waitFor(/state: ok/)
    write(lab, 'b', yaml(NEW))
    const b = start(lab, 'b')
    await b.waitFor(/"code":"publishes-elsewhere","state":"degraded"/)
    assert.match(health(lab, 'b').problems.join(), /the console a-\S+ publishes the site document/)
    const { link } = await lab.connect('console', 'look')
    assert.equal((await new KvBucket(link, BUCKETS.SITE).get(DOCUMENT_KEY))?.revision, 1)
    await a.stop('SIGKILL')
    await published(link, NEW)
    await b.waitFor(/state: ok/)
  })

  it('a gateway that is stopped leaves its own mark', async () => {
    await using lab = await SiteLab.start()
    write(lab, 'a', yaml(OLD))
    const a = start(lab, 'a')
    await a.waitFor(/state: ok/)
    assert.equal(await a.stop('SIGTERM'), 0)
    const status = new KvBucket((await lab.connect('console', 'look')).link, BUCKETS.STATUS)
    const marks = (await status.keys()).filter((key) => key.startsWith('site.'))
    assert.deepEqual(marks, ['site.stopping.a'])
  })

  const WRONG: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ PUBLISH: 'maybe' }, /PUBLISH: .*maybe.*must be yes, or no/],
    [{ NATS_REPLICAS: '2' }, /NATS_REPLICAS: .*2.*must be 1, 3, 5/],
  ]
  for (const [variables, reason] of WRONG) {
    it(`${JSON.stringify(variables)} ends the process and says what is allowed`, async () => {
      await using lab = await SiteLab.start(true)
      const console = lab.run('console', MAIN, [], variables)
      assert.equal(await console.ended, 1)
      assert.match(console.output.stdout, reason)
    })
  }
})
