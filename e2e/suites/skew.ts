import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { startMeters } from '../chaos/meters.ts'
import { must } from '../harness/command.ts'
import { docker, dockerHost, ROOT } from '../harness/engine.ts'
import { converged, instancesOf, siteStatus } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { until } from '../harness/until.ts'
import { askPage } from './page.ts'
import { poolAddress } from './pool-address.ts'

/** In the order in which an upgrade takes them. */
const UPGRADED = ['keys', 'nats', 'uplink-dns', 'dns64', 'nat64', 'ra-advertiser', 'nat44-firewall', 'console'] as const
/** Whose programs are ours. */
const OURS = ['keys', 'dns64', 'nat64', 'ra-advertiser', 'nat44-firewall', 'console'] as const
const RESUME_S = 30

/** Commands that ask services, or read what they wrote. */
const COMMANDS = [
  'hosts',
  'drops',
  'dns explain www.example',
  'dns queries',
  'dns top',
  'firewall rules',
  'log level',
  'config show',
  'config history',
  'events',
  'metrics',
] as const

/**
 * Images of this release and of one as the next may be (e2e/skew) run together, in every mixture that an upgrade in order and the way back
 * make, under traffic.
 */
export function skewSuite(site: SiteUnderTest): void {
  const { home, stack } = site
  const replaceBy = async (tag: string, ...services: readonly string[]): Promise<string> =>
    await must([`${ROOT}deploy/machine/upgrade.sh`, ...services], {
      deadlineS: 300,
      env: {
        ...stack.environment,
        DOCKER_HOST: await dockerHost(),
        COMPOSE_PROJECT_NAME: 'sixgate',
        SIXGATE_TAG: tag,
      },
    })
  const versions = async (): Promise<string> =>
    /versions differ: (.*)/.exec((await stack.sixgate(['status'])).stdout)?.[1] ?? 'the same everywhere'

  const everythingIsUnderstood = async (): Promise<void> => {
    for (const words of COMMANDS) {
      const { code, stdout, stderr } = await stack.sixgate(words.split(' '))
      assert.equal(code, 0, `${words}: ${stdout}${stderr}`)
      assert.doesNotMatch(stdout + stderr, /not understood|is no answer|are all of one version/, words)
      assert.notEqual(stdout, '', words)
    }
    const { isConverged } = (await askPage(site, 'site')) as { isConverged: boolean }
    assert.ok(isConverged)
    const { complaints } = (await askPage(site, 'hosts')) as { complaints: readonly string[] }
    assert.deepEqual(complaints, [])
  }

  /** Replaces one after the other; after each, all is well and everything is understood. */
  const oneByOne = async (tag: string, services: readonly string[]): Promise<void> => {
    const address = await poolAddress(home)
    const meters = await startMeters(RESUME_S)
    const mixtures: string[] = []
    for (const service of services) {
      const said = await replaceBy(tag, service)
      assert.match(said, new RegExp(`${service}: (started anew|1 new instance|is current)`))
      await converged(stack)
      mixtures.push(await versions())
      await everythingIsUnderstood()
    }
    const { ping, udp, dns, dnsOverTcp, http, download, lifetimeZero } = await meters.finish()
    const lost = Object.entries({ ping, udp, dns, dnsOverTcp, http }).flatMap(([kind, meter]) =>
      meter.lost + meter.wrong > 0 ? [`${kind}: ${meter.lost} lost, ${meter.wrong} wrong of ${meter.sent}`] : [],
    )
    assert.deepEqual(lost, [])
    assert.deepEqual([download.survived, lifetimeZero], [true, 0])
    assert.equal(await poolAddress(home), address)
    assert.ok(
      mixtures.filter((mixture) => mixture.includes('0.1.0') && mixture.includes('0.2.0')).length >= 4,
      `mixtures: ${mixtures.join('; ')}`,
    )
    assert.equal(mixtures.at(-1), 'the same everywhere')
  }

  before(async () => {
    for (const image of OURS)
      await docker(['build', '--build-arg', `IMAGE=${image}`, '--tag', `sixgate/${image}:next`, `${ROOT}e2e/skew`], {
        deadlineS: 120,
      })
    await docker(['tag', 'sixgate/uplink-dns:latest', 'sixgate/uplink-dns:next'])
  })
  after(async () => {
    await replaceBy('latest')
    await converged(stack)
  })

  it('upgrade: the next version takes the place of this one, service by service, under traffic', async () => {
    await oneByOne('next', UPGRADED)
  })

  it('a field of the next version is in force when all have it; one service of this version refuses it, and it is put back', async () => {
    const document = await site.readDocument()
    const { revision } = await siteStatus(stack)
    const withField = `${document}\nconsole:\n  nextTheme: true\n`
    await site.writeDocument(withField)
    const { revision: grown } = await converged(stack, revision)
    await site.writeDocument(document)
    const { revision: plain } = await converged(stack, grown)

    await replaceBy('latest', 'nat64')
    await converged(stack)
    await site.writeDocument(withField)
    const problems = await until('the console says who refuses it', 60, async () => {
      const told = instancesOf(await siteStatus(stack), 'console').flatMap((one) => one.problems)
      return told.some(({ code }) => code === 'document-put-back') ? told : undefined
    })
    assert.match(JSON.stringify(problems), /nat64.*nextTheme/)
    await until('the document before it is in force everywhere else', 60, async () => {
      const status = await siteStatus(stack)
      return instancesOf(status, 'nat64').every((one) => one.state === 'ok' && one.revision === status.revision)
        ? true
        : undefined
    })
    await site.writeDocument(document)
    await converged(stack, plain)
  })

  it('the way back: this version takes the place of the next one, service by service, under traffic', async () => {
    // All of them, whatever ran before.
    await replaceBy('next')
    await converged(stack)
    await oneByOne('latest', UPGRADED.toReversed())
  })
}
